//! A vigil: a cache that waits for a look, with much to give back, takes its blocks one by one, so that it hears of it.
//!
//! ```text
//!   asleep: current pools, the fast path ──64 partial pools──► awake: no current pools, each allocation comes by `refill`
//!         ▲                                                        │
//!         └── a sweep finds nothing to wait for, or 4096 blocks ───┘  (once more after the next look, if there is a need)
//! ```
//!
//! A program that drops nine of ten of its objects at random and goes on with little to do has, in each class, a list of ready
//! blocks that never runs dry: no slow path is reached, and with one thread nobody else looks for memory to give back. So
//! such a list is put down, back on its pool. What that costs is bounded: some microseconds for each look.
//!
//! V1  While awake, a class that has partial pools may have no current one; its blocks are taken from the first partial pool,
//!     which counts them. All other rules hold as ever, so a vigil may begin and end wherever no list is being filled.
//! V2  A vigil begins once between two looks at most, and hands out at most [`SINGLES`] blocks.
//!
//! Does not know: what a sweep does; when a look comes. Decision 0015.

use crate::cache::Cache;
use strata_core::block::BlockPtr;
use strata_core::pool::{Freed, Pool};
use strata_core::size_class::SizeClass;

/// Partial pools that are worth it: 4 MiB.
const WORTH_POOLS: u32 = 64;

/// Blocks taken one by one between two looks, at some twenty nanoseconds each.
const SINGLES: u32 = 4096;

impl Cache {
    /// Begins a vigil if so many pools wait for the next look, unless there was one since the last.
    #[inline]
    pub(crate) fn wake_for(&self, waiting_pools: u32) {
        if waiting_pools >= WORTH_POOLS && self.woken_at.get() != self.next_look() {
            self.wake();
        }
    }

    /// Never 0, which a fresh cache has.
    fn next_look(&self) -> u32 {
        (self.directory().looks() as u32).wrapping_add(1).max(1)
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        self.woken_at.set(self.next_look());
        self.singles.set(SINGLES);
        self.directory().keep_looking();
        SizeClass::all()
            .filter(|class| self.queue(*class).first().is_some())
            .for_each(|class| self.put_down(class));
    }

    /// There is nothing to wait for.
    pub(crate) fn sleep(&self) {
        self.singles.set(0);
    }

    /// Makes the current pool of a class a partial one.
    fn put_down(&self, class: SizeClass) {
        match self.take_current(class) {
            None => {}
            // SAFETY: ours, current no longer, in no queue, and nothing in it lives.
            Some((pool, Freed::Empty)) => unsafe { self.directory().release_pool(pool) },
            Some((pool, Freed::StillLive)) => self.keep_or_leave(class, pool),
        }
    }

    /// A block of the first partial pool, while awake. `None`: asleep, or no such block.
    #[inline]
    pub(crate) fn take_single(&self, class: SizeClass) -> Option<BlockPtr> {
        let left = self.singles.get();
        if left == 0 || self.list(class).pool().is_some() {
            return None;
        }
        let pool = self.queue(class).first()?;
        // SAFETY: ours, in a queue and so not current.
        let block = unsafe { pool.take() }?;
        self.singles.set(left - 1);
        if pool.room(class) == 0 {
            self.drop_partial(class, pool);
            // SAFETY: ours, out of its queue.
            unsafe { self.directory().leave_pool(pool) };
        }
        Some(block)
    }

