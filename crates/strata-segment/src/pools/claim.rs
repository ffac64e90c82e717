//! Claiming pools: those that hold memory first, and from the fullest arena, so that emptier ones can drain.
//!
//! Claims are rare (one for a thousand small blocks), so the search reads the free words of a segment's arenas, which lie
//! side by side, instead of keeping them sorted.
//!
//! Does not know: what the pools are for. Idea: usable arenas in order of fullness (CPython's obmalloc).

use super::Pools;
use crate::counters::bytes_of;
use crate::purge::policy::Taken;
use crate::segments::index::Kind;
use crate::segments::segment::{Segment, pool_index};
use strata_core::arena::PoolBits;
use strata_core::layout::{LARGEST_RUN_POOLS, POOL_BYTES, POOLS_PER_ARENA};
use strata_core::masks::{bits_of, run_mask};
use strata_core::pool::{Format, Memory, OwnedPool, Pool};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::DIRTY_READ_AFTER_CLAIM;

/// Consecutive pools that the caller has claimed.
#[derive(Clone, Copy, Debug)]
#[must_use = "dropped pools are lost memory"]
pub struct ClaimedRun {
    /// The first of them, idle.
    pub first: &'static Pool,
    /// Which of them, from bit 0 on, may hold something.
    pub dirty: u64,
}

/// Neighbouring pools of an arena that are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// So many, all for one large block, the first at a multiple of `step` pools.
    Run {
        /// 1 to [`LARGEST_RUN_POOLS`].
        pools: u32,
        /// A power of two.
        step: u32,
    },
    /// As many as blocks of a class share.
    Span(SizeClass),
}

impl Wanted {
    /// How many.
    pub(crate) const fn pools(self) -> u32 {
        match self {
            Self::Run { pools, .. } => pools,
            Self::Span(class) => class.span_pools(),
        }
    }

    const fn step(self) -> u32 {
        match self {
            Self::Run { step, .. } => step,
            Self::Span(_) => 1,
        }
    }

    /// How many pools are in use from the claim on, for the policy: what has no memory of a span is so once blocks reach it, but
    /// for its first pool.
    pub(super) const fn used(self, dirty: u64) -> u32 {
        match self {
            Self::Run { pools, .. } => pools,
            Self::Span(_) => (dirty | 1).count_ones(),
        }
    }
}

impl ClaimedRun {
    /// Makes a claimed pool one of `class`, or as many as its span has; `magazine` says where caches keep its blocks.
    pub fn open(self, class: SizeClass, magazine: u32) -> OwnedPool {
        // SAFETY: claimed, and idle.
        unsafe { self.first.open(class, magazine, self.dirty) }
    }

    /// What is known of the first pool's memory.
    pub fn memory(&self) -> Memory {
        if self.dirty & 1 == 0 { Memory::Zero } else { Memory::Used }
    }
}

