//! One purge pass: gives free memory back to the OS while keeping the addresses (P9).
//!
//! ```text
//!   free + dirty ──pass──► idle_once ──pass──► idle_twice ──pass──► claimed ─► purged, clean ─► free
//! ```
//!
//! A pool that was free and dirty at three passes in a row, and not claimed in between, is purged; the passes are half a delay apart, so
//! memory that is in regular use stays. When a pass comes, and which thread makes it: `schedule`.
//!
//! I1  The purger holds the claim of what it purges, exactly like an allocator would; so no other thread touches it, and the
//!     bit comes back only after the memory is zero and marked clean.
//!
//! I2  What was purged with `MADV_FREE` stays dirty, since it reads as its old contents or as zero; `lazy` keeps the passes from
//!     purging it again, until it is used or all free memory has to go at once.
//!
//! Does not know: what memory is used for, time. Models: `loom-tests/tests/p9_purge.rs`.
//! Idea: delayed purging (mimalloc), here with passes instead of a time stamp for each pool. Decisions 0005, 0008, 0015.

use super::Purge;
use super::policy::Scope;
use crate::counters::bytes_of;
use crate::fork_gate::Forks;
use crate::segments::segment::{Segment, pool_index};
use crate::tuning::PurgeWay;
use core::cell::Cell;
use core::ptr::NonNull;
use strata_core::layout::POOL_BYTES;
use strata_core::masks::runs_of;
use strata_core::sync::Ordering::Relaxed;
use strata_core::sync::mutation::{LAZY_STAYS_DIRTY, PURGE_CLAIMS, PURGE_CLEANS_FIRST};
use strata_os::{clock, memory};

/// Bytes of huge blocks that a step of `purge_until` gives back: some milliseconds of work.
const SHED_BYTES: u64 = 32 << 20;

