//! How threads come by caches: slots in `slabs`, claimed by a bit (P12); and what all threads share.
//!
//! | bit     | who may leave it         | to      | by          | what becomes visible            |
//! |---------|--------------------------|---------|-------------|---------------------------------|
//! | free    | a thread that starts     | claimed | CAS Acquire | the last user emptied the cache |
//! | claimed | the thread, when it ends | free    | OR Release  | it is empty                     |
//!
//! I1  A cache whose bit is free owns no pool and holds no block: `abandon` comes before the release.
//!
//! Short-lived threads use the lowest slots again and again: a hundred thousand of them need as much memory as those that
//! live at the same time.
//!
//! Does not know: threads. Model: `loom-tests/tests/p12_identity.rs`.

use crate::cache::{Cache, place_of};
use crate::offsets::OFFSETS;
use crate::peaks::Outside;
use crate::slabs::Slabs;
use crate::thread;
use crate::turnover::Departed;
use core::mem::offset_of;
use strata_core::block::BlockPtr;
use strata_core::counters::{CompactFlow, Counter};
use strata_core::offsets::{RUNTIME_ALIGN, Signature};
use strata_core::pool::Spoilt;
use strata_core::size_class::SizeClass;
use strata_core::sync::Hint;
use strata_core::sync::mutation::{DELETE_FLUSHES, LEAVE_EMPTIES_FIRST};
use strata_segment::{PageHeap, SELDOM_BYTES, StrangerInside, misuse};

/// Everything that threads share: the segment layer and the caches.
///
/// In the order of the fields, and on one page: what a start touches (decision 0016). Aligned to it, so that it is one.
#[repr(C, align(4096))]
#[derive(Debug)]
pub struct Runtime {
    /// What a reader in another process finds it by.
    signature: Signature,
    /// The caches.
    pub registry: Registry,
    /// The segment layer.
    pub page_heap: PageHeap,
    /// Blocks that passed through caches that are gone.
    pub departed: Departed,
    /// The most blocks that were outside of pools.
    pub outside: Outside,
}

const _: () = assert!(align_of::<Runtime>() == RUNTIME_ALIGN && offset_of!(Runtime, signature) == 0);
// What only threads that end and huge blocks touch may lie behind the page, and what is counted last: pools of the 16 largest classes,
// above 64 KiB.
const BEHIND_THE_PAGE: usize = 16 * size_of::<CompactFlow>() + SELDOM_BYTES;
const _: () = assert!(cfg!(strata_loom) || offset_of!(Runtime, departed) <= RUNTIME_ALIGN + BEHIND_THE_PAGE);

impl Runtime {
    strata_core::const_unless_loom! {
        /// Nothing yet; a constant, for a `static`.
        pub fn new() -> Self {
            Self {
                signature: Signature::new(&OFFSETS, strata_os::counters::place()),
                page_heap: PageHeap::new(),
                departed: Departed::new(),
                outside: Outside::new(),
                registry: Registry::new(),
            }
        }
    }

