//! The end of a run of pools, behind the allocation: memory that earlier users left there is given back, since nothing uses it
//! while the run is in use.
//!
//! ```text
//!   66,000 bytes │■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■│■ · · · · · · · · · · · · · · │     ■ used   · 60 KiB of the last pool
//! ```
//!
//! Without this, 100 MiB of freed blocks of 5,000 bytes left half as much again behind 100 MiB of blocks of 66,000 bytes.
//!
//! What was given back is a hole of the last pool (`pool/holes.rs` I4), stays one when the run is freed, and the next run takes the part of it
//! that it needs. Where runs of many lengths alternate, that would gain nothing: giving back with every allocation took two and a
//! half times the time (200 blocks of 64 to 128 KiB, replaced at random). So what other runs left stays while much of what was given
//! back is taken again (`policy/run_tail`). What blocks left goes in any case.
//!
//! An end that was never used speaks against huge pages, which would fill it: so it uses up trust (`evidence`).
//!
//! Does not know: who allocates, and when else memory is given back. Decision 0024.

use super::Purge;
use crate::pools::claim::ClaimedRun;
use crate::segments::segment::{Segment, pool_index};
use crate::without::RUN_TAIL;
use strata_core::layout::POOL_BYTES;
use strata_core::pool::{Pool, SUBPAGE_BYTES, Subpages, pages_over};
use strata_os::{clock, machine};

/// An end of less than one in `WORTH_PART` of the allocation stays as it is.
const WORTH_PART: usize = 16;

