//! What a segment has, and how searches come to know: its hints, and those of the index that has it.
//!
//! R1  A free run's length is among the segment's hints (`runs`): a thread that frees pools raises those lengths of which their arena
//!     had no run before. Where it had one, that is hinted at, or the search that clears the hint reads the arena's word after
//!     another thread's claim of that run, and so after these pools were freed.
//!
//! Does not know: who searches. Model: `loom-tests/tests/p25_index.rs`; mutant `run_without_its_hint`.

use super::index::{Index, Kind};
use super::segment::Segment;
use strata_core::arena::PoolBits;
use strata_core::layout::{MOST_CLAIMED_POOLS, USABLE_POOLS};
use strata_core::masks::bits_of;
use strata_core::size_class::SizeClass;
use strata_core::sync::Ordering::Relaxed;
use strata_core::sync::mutation::RUNS_ARE_HINTED;

/// The lengths of the runs in an arena all of whose pools are free.
pub(super) const ALL_RUNS: u64 = lengths_in(USABLE_POOLS);

impl Segment {
    /// An arena that had no free pool has one.
    pub(crate) fn set_open(&self, arena: u32) {
        if self.open.raise(arena) == 0 {
            self.tell(Kind::Open);
        }
    }

    /// Gives back pools that the caller claimed: a search for one, or for a run, finds them.
    pub(crate) fn free_pools(&self, arena: u32, pools: u64) {
        let before = self.pools[arena as usize].release(pools);
        if before == 0 {
            self.set_open(arena);
        }
        // An arena that had a run of the greatest length had all.
        if RUNS_ARE_HINTED && !PoolBits::has_run(before, MOST_CLAIMED_POOLS as u32, 1) {
            self.show_runs(lengths_in(before | pools) & !lengths_in(before));
        }
    }

    /// An arena that had no runs of these lengths has some.
    pub(super) fn show_runs(&self, lengths: u64) {
        if lengths != 0 {
            let before = self.runs.raise_all(lengths);
            bits_of(lengths & !before).for_each(|pools| self.tell(Kind::Run(pools)));
        }
    }

    /// A search for a run found none. All arenas are asked: the bit of one in `open` may be gone for a moment (`summary.rs` I1).
    pub(crate) fn forget_runs(&self, pools: u32) {
        let has_run = |free: &PoolBits| PoolBits::has_run(free.glance(), pools, 1);
        self.runs.clear_if(pools, || !self.pools.iter().any(has_run));
    }

    /// A pool of an arena was published.
    pub(crate) fn set_published(&self, class: SizeClass, arena: u32) {
        if self.abandoned_summary(class).raise(arena) == 0 {
            self.tell(Kind::Abandoned(class));
        }
    }

    /// It is about to be published, under this number of an index.
    pub(super) fn set_number(&self, index: &Index, number: usize) {
        self.number.set(number as u64);
        // Relaxed, here and below: published with the segment.
        self.index.store(core::ptr::from_ref(index).cast_mut(), Relaxed);
    }

    /// Makes the segment found by searches for this kind.
    pub(super) fn tell(&self, kind: Kind) {
        // SAFETY: an index lives as long as its segments.
        if let Some(index) = unsafe { self.index.load(Relaxed).as_ref() } {
            index.raise(kind, self.number.get() as usize);
        }
    }

    /// Whether there is nothing of this kind at the moment.
    pub(crate) fn lacks(&self, kind: Kind) -> bool {
        match kind {
            Kind::Open => self.open.hints() == 0,
            Kind::Run(pools) => self.runs.hints() >> pools & 1 == 0,
            Kind::Roomy => (self.arenas.glance() | self.vacant.glance()) == 0,
            Kind::Abandoned(class) => self.abandoned_summary(class).hints() == 0,
        }
    }
}

/// The lengths of the runs in a word of free pools.
const fn lengths_in(free: u64) -> u64 {
    PoolBits::run_lengths(free, MOST_CLAIMED_POOLS as u32)
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use std::vec::Vec;
    use strata_core::pool::Pool;

    const POOLS: usize = USABLE_POOLS.count_ones() as usize;

    fn claim(page_heap: &PageHeap, pools: u32) -> &'static Pool {
        let run = page_heap.claim(pools, 1).unwrap();
        run.first.open_run(pools);
        run.first
    }

    fn free(page_heap: &PageHeap, first: &Pool) {
        // SAFETY: the runs of a test have one user, who gives each back once.
        unsafe { page_heap.free_large(first) };
    }

    #[test]
    fn a_segment_without_a_run_is_passed_over_until_one_comes_back() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_segment_arenas(1);
        let mut pools: Vec<_> = (0..POOLS).map(|_| claim(&HEAP, 1)).collect();
        pools.sort_unstable_by_key(|pool| pool.index().get());
        // SAFETY: claimed from a segment.
        let (segment, _) = unsafe { Segment::of(pools[0]) };
        assert!(!segment.lacks(Kind::Run(2)), "no search has found none yet");
        // A free pool alone is no run.
        free(&HEAP, pools[10]);
        claim(&HEAP, 2);
        assert!(segment.lacks(Kind::Run(2)) && !segment.lacks(Kind::Run(3)));
        free(&HEAP, pools[20]);
        assert!(segment.lacks(Kind::Run(2)));
        free(&HEAP, pools[11]);
        assert!(!segment.lacks(Kind::Run(2)));
        assert!(core::ptr::eq(claim(&HEAP, 2), pools[10]));
        claim(&HEAP, 3);
        assert!(segment.lacks(Kind::Run(3)));
        free(&HEAP, pools[21]);
        free(&HEAP, pools[19]);
        assert!(!segment.lacks(Kind::Run(3)) && !segment.lacks(Kind::Run(2)));
    }

    #[test]
    fn a_fresh_arena_has_runs_of_all_lengths() {
        assert_eq!(ALL_RUNS, (u64::MAX >> (63 - MOST_CLAIMED_POOLS)) & !0b11);
    }
}