impl Purge<'_> {
    /// How a pass gives back: with `Scope::All` never by `MADV_FREE`.
    fn way(&self, scope: Scope) -> PurgeWay {
        // Relaxed: the option is read by itself; nothing is published with it.
        let is_lazy = self.tuning.purge.load(Relaxed) == PurgeWay::LazyFree as u64;
        if is_lazy && scope != Scope::All { PurgeWay::LazyFree } else { PurgeWay::Now }
    }

    /// Changes how memory is given back. Once `MADV_FREE` is no longer wanted, what was purged with it is purged for good.
    pub(crate) fn set_way(&self, way: u64) {
        // Relaxed: the option is stored by itself; nothing is published with it.
        self.tuning.purge.store(way, Relaxed);
        self.schedule();
    }

    /// Gives everything back that is free, at once. Returns the bytes purged or unmapped.
    pub(crate) fn purge_all(&self) -> u64 {
        let before = self.purged_bytes();
        self.pass(Scope::All);
        self.purged_bytes() - before
    }

    /// The same on the way to more memory, with forks held off.
    pub(crate) fn purge_all_for_more(&self) -> u64 {
        let before = self.purged_bytes();
        self.pass_with(Scope::All, Forks::HeldOff);
        self.purged_bytes() - before
    }

    /// [`purge_all`](Self::purge_all) in steps. Stops after the first step that gives something back and ends past `deadline`
    /// (milliseconds of the clock). Returns whether that was all.
    pub(crate) fn purge_until(&self, deadline: u64) -> bool {
        let (stopped, seen) = (Cell::new(false), Cell::new(self.purged_bytes()));
        let is_over = || {
            let gone = self.purged_bytes();
            let is_late = seen.replace(gone) != gone && clock::milliseconds() >= deadline;
            stopped.set(stopped.get() || is_late);
            stopped.get()
        };
        self.shed_until(is_over);
        for segment in self.segments.returnable() {
            for arena in segment.committed_arenas().take_while(|_| !is_over()) {
                let _held_off = self.fork_gate.enter_for_step(Forks::BetweenSteps);
                self.purge_arena(segment, arena, Scope::All, PurgeWay::Now);
            }
        }
        self.decommit_all_until(is_over);
        !is_over()
    }

    /// Gives back the huge cache, some at a time.
    fn shed_until(&self, is_over: impl Fn() -> bool) {
        let mut before = u64::MAX;
        // Not until nothing is left: a child of fork may have counted an extent that another thread was about to insert.
        while !is_over() && self.huge.kept_bytes() < before {
            let _held_off = self.fork_gate.enter_for_step(Forks::BetweenSteps);
            before = self.huge.kept_bytes();
            self.huge.shed(SHED_BYTES);
        }
    }

    /// One pass over everything. Returns whether something free is left that may hold memory.
    pub(crate) fn pass(&self, scope: Scope) -> bool {
        self.pass_with(scope, Forks::BetweenSteps)
    }

    fn pass_with(&self, scope: Scope, forks: Forks) -> bool {
        let before = self.purged_bytes();
        let is_left = self.pass_over_all(scope, forks);
        strata_os::probe!("purge", self.purged_bytes() - before);
        is_left
    }

    fn pass_over_all(&self, scope: Scope, forks: Forks) -> bool {
        let mut left = self.age_huge_cache(scope, forks);
        let way = self.way(scope);
        for segment in self.segments.returnable() {
            if self.thread.is_closed() && scope != Scope::All {
                return false;
            }
            for arena in segment.committed_arenas() {
                let _held_off = self.fork_gate.enter_for_step(forks);
                left |= self.purge_arena(segment, arena, scope, way);
            }
        }
        left | self.decommit_unowned_with(scope, forks)
    }

    fn age_huge_cache(&self, scope: Scope, forks: Forks) -> bool {
        let _held_off = self.fork_gate.enter_for_step(forks);
        self.huge.age(scope)
    }

    fn purge_arena(&self, segment: &Segment, arena: u32, scope: Scope, way: PurgeWay) -> bool {
        let (idle_once, idle_twice) =
            (&segment.idle_once[arena as usize], &segment.idle_twice[arena as usize]);
        let idle = || free_for(way, segment, arena);
        let wanted = wanted_of(idle(), idle_twice.get(), scope);
        let refused = wanted & !self.purge_among(segment, arena, wanted, way);
        let left = idle();
        idle_twice.set(left & idle_once.get());
        idle_once.set(left);
        // What the OS refuses to take (locked pages, say) is no reason for another pass; it is tried again when something else is.
        left & !refused != 0
    }

    /// Purges those of the `wanted` pools that are still free. Returns which ones.
    pub(super) fn purge_among(&self, segment: &Segment, arena: u32, wanted: u64, way: PurgeWay) -> u64 {
        if wanted == 0 {
            return 0;
        }
        let bits = &segment.pools[arena as usize];
        let claim = || if PURGE_CLAIMS { bits.claim_among(wanted) } else { Some(wanted) };
        let Some((_flight, claimed)) = self.in_flight.take(claim) else { return 0 };
        if !PURGE_CLEANS_FIRST {
            bits.release(claimed);
        }
        let purged = self.purge_pools(segment, arena, claimed, way);
        if way == PurgeWay::Now || !LAZY_STAYS_DIRTY {
            segment.mark_clean(arena, purged);
        } else {
            segment.mark_lazy(arena, purged);
        }
        if PURGE_CLEANS_FIRST && PURGE_CLAIMS {
            segment.free_pools(arena, claimed);
        }
        purged
    }

    /// Purges the claimed pools, each run of neighbours by one call. Returns those that were purged.
    fn purge_pools(&self, segment: &Segment, arena: u32, claimed: u64, way: PurgeWay) -> u64 {
        let mut purged = 0;
        segment.shun_huge_pages(arena);
        for run in runs_of(claimed) {
            let base = segment.arena(arena).pool_base(pool_index(run.trailing_zeros()));
            let bytes = run.count_ones() as usize * POOL_BYTES;
            // SAFETY: committed, and claimed by the caller (I1); a free pool's contents are in no use.
            if unsafe { purge(base, bytes, way) } {
                purged |= run;
                self.note_purged(segment, arena, run, way);
            }
            self.counters.purge_calls.add(1);
        }
        purged
    }

    /// What was purged with `MADV_FREE` is still there, and is not refaulted. Of the rest only what was dirty had been taken before,
    /// holes aside.
    fn note_purged(&self, segment: &Segment, arena: u32, run: u64, way: PurgeWay) {
        if way == PurgeWay::Now {
            segment.forget_contents(arena, run);
            self.counters.count_purged_pools(run);
            self.policy.gave_pools(bytes_of(run.count_ones()));
        }
    }
}