    /// Lets a pool go that is ours and was current: to the queue if it has room, to nobody if it is full.
    pub(crate) fn keep_or_leave(&self, class: SizeClass, pool: &'static Pool) {
        if pool.room(class) > 0 {
            self.keep_partial(class, pool);
        } else {
            // SAFETY: ours, not current any more, in no queue.
            unsafe { self.directory().leave_pool(pool) };
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::identity::Runtime;
    use crate::scene;
    use std::vec::Vec;
    use strata_core::address::UserPtr;

    const BYTES: usize = 8192;
    const BLOCKS_A_POOL: usize = strata_core::layout::POOL_BYTES / BYTES;

    fn class() -> SizeClass {
        SizeClass::of(BYTES)
    }

    fn new(cache: &Cache) -> UserPtr {
        scene::new(cache, class())
    }

    fn free(cache: &Cache, block: UserPtr) {
        scene::free(cache, block, class());
    }

    /// Fills pools and frees half of each.
    fn make_partial_pools(cache: &Cache, count: u32) -> Vec<UserPtr> {
        let blocks: Vec<_> = (0..count as usize * BLOCKS_A_POOL).map(|_| new(cache)).collect();
        let (kept, freed): (Vec<_>, Vec<_>) = blocks.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
        freed.into_iter().for_each(|block| free(cache, block));
        cache.empty_pockets();
        kept
    }

    #[test]
    fn a_cache_with_many_partial_pools_comes_by_its_slow_path_for_each_block() {
        static RUNTIME: Runtime = Runtime::new();
        RUNTIME.directory.set_purge_delay(u64::MAX);
        let cache = RUNTIME.enter().unwrap();
        let _kept = make_partial_pools(cache, WORTH_POOLS + 1);
        let pools = cache.partial_pools.get();
        for _ in 0..10 {
            let before = cache.refills.get();
            let block = new(cache);
            assert_eq!(cache.refills.get(), before + 1);
            free(cache, block);
        }
        assert_eq!((cache.singles.get(), cache.partial_pools.get()), (SINGLES - 10, pools));
        assert!(cache.list(class()).pool().is_none());
    }

    #[test]
    fn a_vigil_ends_after_so_many_blocks_and_begins_again_with_the_next_look_only() {
        static RUNTIME: Runtime = Runtime::new();
        RUNTIME.directory.set_purge_delay(u64::MAX);
        let cache = RUNTIME.enter().unwrap();
        let _kept = make_partial_pools(cache, WORTH_POOLS + 1);
        for _ in 0..SINGLES {
            let block = new(cache);
            free(cache, block);
        }
        let before = cache.refills.get();
        for _ in 0..10 {
            let block = new(cache);
            free(cache, block);
        }
        assert_eq!(cache.refills.get(), before + 1, "a current pool again");
        cache.wake_for(u32::MAX);
        assert_eq!(cache.singles.get(), 0);
        RUNTIME.directory.purge_all();
        cache.wake_for(u32::MAX);
        assert_eq!(cache.singles.get(), SINGLES);
    }

    #[test]
    fn what_is_taken_one_by_one_is_each_taken_once_and_full_pools_are_left() {
        static RUNTIME: Runtime = Runtime::new();
        RUNTIME.directory.set_purge_delay(u64::MAX);
        let cache = RUNTIME.enter().unwrap();
        let mut blocks = make_partial_pools(cache, WORTH_POOLS + 1);
        blocks.extend((0..blocks.len()).map(|_| new(cache)));
        let mut addresses: Vec<_> = blocks.iter().map(|block| std::format!("{block:?}")).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), blocks.len());
        assert!(cache.partial_pools.get() <= 1, "all are full");
        blocks.into_iter().for_each(|block| free(cache, block));
        // SAFETY: the caches of a test have one user.
        unsafe { cache.collect() };
        assert_eq!(RUNTIME.directory.census().used_pools, 0);
    }

    #[test]
    fn a_cache_with_few_partial_pools_sleeps_and_nothing_to_wait_for_ends_a_vigil() {
        static RUNTIME: Runtime = Runtime::new();
        RUNTIME.directory.set_purge_delay(u64::MAX);
        let cache = RUNTIME.enter().unwrap();
        let _kept = make_partial_pools(cache, WORTH_POOLS / 2);
        assert_eq!(cache.singles.get(), 0);
        cache.wake_for(WORTH_POOLS);
        assert_eq!(cache.singles.get(), SINGLES);
        // All that can be dug is dug; the next look finds nothing.
        (0..3).for_each(|_| {
            RUNTIME.directory.purge_all();
            cache.sweep_after_a_look();
        });
        assert_eq!(cache.singles.get(), 0);
    }
}