impl Pools<'_> {
    /// Claims neighbouring pools of one arena, where the calling thread wants its memory.
    pub(crate) fn claim(&self, wanted: Wanted) -> Option<ClaimedRun> {
        self.segments.find(Kind::pools(wanted.pools()), |segment| self.claim_in(segment, wanted, along_hints))
    }

    /// Local memory was refused: claims what there is elsewhere. `None` where nothing is remote: everything was searched.
    pub(crate) fn claim_remote(&self, wanted: Wanted) -> Option<ClaimedRun> {
        self.segments
            .find_remote(Kind::pools(wanted.pools()), |segment| self.claim_in(segment, wanted, along_hints))
    }

    /// The OS has no more; but other threads may have given pools back meanwhile. One that has just freed a run may not have raised the
    /// hints to it, so these are not asked.
    #[cold]
    pub(crate) fn claim_late(&self, wanted: Wanted) -> Option<ClaimedRun> {
        self.segments.find_anywhere(Kind::Open, |segment| self.claim_in(segment, wanted, search))
    }

    /// Makes a large allocation longer without moving it. `false`: the pools behind it are not free.
    ///
    /// # Safety
    /// - `first` is the first pool of a run that is the caller's.
    pub(crate) unsafe fn grow_large(&self, first: &Pool, bytes: usize) -> bool {
        let Format::Run(old) = first.format() else { return false };
        let (new, start) = (bytes.div_ceil(POOL_BYTES) as u32, first.index().get() as u32);
        if new > LARGEST_RUN_POOLS as u32 || start + new > POOLS_PER_ARENA as u32 {
            return false;
        }
        let more = run_mask(start + old, new - old);
        // SAFETY: the run was claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(first) };
        if !segment.pools[arena as usize].claim_exactly(more) {
            return false;
        }
        first.open_run(new);
        segment.end_idleness(arena, more);
        self.policy.took(taken(new - old, segment.dirty(arena) & more));
        self.segments.counters().count_claimed(new - old);
        self.segments.counters().count_resized(old, new);
        // The end of the old run may have been given back (`run_tail`).
        let last = run_mask(start + old - 1, 1);
        segment.fill_holes(arena, (more | last) & segment.dirty(arena));
        true
    }

    /// Claims pools of the arena that `choose` finds in a segment.
    fn claim_in(
        &self,
        segment: &Segment,
        wanted: Wanted,
        choose: fn(&Segment, u32, u32) -> Option<u32>,
    ) -> Option<ClaimedRun> {
        let (pools, step) = (wanted.pools(), wanted.step());
        loop {
            let arena = choose(segment, pools, step)?;
            let bits = &segment.pools[arena as usize];
            let dirty_before = if DIRTY_READ_AFTER_CLAIM { 0 } else { segment.dirty(arena) };
            if let Some(start) = bits.claim_run(pools, step, segment.free_with_memory(arena)) {
                segment.open.clear_if(arena, || bits.glance() == 0);
                let claimed = run_mask(start, pools);
                let dirty = if DIRTY_READ_AFTER_CLAIM { segment.dirty(arena) } else { dirty_before };
                let dirty = (dirty & claimed) >> start;
                // Of what is clean no page is lost by a purge: the words are not touched at a start.
                if dirty != 0 {
                    segment.end_idleness(arena, claimed);
                }
                self.policy.took(taken(wanted.used(dirty), dirty));
                self.segments.counters().count_claimed(pools);
                // SAFETY: the arena was initialised before its bits could be claimed.
                let first = unsafe { segment.arena(arena).pool(pool_index(start)) };
                return Some(ClaimedRun { first, dirty });
            }
        }
    }
}

/// What the policy is told of so many pools, of which those in `dirty` hold something.
fn taken(pools: u32, dirty: u64) -> Taken {
    Taken::Pools { bytes: bytes_of(pools), clean: bytes_of(pools - dirty.count_ones()) }
}

/// The arena to claim so many neighbouring pools from, if hints say that there may be some.
fn along_hints(segment: &Segment, pools: u32, step: u32) -> Option<u32> {
    if pools == 1 && step == 1 { fullest_open(segment) } else { first_with(segment, pools, step) }
}

/// The arena with the fewest free pools, among those that have one with memory if there are any.
fn fullest_open(segment: &Segment) -> Option<u32> {
    let rank = |arena| {
        let free = segment.pools[arena as usize].glance().count_ones();
        (segment.free_with_memory(arena) == 0, free, arena)
    };
    let (_, _, arena) = bits_of(segment.open.hints()).map(rank).filter(|(_, free, _)| *free != 0).min()?;
    Some(arena)
}

/// The first arena that has such a run. Once none has, the segment is passed over until one comes back.
fn first_with(segment: &Segment, pools: u32, step: u32) -> Option<u32> {
    if pools > 1 && segment.lacks(Kind::Run(pools)) {
        return None;
    }
    let found = search(segment, pools, step);
    if pools > 1 && found.is_none() {
        segment.forget_runs(pools);
    }
    found
}