/// The part of `idle` that is to go, where `idle_twice` was free at the last two passes.
fn wanted_of(idle: u64, idle_twice: u64, scope: Scope) -> u64 {
    match scope {
        Scope::Nothing => 0,
        Scope::Idle => idle & idle_twice,
        Scope::All => idle,
    }
}

/// The free pools of an arena that can go this way.
fn free_for(way: PurgeWay, segment: &Segment, arena: u32) -> u64 {
    match way {
        PurgeWay::Now => segment.free_with_memory(arena),
        PurgeWay::LazyFree => segment.free_with_memory(arena) & !segment.lazy(arena),
    }
}

/// Gives a range back. Returns whether the OS took it.
///
/// # Safety
/// - As for [`memory::purge`].
unsafe fn purge(start: NonNull<u8>, bytes: usize, way: PurgeWay) -> bool {
    match way {
        // SAFETY: committed pages that nothing uses, by this function's contract.
        PurgeWay::Now => unsafe { memory::purge(start, bytes) },
        // SAFETY: the same range, by the same contract.
        PurgeWay::LazyFree => unsafe { memory::purge_lazily(start, bytes) },
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use strata_core::pool::Pool;

    /// Dirties one pool and frees it; whether a claim of it found it clean.
    fn dirty_a_pool(page_heap: &PageHeap) -> bool {
        let (start, dirty) = page_heap.allocate_large(POOL_BYTES, 1).unwrap();
        // SAFETY: allocated just now.
        unsafe { start.write_bytes(0xa5, POOL_BYTES) };
        // SAFETY: the base of a pool of an arena.
        let pool = unsafe { Pool::of_base(start) };
        // SAFETY: ours, and used no more.
        unsafe { page_heap.free_large(pool) };
        dirty == 0
    }

    fn dirty_pools(page_heap: &PageHeap) -> u64 {
        page_heap.snapshot().dirty_pools
    }

    #[test]
    fn a_pool_is_purged_when_it_was_free_at_three_passes() {
        static HEAP: PageHeap = PageHeap::new();
        assert!(dirty_a_pool(&HEAP));
        assert_eq!(dirty_pools(&HEAP), 1);
        for _ in 0..2 {
            assert!(HEAP.purge().pass(Scope::Idle), "something is left for the next pass");
            assert_eq!(dirty_pools(&HEAP), 1);
        }
        assert!(!HEAP.purge().pass(Scope::Idle), "nothing is left");
        assert_eq!(dirty_pools(&HEAP), 0);
        assert!(dirty_a_pool(&HEAP), "a purged pool is known to be zero");
    }

    #[test]
    fn a_pool_in_use_at_the_third_pass_is_not_purged() {
        static HEAP: PageHeap = PageHeap::new();
        dirty_a_pool(&HEAP);
        HEAP.purge().pass(Scope::Idle);
        HEAP.purge().pass(Scope::Idle);
        let (start, dirty) = HEAP.allocate_large(POOL_BYTES, 1).unwrap();
        assert_eq!(dirty, 1);
        assert!(!HEAP.purge().pass(Scope::Idle));
        // SAFETY: allocated above; `dirty_a_pool` filled it, and nothing zeroed it.
        assert_eq!(unsafe { start.read() }, 0xa5);
        assert_eq!(HEAP.snapshot().purge_calls, 0);
    }

    #[test]
    fn a_pool_that_is_free_whenever_a_pass_comes_but_used_in_between_is_not_purged() {
        static HEAP: PageHeap = PageHeap::new();
        for _ in 0..8 {
            dirty_a_pool(&HEAP);
            assert!(HEAP.purge().pass(Scope::Idle));
        }
        assert_eq!((dirty_pools(&HEAP), HEAP.snapshot().purge_calls), (1, 0));
        (0..2).for_each(|_| _ = HEAP.purge().pass(Scope::Idle));
        assert_eq!(dirty_pools(&HEAP), 0);
    }

    #[test]
    fn what_a_pass_leaves_still_counts_as_idle() {
        static HEAP: PageHeap = PageHeap::new();
        dirty_a_pool(&HEAP);
        (0..5).for_each(|_| assert!(HEAP.purge().pass(Scope::Nothing)));
        assert_eq!(dirty_pools(&HEAP), 1);
        assert!(!HEAP.purge().pass(Scope::Idle));
        assert_eq!(dirty_pools(&HEAP), 0);
    }

    #[test]
    fn what_madv_free_took_is_spared_by_passes_and_goes_for_good_when_it_has_to() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_purge_way(PurgeWay::LazyFree as u64);
        let passes = || (0..5).for_each(|_| _ = HEAP.purge().pass(Scope::Idle));
        let numbers = || {
            let snapshot = HEAP.snapshot();
            (snapshot.dirty_pools, snapshot.lazy_pools, snapshot.purge_calls, snapshot.purged_bytes)
        };
        assert!(dirty_a_pool(&HEAP));
        passes();
        assert_eq!(numbers(), (1, 1, 1, 0), "one purge with MADV_FREE, and nothing is gone yet");
        assert!(!HEAP.purge().pass(Scope::Idle), "nothing is left to purge");
        assert!(!dirty_a_pool(&HEAP), "it is not known to be zero");
        assert_eq!(numbers(), (1, 0, 1, 0), "it was used since");
        passes();
        assert_eq!(numbers(), (1, 1, 2, 0));
        assert_eq!(HEAP.purge_all(), POOL_BYTES as u64);
        assert_eq!(numbers(), (0, 0, 3, POOL_BYTES as u64));
        assert!(dirty_a_pool(&HEAP), "a purged pool is known to be zero");
    }

    #[test]
    fn what_madv_free_took_goes_for_good_once_the_option_is_off() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_purge_way(PurgeWay::LazyFree as u64);
        dirty_a_pool(&HEAP);
        (0..3).for_each(|_| _ = HEAP.purge().pass(Scope::Idle));
        assert_eq!(HEAP.snapshot().lazy_pools, 1);
        HEAP.set_purge_way(PurgeWay::Now as u64);
        (0..3).for_each(|_| _ = HEAP.purge().pass(Scope::Idle));
        assert_eq!(dirty_pools(&HEAP), 0);
    }

    #[test]
    fn everything_that_is_free_goes_at_once_when_asked_for() {
        static HEAP: PageHeap = PageHeap::new();
        let (start, _) = HEAP.allocate_large(5 * POOL_BYTES, 1).unwrap();
        // SAFETY: the base of a pool of an arena.
        let pool = unsafe { Pool::of_base(start) };
        // SAFETY: ours, and used no more.
        unsafe { HEAP.free_large(pool) };
        assert_eq!(HEAP.purge_all(), 5 * POOL_BYTES as u64);
        assert_eq!((HEAP.purge_all(), HEAP.snapshot().purge_calls), (0, 1), "neighbours go by one call");
    }
}
