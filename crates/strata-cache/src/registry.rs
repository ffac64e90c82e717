//! Where caches live, and how threads come by them: slots in slabs, claimed by a bit (P11, P12).
//!
//! | bit     | who may leave it         | to      | by          | what becomes visible            |
//! |---------|--------------------------|---------|-------------|---------------------------------|
//! | free    | a thread that starts     | claimed | CAS Acquire | the last user emptied the cache |
//! | claimed | the thread, when it ends | free    | OR Release  | it is empty                     |
//!
//! I1  A cache whose bit is free owns no pool and holds no block: `abandon` comes before the release.
//! I2  Slabs are never unmapped: a racy read of a cache that was just left is harmless.
//!
//! Short-lived threads use the lowest slots again and again: a hundred thousand of them need as much memory as those that
//! live at the same time.
//!
//! Does not know: threads. Model: `loom-tests/tests/p12_identity.rs`.

use crate::cache::{Cache, place_of};
use crate::offsets::OFFSETS;
use crate::turnover::Departed;
use core::mem::offset_of;
use core::ptr::NonNull;
use strata_core::arena::PoolBits;
use strata_core::block::BlockPtr;
use strata_core::counters::Counter;
use strata_core::offsets::{RUNTIME_ALIGN, Signature};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::{DELETE_FLUSHES, LEAVE_EMPTIES_FIRST, PUBLISH, PUBLISH_READ};
use strata_core::sync::{AtomicPtr, Hint, Ordering::Relaxed, init_fresh};
use strata_os::{machine, memory};
use strata_segment::{PageHeap, StrangerInside};

/// Caches in a slab.
pub(crate) const CACHES_PER_SLAB: usize = if cfg!(strata_loom) { 2 } else { 64 };
/// Slabs: as many as there is memory for; in models one.
const MOST_SLABS: usize = if cfg!(strata_loom) { 1 } else { usize::MAX };

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
}

const _: () = assert!(align_of::<Runtime>() == RUNTIME_ALIGN && offset_of!(Runtime, signature) == 0);
// What only threads that end touch may lie behind the page.
const _: () = assert!(cfg!(strata_loom) || offset_of!(Runtime, departed) <= RUNTIME_ALIGN);

impl Runtime {
    strata_core::const_unless_loom! {
        /// Nothing yet; a constant, for a `static`.
        pub fn new() -> Self {
            Self {
                signature: Signature::new(&OFFSETS, strata_os::counters::place()),
                page_heap: PageHeap::new(),
                departed: Departed::new(),
                registry: Registry::new(),
            }
        }
    }

