//! Cross-reclaim: free memory in pools is given back for what a huge block takes, and what huge blocks left for what pools take.
//!
//! ```text
//!   an arena is taken                        ──► as much of the huge cache is unmapped
//!   … for a span or run that fits in no gap  ──► as many of the free pools are purged, too
//!   a huge block comes, or grows             ──► as many of the free pools are purged
//! ```
//!
//! Neither side can use what the other has free, nor a span the gaps that are too short for it. So a program whose phases want small blocks and one long buffer in turn would
//! hold the most that each of them ever wanted, until the passes, which come later than the next phase, find it free.
//!
//! What was given back may have to be faulted in again. Therefore no more is given back than the program holds,
//! counted from the last pass at which nothing was free: at worst, memory is faulted in twice. A program that is known to refault
//! what is given back (`policy/refaults`) gives nothing back here.
//!
//! Does not know: when a pass comes. Measured: decision 0017.

use super::Purge;
use crate::purge::policy::Returned;
use crate::segments::segment::Segment;
use crate::tuning::PurgeWay;
use strata_core::layout::POOL_BYTES;
use strata_core::masks::bits_of;

impl Purge<'_> {
    /// Pools take `bytes` of fresh memory: what huge blocks left is given back for it.
    pub(crate) fn reclaim_kept(&self, bytes: usize) {
        let kept = self.huge.kept_bytes();
        if kept != 0 {
            let given = self.may_give(kept).min(bytes as u64);
            self.huge.shed(given);
            self.policy.returned(Returned::ForGrowth { bytes: given });
        }
    }

    /// A huge block takes `bytes` of fresh memory, or an arena is taken for a span for which no gap is long enough: free pools are purged for it.
    pub(crate) fn reclaim_pools(&self, bytes: usize) {
        let most = self.may_give(self.policy.idle_bytes()).min(bytes as u64) / POOL_BYTES as u64;
        let given = u64::from(self.purge_some(most as u32)) * POOL_BYTES as u64;
        self.policy.returned(Returned::ForGrowth { bytes: given });
    }

    /// How many of `free` bytes may be given back.
    fn may_give(&self, free: u64) -> u64 {
        if self.is_never() { 0 } else { self.policy.on_growth(free, self.segments.returnable_bytes()) }
    }

    /// Purges up to `most` free pools, none in arenas with huge pages. Returns how many.
    fn purge_some(&self, most: u32) -> u32 {
        let mut left = most;
        for segment in self.segments.returnable() {
            for arena in segment.committed_arenas() {
                if left == 0 {
                    return most;
                }
                if !segment.is_advised(arena) {
                    left -= self.purge_few(segment, arena, left);
                }
            }
        }
        most - left
    }

    fn purge_few(&self, segment: &Segment, arena: u32, most: u32) -> u32 {
        let idle = segment.free_with_memory(arena);
        if idle == 0 {
            return 0;
        }
        // The lowest pools are claimed first, so they are spared.
        let spared = bits_of(idle).take((idle.count_ones().saturating_sub(most)) as usize);
        let wanted = spared.fold(idle, |mask, bit| mask & !(1 << bit));
        self.purge_among(segment, arena, wanted, PurgeWay::Now).count_ones()
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::counters::Footprint;
    use crate::page_heap::PageHeap;
    use crate::purge::policy::{Scope, Taken};
    use std::vec::Vec;
    use strata_core::address::UserPtr;
    use strata_core::layout::{ARENA_BYTES, USABLE_POOLS};
    use strata_core::pool::Pool;

    const ARENA: u64 = ARENA_BYTES as u64;
    const POOLS: usize = USABLE_POOLS.count_ones() as usize;

    fn take_huge(page_heap: &PageHeap, arenas: usize) -> UserPtr {
        UserPtr::new(page_heap.allocate_huge(arenas * ARENA_BYTES, 1, false).unwrap().0)
    }

    fn free_huge(page_heap: &PageHeap, block: UserPtr) {
        // SAFETY: the blocks of a test have one user, who gives each back once.
        unsafe { page_heap.free_huge(block) };
    }

    fn take_pools(page_heap: &PageHeap, count: usize) -> Vec<&'static Pool> {
        (0..count).map(|_| page_heap.claim_pool().unwrap().first).inspect(|pool| pool.open_run(1)).collect()
    }

    fn free_pools(page_heap: &PageHeap, pools: Vec<&'static Pool>) {
        // SAFETY: as in `free_huge`.
        pools.into_iter().for_each(|pool| unsafe { page_heap.free_large(pool) });
    }

    fn dirty_pools(page_heap: &PageHeap) -> usize {
        page_heap.snapshot().dirty_pools as usize
    }

    #[test]
    fn what_a_huge_block_left_goes_as_arenas_are_taken() {
        static HEAP: PageHeap = PageHeap::new();
        free_huge(&HEAP, take_huge(&HEAP, 3));
        let kept = HEAP.huge_cache.kept_bytes();
        assert!(kept >= 3 * ARENA);
        take_pools(&HEAP, 2 * POOLS);
        assert_eq!(HEAP.huge_cache.kept_bytes(), kept - 2 * ARENA);
    }

    #[test]
    fn free_pools_go_as_a_huge_block_comes_and_grows() {
        static HEAP: PageHeap = PageHeap::new();
        free_pools(&HEAP, take_pools(&HEAP, 3 * POOLS));
        let block = take_huge(&HEAP, 1);
        let left = dirty_pools(&HEAP);
        assert_eq!(left, 3 * POOLS - ARENA_BYTES / POOL_BYTES);
        // SAFETY: ours.
        let _ = unsafe { HEAP.resize_huge(block, ARENA_BYTES, 2 * ARENA_BYTES) };
        assert_eq!(dirty_pools(&HEAP), left - ARENA_BYTES / POOL_BYTES);
    }

    #[test]
    fn free_pools_go_as_an_arena_is_taken_for_runs_that_fit_in_no_gap() {
        static HEAP: PageHeap = PageHeap::new();
        let pools = take_pools(&HEAP, 2 * POOLS);
        let (_kept, gaps): (Vec<_>, Vec<_>) = pools.into_iter().partition(|pool| pool.index().get() % 2 == 0);
        free_pools(&HEAP, gaps);
        let before = dirty_pools(&HEAP);
        HEAP.claim(1, 1).unwrap().first.open_run(1);
        assert_eq!(dirty_pools(&HEAP), before - 1, "one pool fits in a gap");
        HEAP.claim(2, 1).unwrap().first.open_run(2);
        assert_eq!(dirty_pools(&HEAP), 0);
    }

    #[test]
    fn what_was_given_back_for_a_block_or_at_once_lies_free_no_more() {
        static HEAP: PageHeap = PageHeap::new();
        free_pools(&HEAP, take_pools(&HEAP, 3 * POOLS));
        let (pool, lies_free) = (POOL_BYTES as u64, || HEAP.policy.idle_bytes());
        assert_eq!(lies_free(), 3 * POOLS as u64 * pool);
        take_huge(&HEAP, 1);
        assert_eq!(lies_free(), dirty_pools(&HEAP) as u64 * pool);
        HEAP.purge_all();
        assert_eq!(lies_free(), 0);
    }

    #[test]
    fn a_block_that_has_what_another_left_costs_no_pools() {
        static HEAP: PageHeap = PageHeap::new();
        let pools = take_pools(&HEAP, POOLS);
        free_huge(&HEAP, take_huge(&HEAP, 1));
        free_pools(&HEAP, pools);
        take_huge(&HEAP, 1);
        assert_eq!(dirty_pools(&HEAP), POOLS);
    }

    #[test]
    fn little_free_memory_stays() {
        static HEAP: PageHeap = PageHeap::new();
        let _block = take_huge(&HEAP, 32);
        free_pools(&HEAP, take_pools(&HEAP, 32));
        take_huge(&HEAP, 4);
        assert_eq!(dirty_pools(&HEAP), 32);
    }

    #[test]
    fn a_pass_that_leaves_nothing_starts_the_count_anew() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_purge_delay(0);
        HEAP.policy.returned(Returned::ForGrowth { bytes: 1 });
        free_pools(&HEAP, take_pools(&HEAP, 1));
        HEAP.tick();
        assert_eq!(HEAP.policy.reclaimed_bytes(), 1);
        (0..3).for_each(|_| HEAP.tick());
        assert_eq!(HEAP.policy.reclaimed_bytes(), 0);
    }

    #[test]
    fn nothing_is_reclaimed_where_memory_is_never_given_back() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_purge_delay(u64::MAX);
        free_pools(&HEAP, take_pools(&HEAP, POOLS));
        take_huge(&HEAP, 1);
        assert_eq!(dirty_pools(&HEAP), POOLS);
    }

    #[test]
    fn nothing_is_reclaimed_by_a_program_that_refaults_what_it_gives_back() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.policy.returned(Returned::ByPass { bytes: 64 << 20, now: 0 });
        HEAP.policy.took(Taken::Pools { bytes: 64 << 20, clean: 64 << 20 });
        assert_eq!(HEAP.policy.on_pass(Footprint::default(), 0), Scope::Nothing);
        free_pools(&HEAP, take_pools(&HEAP, POOLS));
        take_huge(&HEAP, 1);
        assert_eq!(dirty_pools(&HEAP), POOLS);
    }
}