/// The same by a search, first for memory: to search all of them for the fullest took four times as long.
fn search(segment: &Segment, pools: u32, step: u32) -> Option<u32> {
    let first = |free: &dyn Fn(u32) -> u64| {
        bits_of(segment.open.hints()).find(|arena| PoolBits::has_run(free(*arena), pools, step))
    };
    first(&|arena| segment.free_with_memory(arena))
        .or_else(|| first(&|arena| segment.pools[arena as usize].glance()))
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use std::vec::Vec;
    use strata_core::layout::{ARENA_BYTES, USABLE_POOLS};

    const USABLE: usize = USABLE_POOLS.count_ones() as usize;

    fn claim(page_heap: &PageHeap, pools: u32, step: u32) -> &'static Pool {
        let run = page_heap.claim(pools, step).unwrap();
        run.first.open_run(pools);
        run.first
    }

    fn free(page_heap: &PageHeap, first: &Pool) {
        // SAFETY: the runs of a test have one user, who gives each back once.
        unsafe { page_heap.free_large(first) };
    }

    fn arena_of(pool: &Pool) -> usize {
        pool.base().addr().get() & !(ARENA_BYTES - 1)
    }

    #[test]
    fn single_pools_come_from_the_fullest_arena_so_that_others_drain() {
        static HEAP: PageHeap = PageHeap::new();
        let pools: Vec<_> = (0..2 * USABLE).map(|_| claim(&HEAP, 1, 1)).collect();
        let (first, second) = pools.split_at(USABLE);
        assert_ne!(arena_of(first[0]), arena_of(second[0]));
        first[..30].iter().chain(&second[..10]).for_each(|pool| free(&HEAP, pool));
        assert!((0..10).all(|_| arena_of(claim(&HEAP, 1, 1)) == arena_of(second[0])));
        assert_eq!(arena_of(claim(&HEAP, 1, 1)), arena_of(first[0]));
    }

    #[test]
    fn memory_that_was_used_comes_before_untouched_memory_even_of_a_fuller_arena() {
        static HEAP: PageHeap = PageHeap::new();
        let pools: Vec<_> = (0..USABLE + 40).map(|_| claim(&HEAP, 1, 1)).collect();
        pools[..30].iter().for_each(|pool| free(&HEAP, pool));
        assert!((0..30).all(|_| HEAP.claim_pool().unwrap().dirty == 1));
        assert_eq!(HEAP.claim_pool().unwrap().dirty, 0);
    }

    #[test]
    fn a_run_of_memory_that_was_used_comes_before_untouched_memory_at_lower_addresses() {
        static HEAP: PageHeap = PageHeap::new();
        let first = claim(&HEAP, 4, 32);
        free(&HEAP, first);
        let run = HEAP.claim(4, 1).unwrap();
        assert_eq!((run.first.index(), run.dirty), (first.index(), 0b1111));
        assert_eq!(HEAP.claim(4, 1).unwrap().first.index().get(), 1);
    }

    #[test]
    fn a_run_starts_at_a_multiple_of_its_step() {
        static HEAP: PageHeap = PageHeap::new();
        for step in [1, 2, 4, 8, 16, 32] {
            for pools in [1, 3, step] {
                let first = claim(&HEAP, pools, step);
                assert_eq!(first.index().get() % step as usize, 0);
            }
        }
    }

    #[test]
    fn a_run_grows_over_free_neighbours_only() {
        static HEAP: PageHeap = PageHeap::new();
        let first = claim(&HEAP, 2, 1);
        let behind = claim(&HEAP, 1, 1);
        let grow = |pools: usize| {
            // SAFETY: the runs of a test have one user.
            unsafe { HEAP.grow_large(first, pools * POOL_BYTES) }
        };
        assert!(!grow(3));
        free(&HEAP, behind);
        assert!(grow(3));
        assert_eq!(first.format(), Format::Run(3));
        assert!(grow(LARGEST_RUN_POOLS));
        assert!(!grow(LARGEST_RUN_POOLS + 1));
    }

    #[test]
    fn what_a_run_grows_over_lies_free_no_more() {
        static HEAP: PageHeap = PageHeap::new();
        free(&HEAP, claim(&HEAP, 5, 1));
        let first = claim(&HEAP, 2, 1);
        assert_eq!(HEAP.policy.idle_bytes(), bytes_of(3));
        // SAFETY: the runs of a test have one user.
        assert!(unsafe { HEAP.grow_large(first, 4 * POOL_BYTES) });
        assert_eq!(HEAP.policy.idle_bytes(), bytes_of(1));
    }

    #[test]
    fn no_run_grows_beyond_its_arena() {
        static HEAP: PageHeap = PageHeap::new();
        let pools: Vec<_> = (0..USABLE).map(|_| claim(&HEAP, 1, 1)).collect();
        let last = *pools.iter().max_by_key(|pool| pool.index().get()).unwrap();
        pools.iter().filter(|pool| !core::ptr::eq(**pool, last)).for_each(|pool| free(&HEAP, pool));
        // SAFETY: the runs of a test have one user.
        assert!(!unsafe { HEAP.grow_large(last, 2 * POOL_BYTES) });
    }

    #[test]
    fn the_tail_of_a_run_that_shrinks_is_free_for_others_and_counts_as_used_before() {
        static HEAP: PageHeap = PageHeap::new();
        let first = claim(&HEAP, 8, 1);
        // SAFETY: the runs of a test have one user, who uses the tail no more.
        unsafe { HEAP.shrink_large(first, 3 * POOL_BYTES) };
        assert_eq!(first.format(), Format::Run(3));
        let tail = HEAP.claim(5, 1).unwrap();
        assert_eq!(tail.first.index().get(), first.index().get() + 3);
        assert_eq!(tail.dirty, 0b11111);
    }
}