    /// A cache for a thread that starts. `None`: no memory for one more slab of caches.
    pub fn enter(&'static self) -> Option<&'static Cache> {
        let _held_off = self.hold_off_forks();
        let (cache, number) = self.registry.claim()?;
        cache.join(self, number);
        Some(cache)
    }

    /// A counting cache for a thread that has one of its own. It is not counted as a thread, since it would make the shares smaller.
    #[cfg(not(strata_loom))]
    pub(crate) fn enter_in_front(&'static self) -> Option<&'static Cache> {
        let _held_off = self.hold_off_forks();
        let (cache, _) = self.registry.claim()?;
        self.registry.live.subtract(1);
        self.registry.ever.subtract(1);
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
        self.registry.live.add(1);
        self.registry.release(cache);
    }

    /// A cache for a value of the program, which a child of `fork` has, too.
    pub fn enter_as_heap(&'static self) -> Option<&'static Cache> {
        let cache = self.enter()?;
        cache.stays_after_fork.set(1);
        Some(cache)
    }

    /// Empties the cache of a thread that a fork left behind, and frees its slot; whether there was one. The caller holds forks off.
    pub(crate) fn empty_an_orphan(&'static self) -> bool {
        let Some(cache) = self.registry.take_orphan() else { return false };
        if cache.runtime().is_none() {
            // A counting one (`profile`), which was not counted.
            self.registry.live.add(1);
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
        let _held_off = self.hold_off_forks();
        let page_heap = &self.page_heap;
        let fresh = || Some(page_heap.open_pool(page_heap.claim_pool()?, class, place_of(class)));
        let pool = page_heap.adopt(class, 0).or_else(fresh).or_else(|| page_heap.adopt_scarce(class))?;
        let mut taken = None;
        if pool.take(1, |block| taken = Some(block)) == 0 {
            pool.carve(class, 1, |block| taken = Some(block));
        }
        page_heap.abandon(pool);
        page_heap.tick();
        taken
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
        SizeClass::all().for_each(|class| self.departed.take_over(class, &cache.class(class).turnover));
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

/// The words and the first cache are the first page of a slab; few programs touch more than that.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Slab {
    pub(crate) free: PoolBits,
    pub(crate) orphans: PoolBits,
    pub(crate) next: AtomicPtr<Self>,
    pub(crate) caches: [Cache; CACHES_PER_SLAB],
}

impl Slab {
    /// Makes fresh memory a slab of empty caches, part by part: in models, a whole one is more than a stack holds.
    ///
    /// # Safety
    /// - `place` is aligned, zero, and the caller's; an empty cache, no free bit and no next slab are all-zero bytes.
    unsafe fn init_fresh(place: NonNull<Self>) {
        let part = |offset: usize| {
            // SAFETY: within the slab.
            unsafe { place.byte_add(offset) }
        };
        // SAFETY: `place` is aligned, zero and the caller's, by this function's contract.
        unsafe { init_fresh(part(offset_of!(Self, free)).cast(), PoolBits::none) };
        // SAFETY: within the slab, zero, and the caller's.
        unsafe { init_fresh(part(offset_of!(Self, orphans)).cast(), PoolBits::none) };
        let nothing = || AtomicPtr::<Self>::new(core::ptr::null_mut());
        // SAFETY: within the slab, zero, and the caller's.
        unsafe { init_fresh(part(offset_of!(Self, next)).cast(), nothing) };
        for index in 0..CACHES_PER_SLAB {
            let offset = offset_of!(Self, caches) + index * size_of::<Cache>();
            // SAFETY: within the slab, zero, and the caller's.
            unsafe { init_fresh(part(offset).cast(), Cache::new) };
        }
    }
}

/// All slabs, each of which leads to the next.
#[derive(Debug)]
pub struct Registry {
    pub(crate) first: AtomicPtr<Slab>,
    live: Counter,
    pub(crate) ever: Counter,
    /// Of those, caches of threads.
    threads: Counter,
    /// Whether there may be orphans: 1 or 0.
    pub(crate) orphaned: Hint,
}

impl Registry {
    strata_core::const_unless_loom! {
        fn new() -> Self {
            Self {
                first: AtomicPtr::new(core::ptr::null_mut()),
                live: Counter::zero(),
                ever: Counter::zero(),
                threads: Counter::zero(),
                orphaned: Hint::new(0),
            }
        }
    }

    fn claim(&self) -> Option<(&'static Cache, u32)> {
        let mut place = &self.first;
        for number in 0..MOST_SLABS {
            // Without memory for a slab, none is made further on: a search for a slab ends at the first empty place.
            let slab = Self::slab(place).or_else(|| Self::add_slab(place))?;
            if let Some(slot) = slab.free.claim_lowest() {
                self.live.add(1);
                self.ever.add(1);
                let number = (number * CACHES_PER_SLAB) as u32 + slot;
                return slab.caches.get(slot as usize).map(|cache| (cache, number));
            }
            place = &slab.next;
        }
        None
    }

    fn release(&self, cache: &'static Cache) {
        let address = core::ptr::from_ref(cache).addr();
        for slab in self.published() {
            let offset = address.wrapping_sub(slab.caches.as_ptr().addr());
            if offset < size_of_val(&slab.caches) {
                slab.free.release(1 << (offset / size_of::<Cache>()));
                self.live.subtract(1);
            }
        }
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
        let orphan = self.published().find_map(|slab| slab.caches.get(slab.orphans.claim_lowest()? as usize));
        if orphan.is_none() {
            self.orphaned.set(0);
        }
        orphan
    }

    /// The slab at a place, if there is one.
    fn slab(place: &AtomicPtr<Slab>) -> Option<&'static Slab> {
        // Acquire (PUBLISH_READ): sees the complete slab; pairs with Release in registry.rs::add_slab.
        let slab = place.load(PUBLISH_READ);
        // SAFETY: a published slab is never unmapped (I2).
        unsafe { slab.as_ref() }
    }

    /// The slab at an empty place: ours, or that of another thread that was faster.
    #[cold]
    fn add_slab(place: &AtomicPtr<Slab>) -> Option<&'static Slab> {
        let bytes = size_of::<Slab>().next_multiple_of(machine::page_size());
        let fresh = memory::map(bytes, align_of::<Slab>())?;
        let slab = fresh.cast::<Slab>();
        // SAFETY: mapped just now, zero, ours.
        unsafe { Slab::init_fresh(slab) };
        // SAFETY: ours, initialised.
        unsafe { slab.as_ref() }.free.release(u64::MAX >> (64 - CACHES_PER_SLAB));
        // Release (PUBLISH): carries the complete slab; pairs with Acquire in registry.rs::slab.
        if place.compare_exchange(core::ptr::null_mut(), slab.as_ptr(), PUBLISH, Relaxed).is_err() {
            Self::unmap(fresh, bytes);
        }
        Self::slab(place)
    }

    /// Gives all slabs back, in models.
    ///
    /// # Safety
    /// - None of their caches is used again.
    #[cfg(strata_loom)]
    pub(crate) unsafe fn dismantle(&self) {
        let bytes = size_of::<Slab>().next_multiple_of(machine::page_size());
        self.published().for_each(|slab| Self::unmap(NonNull::from(slab).cast(), bytes));
    }

    fn unmap(slab: NonNull<u8>, bytes: usize) {
        // SAFETY: it was never published.
        unsafe { memory::release(slab, bytes) };
    }

    pub(crate) fn published(&self) -> impl Iterator<Item = &'static Slab> {
        core::iter::successors(Self::slab(&self.first), |slab| Self::slab(&slab.next))
    }

    /// All caches in use at the moment.
    pub fn caches(&self) -> impl Iterator<Item = &'static Cache> {
        self.published().flat_map(|slab| {
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
