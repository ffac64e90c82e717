//! Cross-reclaim: memory that lies free on one side goes for what the other takes; the sides are pools, and what huge blocks left.
//!
//! ```text
//!   an arena is taken            ──► as much of what waits in the cache is unmapped
//!   a huge block comes, or grows ──► as many of the free pools are purged
//! ```
//!
//! Neither side can use what the other has free. So a program whose phases want small blocks and one long buffer in turn would
//! hold the most that each of them ever wanted, until the passes, which come later than the next phase, find it free.
//!
//! What was given up so may have to be faulted in again. Therefore no more is given up than the program holds,
//! counted from when nothing lay free at a pass: at worst, memory is faulted in twice. A program that is known to refault
//! what is given back (`refaults`) gives up nothing.
//!
//! Does not know: when a pass comes. Measured: decision 0017.

use crate::page_heap::PageHeap;
use crate::pools::claim::bits_of;
use crate::purge::pass::PurgeWay;
use crate::segments::segment::Segment;
use strata_core::layout::POOL_BYTES;
use strata_core::sync::{Hint, Ordering::Relaxed};

/// Less than one part of so many of what the program holds is not worth the page faults.
const WORTH_PART: u64 = 16;

/// What one side gave up for the other.
#[derive(Debug)]
pub(crate) struct Reclaim {
    /// Bytes, since nothing lay free.
    given: Hint,
}

impl Reclaim {
    pub(crate) const fn new() -> Self {
        Self { given: Hint::new(0) }
    }

    /// Bytes that may be given up of `free` ones, by a program that holds so many.
    fn allowance(&self, free: u64, held: u64) -> u64 {
        if free < held / WORTH_PART { 0 } else { held.saturating_sub(self.given.get()).min(free) }
    }

    /// Nothing lies free: whatever is wanted next is faulted in anyway.
    pub(crate) fn forget(&self) {
        self.given.set(0);
    }
}

impl PageHeap {
    /// Pools take so many bytes of fresh memory: what huge blocks left goes for them.
    pub(crate) fn reclaim_kept(&self, bytes: usize) {
        let kept = self.huge_cache.kept_bytes();
        if kept != 0 {
            let given = self.may_give(kept).min(bytes as u64);
            self.huge_cache.shed(given, &self.unmapping());
            self.reclaim.given.add(given);
        }
    }

    /// A huge block takes so many bytes of fresh memory: free pools go for it.
    pub(crate) fn reclaim_pools(&self, bytes: usize) {
        let most = self.may_give(self.pool_footprint().idle_bytes).min(bytes as u64) / POOL_BYTES as u64;
        let given = u64::from(self.purge_some(most as u32)) * POOL_BYTES as u64;
        self.reclaim.given.add(given);
    }

    /// How many of so many free bytes may be given up.
    fn may_give(&self, free: u64) -> u64 {
        // Relaxed: a number that stands alone.
        let never = self.tuning.purge_delay_ms.load(Relaxed) == u64::MAX;
        if never || self.refaults.is_backing_off() {
            return 0;
        }
        self.reclaim.allowance(free, self.returnable_bytes())
    }

    /// Purges up to so many free pools, none in arenas with huge pages; how many.
    fn purge_some(&self, most: u32) -> u32 {
        let mut left = most;
        for segment in self.segments().filter(|segment| !segment.is_pinned()) {
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
        // The lowest are taken first by whoever wants pools.
        let spared = bits_of(idle).take((idle.count_ones().saturating_sub(most)) as usize);
        let wanted = spared.fold(idle, |mask, bit| mask & !(1 << bit));
        self.purge_among(segment, arena, wanted, PurgeWay::Now).count_ones()
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::purge::policy::refaults::Advice;
    use crate::stats::Footprint;
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
        let _ = unsafe { HEAP.resize_huge(block, ARENA_BYTES, 2 * ARENA_BYTES, 1) };
        assert_eq!(dirty_pools(&HEAP), left - ARENA_BYTES / POOL_BYTES);
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
    fn a_little_that_lies_free_stays() {
        static HEAP: PageHeap = PageHeap::new();
        let _block = take_huge(&HEAP, 32);
        free_pools(&HEAP, take_pools(&HEAP, 32));
        take_huge(&HEAP, 4);
        assert_eq!(dirty_pools(&HEAP), 32);
    }

    #[test]
    fn no_more_is_given_up_than_the_program_holds_until_nothing_lies_free() {
        let reclaim = Reclaim::new();
        assert_eq!(reclaim.allowance(60, 100), 60);
        reclaim.given.add(60);
        assert_eq!(reclaim.allowance(60, 100), 40);
        reclaim.given.add(40);
        assert_eq!([reclaim.allowance(60, 100), reclaim.allowance(60, 130)], [0, 30]);
        reclaim.forget();
        assert_eq!(reclaim.allowance(60, 100), 60);
    }

    #[test]
    fn a_pass_that_leaves_nothing_begins_a_new_account() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_purge_delay(0);
        HEAP.reclaim.given.add(1);
        free_pools(&HEAP, take_pools(&HEAP, 1));
        HEAP.tick();
        assert_eq!(HEAP.reclaim.given.get(), 1);
        (0..3).for_each(|_| HEAP.tick());
        assert_eq!(HEAP.reclaim.given.get(), 0);
    }

    #[test]
    fn nothing_is_given_up_where_memory_is_never_given_back() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_purge_delay(u64::MAX);
        free_pools(&HEAP, take_pools(&HEAP, POOLS));
        take_huge(&HEAP, 1);
        assert_eq!(dirty_pools(&HEAP), POOLS);
    }

    #[test]
    fn nothing_is_given_up_by_a_program_that_refaults_what_it_gives_back() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.refaults.note_purge(1000, 0);
        HEAP.refaults.note_claim(1000, 0);
        assert_eq!(HEAP.refaults.advice(Footprint::default(), 0), Advice::Keep);
        free_pools(&HEAP, take_pools(&HEAP, POOLS));
        take_huge(&HEAP, 1);
        assert_eq!(dirty_pools(&HEAP), POOLS);
    }
}
