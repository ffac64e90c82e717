//! Runs of one or two pools that a thread has ready, as magazines have blocks: for requests a little above the largest class.
//!
//! R1  A run in here is as its allocation left it: to its arena it is in use.
//! R2  The runs of each length hold a quarter of the thread's share at most (`flush`), and at most four. A length's limit doubles with
//!     each free that finds no room, from nothing on, and falls to nothing when a purge pass finds that nothing changed since
//!     the last.
//!
//! Does not know: how runs are found. Measured: decision 0026.

use crate::cache::Cache;
use crate::magazine::{Magazine, Storage};
use core::ptr::NonNull;
use strata_core::block::BlockPtr;
use strata_core::layout::POOL_BYTES;
use strata_core::pool::Pool;
use strata_core::sync::OwnedU32;

/// Runs of a length at most.
pub(crate) const DEPTH: usize = 4;
/// Pools of the longest run that is kept. In models none is: they count their pools.
pub(crate) const LONGEST: usize = if cfg!(strata_loom) { 0 } else { 2 };
/// The part of the thread's share that each length may take.
const PART: u32 = 4;

/// The runs that are ready, by length.
#[derive(Debug)]
pub(crate) struct Runs {
    pub(crate) storage: [Storage<DEPTH>; LONGEST],
    /// How many there were at the last search for quiet ones, plus one.
    seen: [OwnedU32; LONGEST],
}

impl Runs {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                storage: strata_core::each_slot!(Storage::new(); LONGEST),
                seen: strata_core::each_slot!(OwnedU32::zero(); LONGEST),
            }
        }
    }

    /// The magazine of runs of `pools` pools.
    fn of(&self, pools: usize) -> Option<Magazine<'_>> {
        let storage = self.storage.get(pools.checked_sub(1)?)?;
        // SAFETY: a storage lies there.
        Some(unsafe { Magazine::at(NonNull::from(storage).cast()) })
    }

    /// The bytes of each run that seems to be ready: a racy read.
    pub(crate) fn glance(&self) -> impl Iterator<Item = u64> {
        (1..=LONGEST)
            .filter_map(|pools| self.of(pools).map(|runs| (pools, runs)))
            .flat_map(|(pools, runs)| runs.glance(DEPTH).map(move |_| (pools * POOL_BYTES) as u64))
    }
}

impl Cache {
    /// A run of `pools` pools that is ready; its contents are unspecified.
    #[inline]
    pub(crate) fn take_run(&self, pools: usize) -> Option<NonNull<u8>> {
        let run = self.runs.of(pools)?.pop()?.as_non_null();
        // SAFETY: a run's first pool, in an arena of ours.
        let first = unsafe { Pool::of_base(run) };
        self.page_heap().take_run_whole(first, pools as u32);
        self.maintain_after_flush();
        Some(run)
    }

    /// Keeps a run of the caller's. Returns whether it did.
    pub(crate) fn keep_run(&self, pools: usize, first: &Pool) -> bool {
        let Some(runs) = self.runs.of(pools).filter(|_| self.runtime().is_some()) else { return false };
        // SAFETY: the thread's own magazine, of runs of this length.
        if unsafe { runs.push(BlockPtr::from_address(first.base())) } {
            return true;
        }
        // SAFETY: the thread's own magazine.
        let limit = unsafe { runs.limit() };
        let most = (self.share() / PART / (pools * POOL_BYTES) as u32).min(DEPTH as u32);
        // SAFETY: the thread's own magazine.
        unsafe { runs.set_limit((limit * 2).max(1).min(most)) };
        // The first one does not show that others follow.
        // SAFETY: the thread's own magazine.
        limit != 0 && unsafe { runs.push(BlockPtr::from_address(first.base())) }
    }

    /// Gives back the runs of lengths of which nothing changed since the last time.
    pub(crate) fn close_quiet_runs(&self) {
        for (pools, seen) in (1..).zip(&self.runs.seen) {
            let count = self.runs.of(pools).map_or(0, |runs| runs.count());
            if seen.get() == count + 1 {
                self.close_runs_of(pools);
                seen.set(1);
            } else {
                seen.set(count + 1);
            }
        }
    }

    /// Gives back all runs.
    pub(crate) fn close_runs(&self) {
        (1..=LONGEST).for_each(|pools| self.close_runs_of(pools));
    }

    fn close_runs_of(&self, pools: usize) {
        let Some(runs) = self.runs.of(pools) else { return };
        // SAFETY: the thread's own magazine.
        unsafe { runs.set_limit(0) };
        while let Some(run) = runs.pop() {
            // SAFETY: a run's first pool, in an arena of ours.
            let first = unsafe { Pool::of_base(run.as_non_null()) };
            // SAFETY: this thread's to give back.
            unsafe { self.page_heap().free_large(first) };
        }
    }

    /// The bytes of each run that is ready: memory that the program does not have although its arena counts it as used. A racy read.
    pub fn ready_runs(&self) -> impl Iterator<Item = u64> {
        self.runs.glance()
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::registry::Runtime;
    use std::vec::Vec;

    fn run(runtime: &'static Runtime, pools: usize) -> &'static Pool {
        let (start, _) = runtime.page_heap.allocate_large(pools * POOL_BYTES, 1).unwrap();
        // SAFETY: the base of a pool.
        unsafe { Pool::of_base(start) }
    }

    #[test]
    fn runs_that_are_reused_are_kept_and_all_are_given_back() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let runs: Vec<_> = (0..6).map(|_| run(&RUNTIME, 1)).collect();
        let kept: Vec<_> = runs.iter().map(|first| cache.keep_run(1, first)).collect();
        assert_eq!(kept, [false, true, true, true, true, false]);
        assert_eq!(cache.take_run(1).unwrap(), runs[4].base());
        assert_eq!((cache.take_run(2), cache.ready_runs().count()), (None, 3));
        cache.close_runs();
        assert_eq!((cache.take_run(1), RUNTIME.page_heap.snapshot().large_blocks), (None, 3));
    }

    #[test]
    fn runs_that_nothing_changes_go_with_the_second_pass() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        (0..3).for_each(|_| _ = cache.keep_run(2, run(&RUNTIME, 2)));
        cache.close_quiet_runs();
        assert_ne!(cache.ready_runs().count(), 0);
        cache.close_quiet_runs();
        assert_eq!(cache.ready_runs().count(), 0);
    }

    #[test]
    fn longer_runs_are_not_kept() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        assert!((0..3).all(|_| !cache.keep_run(3, run(&RUNTIME, 3))));
    }
}