impl Purge<'_> {
    /// A claimed run of `pools` is used, for `bytes`.
    pub(crate) fn fill_run(&self, run: &ClaimedRun, pools: u32, bytes: usize) {
        // SAFETY: claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(run.first) };
        let (start, last) = (run.first.index().get() as u32, 1 << (pools - 1));
        let used = bytes - (pools as usize - 1) * POOL_BYTES;
        let is_clean = run.dirty & last == 0;
        if !RUN_TAIL || segment.is_pinned() || POOL_BYTES - used < bytes / WORTH_PART {
            self.note_refaults(segment.fill_holes(arena, run.dirty << start));
            return;
        }
        let filled = segment.fill_holes(arena, (run.dirty & !last) << start);
        if is_clean {
            self.thp.note_untouched_end(POOL_BYTES - used);
            self.note_refaults(filled);
            return;
        }
        // SAFETY: the arena was initialised before its bits could be claimed.
        let pool = unsafe { segment.arena(arena).pool(pool_index(start + pools - 1)) };
        self.note_refaults(filled + pool.fill_front(used, machine::page_size()));
        if pool.take_served_blocks() || self.policy.gives_run_tails(clock::milliseconds()) {
            self.give_back_end(segment, arena, pool, pool.decommit_behind(used, machine::page_size()));
        }
    }

    /// Counts subpages without memory that are taken.
    fn note_refaults(&self, subpages: u32) {
        if subpages != 0 {
            self.policy.refaulted(u64::from(subpages) * SUBPAGE_BYTES as u64, clock::milliseconds());
        }
    }

    /// Gives `subpages` back, all of which lie between the allocation and the end of the pool.
    fn give_back_end(&self, segment: &Segment, arena: u32, pool: &Pool, subpages: u32) {
        if subpages == 0 {
            return;
        }
        segment.shun_huge_pages(arena);
        // Holes between them, which have no memory, are purged again: that makes one call of several.
        let pages = pages_over(subpages.into(), machine::page_size());
        let (first, end) = (pages.trailing_zeros(), Subpages::BITS - pages.leading_zeros());
        // SAFETY: whole pages of a pool that the caller claimed, behind the bytes that the allocation uses.
        unsafe { self.purge_part(pool, first..end, subpages.count_ones()) };
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use crate::tuning::HugePageChoice;
    use core::ptr::NonNull;
    use std::vec::Vec;
    use strata_core::block::Chain;
    use strata_core::pool::SUBPAGES;
    use strata_core::size_class::SizeClass;
    use strata_core::sync::Ordering::Relaxed;
    use strata_os::memory;

    const ALL: u64 = POOL_BYTES as u64;
    const SUBPAGE: u64 = SUBPAGE_BYTES as u64;
    /// A pool and a little of the next.
    const BYTES: usize = POOL_BYTES + 100;

    fn new(page_heap: &PageHeap, bytes: usize) -> NonNull<u8> {
        page_heap.allocate_large(bytes, 1).unwrap().0
    }

    fn free(page_heap: &PageHeap, start: NonNull<u8>) {
        // SAFETY: the base of a pool of an arena.
        let pool = unsafe { Pool::of_base(start) };
        // SAFETY: the runs of a test have one user, who gives each back once.
        unsafe { page_heap.free_large(pool) };
    }

    /// Leaves the memory of `pools` pools behind, side by side, all of it used once: by blocks.
    fn leave(page_heap: &PageHeap, pools: usize) {
        let class = SizeClass::of(8192);
        let runs: Vec<_> = (0..pools).map(|_| page_heap.claim_pool().unwrap()).collect();
        for run in runs {
            let (base, owned) = (run.first.base(), run.open(class, 0));
            // SAFETY: ours, and nothing in it is in use.
            unsafe { base.write_bytes(1, POOL_BYTES) };
            let mut blocks = Vec::new();
            owned.carve(class, Pool::capacity(class), |block| blocks.push(block));
            for block in blocks {
                // SAFETY: ours, used no more.
                let _ = unsafe { owned.put(Chain::of(block)) };
            }
            page_heap.release_pool(owned);
        }
    }

    /// How many bytes went back, and by how many calls.
    fn given_back(page_heap: &PageHeap) -> (u64, u64) {
        (page_heap.purged_bytes(), page_heap.snapshot().purge_calls)
    }

    #[test]
    fn what_lies_behind_an_allocation_goes_back_and_what_it_holds_stays() {
        static HEAP: PageHeap = PageHeap::new();
        leave(&HEAP, 2);
        let start = new(&HEAP, BYTES);
        assert_eq!(given_back(&HEAP), (ALL - SUBPAGE, 1));
        let mut pages = [0; 2 * POOL_BYTES / SUBPAGE_BYTES];
        let pages = &mut pages[..2 * POOL_BYTES / machine::page_size()];
        assert!(memory::find_resident(start, pages));
        assert_eq!(pages.iter().filter(|page| **page & 1 == 1).count(), pages.len() / 2 + 1);
    }

    #[test]
    fn it_goes_back_once_for_those_that_follow() {
        static HEAP: PageHeap = PageHeap::new();
        leave(&HEAP, 2);
        for bytes in [BYTES, BYTES, BYTES + 3 * SUBPAGE_BYTES] {
            let start = new(&HEAP, bytes);
            // SAFETY: allocated just now, of this length.
            unsafe { start.write_bytes(1, bytes) };
            free(&HEAP, start);
        }
        assert_eq!(given_back(&HEAP), (ALL - SUBPAGE, 1));
    }

    #[test]
    fn what_other_runs_left_goes_too_unless_much_of_it_is_missed() {
        static HEAP: PageHeap = PageHeap::new();
        // Relaxed: a number that stands alone.
        HEAP.tuning.huge_pages.store(HugePageChoice::Never as u64, Relaxed);
        let turns = || {
            for bytes in [2 * POOL_BYTES, BYTES] {
                free(&HEAP, new(&HEAP, bytes));
            }
        };
        turns();
        assert_eq!(given_back(&HEAP), (ALL - SUBPAGE, 1));
        HEAP.policy.refaulted(2 << 20, clock::milliseconds());
        turns();
        assert_eq!(given_back(&HEAP), (ALL - SUBPAGE, 1));
        leave(&HEAP, 2);
        let _run = new(&HEAP, BYTES);
        assert_eq!(given_back(&HEAP), (2 * (ALL - SUBPAGE), 2), "blocks left it");
    }

    #[test]
    fn what_grows_over_it_takes_it_back() {
        static HEAP: PageHeap = PageHeap::new();
        leave(&HEAP, 3);
        let start = new(&HEAP, BYTES);
        // SAFETY: the base of a pool of an arena.
        let pool = unsafe { Pool::of_base(start) };
        // SAFETY: the second pool of the run, whose header is never unmapped.
        let second = unsafe { pool.arena().pool(pool_index(pool.index().get() as u32 + 1)) };
        assert_eq!(second.holes().count_ones(), SUBPAGES - 1);
        // SAFETY: the run is ours.
        assert!(unsafe { HEAP.grow_large(pool, 3 * POOL_BYTES) });
        assert_eq!(second.holes(), 0);
    }

    #[test]
    fn a_little_stays_and_so_does_what_was_never_used() {
        static HEAP: PageHeap = PageHeap::new();
        let _untouched = new(&HEAP, BYTES);
        leave(&HEAP, 8);
        let _filled = new(&HEAP, 8 * POOL_BYTES - POOL_BYTES / 4);
        assert_eq!(given_back(&HEAP), (0, 0));
    }

    #[test]
    fn what_runs_leave_untouched_uses_up_trust_in_huge_pages() {
        static HEAP: PageHeap = PageHeap::new();
        let (arenas, first) = (&HEAP.thp.arenas, new(&HEAP, 2 * POOL_BYTES));
        // SAFETY: allocated just now, of this length.
        unsafe { first.write_bytes(1, 2 * POOL_BYTES) };
        arenas.watch(first, 2 * POOL_BYTES, 2 << 20);
        assert!(arenas.speaks_for(2 << 20));
        for _ in 0..3 {
            new(&HEAP, BYTES);
        }
        assert!(!arenas.speaks_for(1));
    }
}
