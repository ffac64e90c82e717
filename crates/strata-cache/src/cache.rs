//! What one thread keeps: a magazine for each class, and an active pool for the few classes that it is busy with.
//!
//! ```text
//!   magazines[class]   blocks that are ready, of whatever pools              (`magazine`)
//!   classes[class]     the active pool, if there is one; how much is wanted  (`active`, `refill`, `flush`)
//! ```
//!
//! I1  Everything here has one owner, the thread (or the one that claimed the slot for a moment); statistics read magazines racily.
//! I2  All-zero bytes but for `runtime` are an empty cache; one such, `EMPTY`, serves where a thread has none, so the
//!     fast path needs no test.
//!
//! Does not know: thread-local storage.

use crate::magazine::{DEPTH, LARGE_DEPTH, LAST_SMALL, Magazine, Storage, depth_of};
use crate::peaks::Said;
use crate::profile::Filter;
use crate::registry::Runtime;
use crate::turnover::Turnover;
use core::mem::offset_of;
use core::ptr::NonNull;
use strata_core::address::UserPtr;
use strata_core::pool::{Format, Pool};
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_core::sync::{OwnedPtr, OwnedU32, OwnedUsize};
use strata_segment::{Inside, PageHeap, Presence};

/// The thread's state of one class besides its magazine: read on slow paths only.
#[derive(Debug)]
pub(crate) struct ClassState {
    /// The pool that refills draw from while the thread is busy with the class (`active`).
    pub(crate) active: OwnedPtr<Pool>,
    /// Blocks that the last refill took (`refill`); of a counting cache, how many are ready at most (`profile`).
    pub(crate) batch: OwnedU32,
    /// Refills since the last round (`maintenance`).
    pub(crate) refills: OwnedU32,
    /// Whether the thread was busy with the class in the last round.
    pub(crate) busy: OwnedU32,
    /// Fresh pools that were opened one after another (`refill`).
    pub(crate) fresh: OwnedU32,
    /// Blocks of a larger class that were handed out in its stead (`promotion`).
    pub(crate) promoted: OwnedU32,
    /// Whether an allocation or a free came to a slow path since this was last read (`flush`, `maintenance`).
    pub(crate) visited: OwnedU32,
    /// Whether larger blocks were given back for want of room since the last refill (`flush`).
    pub(crate) overflowed: OwnedU32,
    /// Blocks in the magazine at the last search for quiet ones (`maintenance`).
    pub(crate) seen: OwnedU32,
    /// Of a counting cache: blocks before the class's next sample, plus one (`profile`).
    pub(crate) until_sample: OwnedU32,
    /// What all were told is outside of pools by this thread (`peaks`).
    pub(crate) said: OwnedU32,
    /// Blocks that came out of pools, and went back (`turnover`).
    pub(crate) turnover: Turnover,
}

impl ClassState {
    strata_core::const_unless_loom! {
        fn new() -> Self {
            Self {
                active: OwnedPtr::null(),
                batch: OwnedU32::zero(),
                refills: OwnedU32::zero(),
                busy: OwnedU32::zero(),
                fresh: OwnedU32::zero(),
                promoted: OwnedU32::zero(),
                visited: OwnedU32::zero(),
                overflowed: OwnedU32::zero(),
                seen: OwnedU32::zero(),
                until_sample: OwnedU32::zero(),
                said: OwnedU32::zero(),
                turnover: Turnover::new(),
            }
        }
    }

    /// Nothing is known of the class; it has no active pool.
    pub(crate) fn forget(&self) {
        debug_assert!(self.active.get().is_null());
        for count in [
            &self.batch,
            &self.refills,
            &self.busy,
            &self.fresh,
            &self.promoted,
            &self.visited,
            &self.overflowed,
            &self.seen,
        ] {
            count.set(0);
        }
    }
}

/// One thread's cache; see the module for its parts.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Cache {
    /// Where pools without blocks lead: never written, so empty and full.
    none: Storage<0>,
    runtime: OwnedPtr<Runtime>,
    /// The kernel's number of the thread; 0: a heap's cache (`thread`).
    pub(crate) thread: OwnedU32,
    /// Of a counting cache: the one behind it (`profile`).
    pub(crate) behind: OwnedPtr<Cache>,
    /// Refills since the cache was joined.
    pub(crate) refills: OwnedU32,
    /// Flushes since the cache was joined.
    pub(crate) flushes: OwnedU32,
    /// Bytes that the limits of all magazines together allow (`flush`).
    pub(crate) granted_bytes: OwnedU32,
    /// The class whose limit is reduced next when another needs more (`flush`).
    pub(crate) hand: OwnedU32,
    /// Requests to flush that were heeded (`maintenance`).
    pub(crate) requests: OwnedU32,
    /// The last purge pass that was seen (`maintenance`).
    pub(crate) passes: OwnedU32,
    /// Rounds of destructors that the cache has let pass (`thread`).
    pub(crate) exit_rounds: OwnedU32,
    /// The number of its slot (`slabs`).
    pub(crate) slot: OwnedU32,
    /// Where searches start, so that two threads rarely want the same pool.
    pub(crate) start: OwnedU32,
    /// Whether a child of `fork` keeps it (`fork`): 1 or 0.
    pub(crate) stays_after_fork: OwnedU32,
    /// Whether it is a heap's (`profile`): 0, or 1, or 2 if it is behind a heap's that counts.
    kind: OwnedU32,
    /// Whether its thread is inside an operation that a fork must wait for.
    pub(crate) presence: Presence,
    pub(crate) counting: CountingState,
    pub(crate) small: [Storage<DEPTH>; SMALL_COUNT],
    pub(crate) large: [Storage<LARGE_DEPTH>; CLASS_COUNT - SMALL_COUNT],
    pub(crate) classes: [ClassState; CLASS_COUNT],
    /// At the end, where a thread that starts touches no page.
    pub(crate) said: Said,
}