    /// A cache for a thread that starts. `None`: no memory for one more slab of caches.
    pub fn enter(&'static self) -> Option<&'static Cache> {
        let _held_off = self.hold_off_forks();
        let cache = self.registry.claim()?;
        cache.join(self);
        Some(cache)
    }

    /// A counting cache for a thread that has one of its own. It is not counted as a thread, since it would make the shares smaller.
    #[cfg(not(strata_loom))]
    pub(crate) fn enter_in_front(&'static self) -> Option<&'static Cache> {
        let _held_off = self.hold_off_forks();
        let cache = self.registry.claim()?;
        self.registry.leave_out_one();
        // Whatever had the slot before.
        cache.join(self);
        cache.join_none();
        Some(cache)
    }

    /// Frees the slot of a counting cache.
    ///
    /// # Safety
    /// - `cache` came from [`enter_in_front`](Self::enter_in_front), holds no block, and is no longer used.
    #[cfg(not(strata_loom))]
    pub(crate) unsafe fn leave_in_front(&'static self, cache: &'static Cache) {
        let _held_off = self.hold_off_forks();
        self.registry.count_one_again();
        self.registry.release(cache);
    }

    /// A cache behind a heap's that counts, which is not counted as a heap.
    #[cfg(not(strata_loom))]
    pub(crate) fn enter_behind(&'static self) -> Option<&'static Cache> {
        let cache = self.enter()?;
        cache.make_behind_heap();
        self.registry.leave_out_one();
        Some(cache)
    }

    /// Empties a cache behind a heap's, and frees its slot.
    ///
    /// # Safety
    /// - `cache` came from [`enter_behind`](Self::enter_behind), and is no longer used.
    #[cfg(not(strata_loom))]
    pub(crate) unsafe fn leave_behind(&'static self, cache: &'static Cache) {
        self.registry.count_one_again();
        // SAFETY: the same contract.
        unsafe { self.leave(cache) };
    }

    /// A cache for a value of the program, which a child of `fork` has, too.
    pub fn enter_as_heap(&'static self) -> Option<&'static Cache> {
        let cache = self.enter()?;
        cache.make_heap();
        thread::heed_profile(cache);
        Some(cache)
    }

    /// Empties the cache of a thread that a fork left behind, and frees its slot; whether there was one. The caller holds forks off.
    pub(crate) fn empty_an_orphan(&'static self) -> bool {
        let Some(cache) = self.registry.take_orphan() else { return false };
        if cache.runtime().is_none() {
            // A counting one (`profile`), which was not counted.
            self.registry.count_one_again();
            #[cfg(not(strata_loom))]
            cache.rejoin(self);
        }
        // SAFETY: its thread is not in this process, and the caller that took the orphan is alone with it.
        unsafe { self.leave_between_forks(cache) };
        true
    }

    /// Models do not fork.
    fn hold_off_forks(&self) -> Option<StrangerInside<'_>> {
        (!cfg!(strata_loom)).then(|| self.page_heap.fork_gate.enter_as_stranger())
    }

    /// A block for a thread that has no cache and gets none: straight from a pool, which is abandoned again.
    pub(crate) fn alloc_past_caches(&'static self, class: SizeClass) -> Option<BlockPtr> {
        let held_off = self.hold_off_forks();
        let block = self.page_heap.take_from_any(class, place_of(class), |pool| {
            let mut taken = None;
            match pool.take(class, 1, |block| taken = Some(block)) {
                Ok(0) => _ = pool.carve(class, 1, |block| taken = Some(block)),
                Ok(_) => {}
                Err(Spoilt) => misuse::freed_twice(pool),
            }
            taken
        });
        // A pass waits for forks, step by step, and so must not hold them off meanwhile.
        drop(held_off);
        self.page_heap.tick();
        block
    }

    /// Empties the cache of a thread that ends, and frees its slot.
    ///
    /// # Safety
    /// - `cache` came from [`enter`](Self::enter) of this runtime, and is no longer used.
    pub unsafe fn leave(&'static self, cache: &'static Cache) {
        let _held_off = self.hold_off_forks();
        // SAFETY: the same contract.
        unsafe { self.leave_between_forks(cache) };
    }

    /// # Safety
    /// - As for [`leave`](Self::leave).
    unsafe fn leave_between_forks(&'static self, cache: &'static Cache) {
        if !LEAVE_EMPTIES_FIRST {
            self.registry.release(cache);
        }
        // SAFETY: the cache is in no use, by this function's contract.
        unsafe { cache.abandon() };
        SizeClass::all().for_each(|class| {
            cache.say_the_rest(class);
            self.departed.take_over(class, &cache.class(class).turnover);
        });
        cache.said.forget();
        if LEAVE_EMPTIES_FIRST {
            self.registry.release(cache);
        }
    }

    /// The same for a heap's cache, on a thread whose own is `own` (or a sentinel): a thread that deletes a heap has usually freed
    /// its blocks, and those that are still in its magazines would keep pools in use.
    ///
    /// # Safety
    /// - As for [`leave`](Self::leave), of `heap`.
    /// - `own` is the calling thread's, and another.
    pub unsafe fn delete(&'static self, heap: &'static Cache, own: &Cache) {
        thread::end_heap_profile(heap);
        if DELETE_FLUSHES && own.runtime().is_some() {
            let _held_off = own.hold_off_forks();
            own.flush_all();
        }
        // SAFETY: the same contract.
        unsafe { self.leave(heap) };
    }
}

impl Default for Runtime {
    fn default() -> Self {
        Self::new()
    }
}

/// All caches.
#[derive(Debug)]
pub struct Registry {
    pub(crate) slabs: Slabs,
    live: Counter,
    pub(crate) ever: Counter,
    /// Of those, caches of threads.
    threads: Counter,
    /// Bytes that the limits of all threads' magazines allow (`flush`).
    pub(crate) granted_bytes: Counter,
    /// Whether there may be orphans: 1 or 0.
    pub(crate) orphaned: Hint,
}

impl Registry {
    strata_core::const_unless_loom! {
        fn new() -> Self {
            Self {
                slabs: Slabs::new(),
                live: Counter::zero(),
                ever: Counter::zero(),
                threads: Counter::zero(),
                granted_bytes: Counter::zero(),
                orphaned: Hint::new(0),
            }
        }
    }

    fn claim(&self) -> Option<&'static Cache> {
        let cache = self.slabs.claim()?;
        self.live.add(1);
        self.ever.add(1);
        Some(cache)
    }

    /// One that was claimed just now serves a cache that is counted already.
    #[cfg(not(strata_loom))]
    fn leave_out_one(&self) {
        self.live.subtract(1);
        self.ever.subtract(1);
    }

    /// One that was left out is about to be released, which takes it off.
    fn count_one_again(&self) {
        self.live.add(1);
    }

    fn release(&self, cache: &'static Cache) {
        self.slabs.release(cache);
        self.live.subtract(1);
    }

    /// Whether a fork left caches behind that are not emptied yet.
    #[inline]
    pub(crate) fn has_orphans(&self) -> bool {
        self.orphaned.get() != 0
    }

    /// One of them, which is then the caller's alone.
    fn take_orphan(&self) -> Option<&'static Cache> {
        if !self.has_orphans() {
            return None;
        }
        let orphan =
            self.slabs.iter().find_map(|slab| slab.caches.get(slab.orphans.claim_lowest()? as usize));
        if orphan.is_none() {
            self.orphaned.set(0);
        }
        orphan
    }

    /// How many slabs there are, for models.
    #[cfg(strata_loom)]
    pub fn slabs(&self) -> usize {
        self.slabs.iter().count()
    }

    /// All caches in use at the moment.
    pub fn caches(&self) -> impl Iterator<Item = &'static Cache> {
        self.slabs.iter().flat_map(|slab| {
            let free = slab.free.glance();
            slab.caches
                .iter()
                .enumerate()
                .filter(move |(index, _)| free >> index & 1 == 0)
                .map(|(_, cache)| cache)
        })
    }

    /// Caches in use.
    pub fn live(&self) -> u64 {
        self.live.get()
    }

    /// Caches given out since the start.
    pub fn ever(&self) -> u64 {
        self.ever.get()
    }

    /// Threads that were given a cache since the start: 0 as long as there are only heaps.
    pub fn threads(&self) -> u64 {
        self.threads.get()
    }

    /// A thread, and not a heap, was given a cache.
    pub(crate) fn note_thread(&self) {
        self.threads.add(1);
    }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "registry_tests.rs"]
mod tests;