/// A counting cache's state besides each class's countdown (`profile`).
#[derive(Debug)]
pub(crate) struct CountingState {
    /// Of a cache that a counting one is in front of: that.
    pub(crate) front: OwnedPtr<Cache>,
    /// The state of its random numbers.
    pub(crate) random: OwnedUsize,
    /// The mean distance between samples by which it counts, in bytes.
    pub(crate) mean: OwnedUsize,
    /// Which addresses may be sampled.
    pub(crate) filter: OwnedPtr<Filter>,
    /// Bytes of large blocks before their next sample, plus one; 0: not drawn yet.
    pub(crate) until_large: OwnedUsize,
    /// Of a thread's own cache: 1 while one is put in front of it, and when none may be any more.
    pub(crate) is_closed: OwnedUsize,
}

impl CountingState {
    strata_core::const_unless_loom! {
        fn new() -> Self {
            Self { front: OwnedPtr::null(), random: OwnedUsize::zero(), mean: OwnedUsize::zero(), filter: OwnedPtr::null(), until_large: OwnedUsize::zero(), is_closed: OwnedUsize::zero() }
        }
    }
}

/// The kind of a thread's cache, of a counting one in front of it, and of one for a moment.
const THREADS: u32 = 0;
const HEAPS: u32 = 1;
#[cfg(not(strata_loom))]
const BEHIND_HEAPS: u32 = 2;

/// Classes with a deep magazine.
pub(crate) const SMALL_COUNT: usize = LAST_SMALL.index() + 1;

/// The distance of a class's magazine from the start of any cache, in bytes: pools of the class record it.
pub(crate) const fn place_of(class: SizeClass) -> u32 {
    let index = class.index();
    let place = if index < SMALL_COUNT {
        offset_of!(Cache, small) + index * size_of::<Storage<DEPTH>>()
    } else {
        offset_of!(Cache, large) + (index - SMALL_COUNT) * size_of::<Storage<LARGE_DEPTH>>()
    };
    place as u32
}

/// The same for each class.
static PLACES: [u32; CLASS_COUNT] = {
    let mut places = [0; CLASS_COUNT];
    let mut index = 0;
    while index < CLASS_COUNT {
        places[index] = place_of(SizeClass::from_index(index));
        index += 1;
    }
    places
};

const _: () = assert!(offset_of!(Cache, none) == 0, "a pool without a magazine records 0");

// SAFETY: one owner at a time (I1); it moves with the claim of the registry's bit.
unsafe impl Sync for Cache {}

impl Cache {
    strata_core::const_unless_loom! {
        /// An empty cache of no runtime.
        pub fn new() -> Self {
            Self {
                none: Storage::new(),
                runtime: OwnedPtr::null(),
                thread: OwnedU32::zero(),
                behind: OwnedPtr::null(),
                refills: OwnedU32::zero(),
                flushes: OwnedU32::zero(),
                granted_bytes: OwnedU32::zero(),
                hand: OwnedU32::zero(),
                requests: OwnedU32::zero(),
                passes: OwnedU32::zero(),
                exit_rounds: OwnedU32::zero(),
                slot: OwnedU32::zero(),
                start: OwnedU32::zero(),
                stays_after_fork: OwnedU32::zero(),
                kind: OwnedU32::zero(),
                presence: Presence::none(),
                counting: CountingState::new(),
                small: strata_core::each_slot!(Storage::new(); SMALL_COUNT),
                large: strata_core::each_slot!(Storage::new(); { CLASS_COUNT - SMALL_COUNT }),
                classes: strata_core::each_slot!(ClassState::new(); CLASS_COUNT),
                said: Said::new(),
            }
        }
    }

    /// Joins an empty cache to the runtime that it draws from.
    pub(crate) fn join(&self, runtime: &'static Runtime) {
        self.lead_to(runtime);
        self.exit_rounds.set(0);
        self.counting.is_closed.set(0);
        self.counting.front.set(core::ptr::null_mut());
        self.thread.set(0);
        self.stays_after_fork.set(0);
        self.kind.set(THREADS);
        self.refills.set(0);
        self.flushes.set(0);
        // The first starts at the lowest pool; the others are spread over the arena.
        self.start.set(self.slot.get().wrapping_mul(37) % u64::BITS);
    }

    /// What was asked for before concerns it no more.
    pub(crate) fn lead_to(&self, runtime: &'static Runtime) {
        self.runtime.set(core::ptr::from_ref(runtime).cast_mut());
        self.requests.set(runtime.page_heap.flush_requests());
        self.passes.set(runtime.page_heap.passes() as u32);
    }

    /// Makes a cache that was joined just now a heap's.
    pub(crate) fn make_heap(&self) {
        self.stays_after_fork.set(1);
        self.kind.set(HEAPS);
    }

    /// Makes a cache that was joined just now one behind a heap's that counts.
    #[cfg(not(strata_loom))]
    pub(crate) fn make_behind_heap(&self) {
        self.stays_after_fork.set(1);
        self.kind.set(BEHIND_HEAPS);
    }

    /// Whether it is a heap's, or behind one.
    #[cfg(not(strata_loom))]
    pub(crate) fn is_heap(&self) -> bool {
        self.kind.get() != THREADS
    }

    /// Whether it is behind a heap's that counts.
    #[cfg(not(strata_loom))]
    pub(crate) fn is_behind(&self) -> bool {
        self.kind.get() == BEHIND_HEAPS
    }

    /// Joins an empty cache to no runtime: a sentinel of one thread's own, for `profile`.
    #[cfg(not(strata_loom))]
    pub(crate) fn join_none(&self) {
        self.runtime.set(core::ptr::null_mut());
    }

    /// Holds forks off, on its thread. A sentinel cannot. Models do not fork.
    #[inline]
    pub(crate) fn hold_off_forks(&self) -> Option<Inside<'_>> {
        let runtime = self.runtime().filter(|_| !cfg!(strata_loom))?;
        Some(runtime.page_heap.fork_gate.enter(&self.presence))
    }

    /// Its number, to compare with a pool's owner.
    #[inline]
    pub(crate) fn name(&self) -> *mut () {
        core::ptr::from_ref(self).cast_mut().cast()
    }

    #[inline(always)]
    pub(crate) fn magazine(&self, class: SizeClass) -> Magazine<'_> {
        // SAFETY: a class's index is below CLASS_COUNT by construction.
        let place = unsafe { *PLACES.get_unchecked(class.index()) };
        // SAFETY: where a magazine lies.
        unsafe { self.magazine_at(place) }
    }

    /// The magazine at `place`.
    ///
    /// # Safety
    /// - `place` is 0, where a magazine lies that is always empty and always full, or came from [`place_of`].
    #[inline(always)]
    pub(crate) unsafe fn magazine_at(&self, place: u32) -> Magazine<'_> {
        // SAFETY: within the cache.
        let place = unsafe { NonNull::from(self).cast::<u8>().byte_add(place as usize) };
        // SAFETY: a magazine lies at `place`, or an empty one that is never written, by this function's contract.
        unsafe { Magazine::at(place) }
    }

    #[inline]
    pub(crate) fn class(&self, class: SizeClass) -> &ClassState {
        // SAFETY: a class's index is below CLASS_COUNT by construction.
        unsafe { self.classes.get_unchecked(class.index()) }
    }

    /// The shared state; a sentinel (`EMPTY`) has none.
    #[inline]
    pub(crate) fn runtime(&self) -> Option<&'static Runtime> {
        // SAFETY: set by `join` to a runtime that lives for ever.
        unsafe { self.runtime.get().as_ref() }
    }

    /// The segment layer.
    #[inline]
    pub(crate) fn page_heap(&self) -> &'static PageHeap {
        debug_assert!(self.runtime().is_some());
        // SAFETY: only caches that joined a runtime get here: sentinels are turned away on every slow path.
        &unsafe { self.runtime().unwrap_unchecked() }.page_heap
    }

    /// The kernel's number of the thread whose cache this is; 0: a heap's. A racy read.
    pub fn thread(&self) -> u32 {
        self.thread.glance()
    }

    /// Refills, and flushes, since the cache was joined: racy reads.
    pub fn batches(&self) -> (u64, u64) {
        (self.refills.glance().into(), self.flushes.glance().into())
    }

    /// Blocks of a class that came out of pools, and that went back, since the cache was joined: racy reads.
    pub fn turnover(&self, class: SizeClass) -> (u64, u64) {
        self.class(class).turnover.glance()
    }

    /// The classes of the blocks in magazines, each as its pool has it: blocks that the program does not have although the pools
    /// count them as live. A racy read.
    pub fn ready_blocks(&self) -> impl Iterator<Item = SizeClass> {
        SizeClass::all().flat_map(|class| self.magazine(class).glance(depth_of(class))).filter_map(|block| {
            // SAFETY: a block of a pool; its header is never unmapped.
            match unsafe { UserPtr::new(block).pool() }.glance_format() {
                Format::Blocks(class) => Some(class),
                Format::Idle | Format::Run(_) => None,
            }
        })
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}
