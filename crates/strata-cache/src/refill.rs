//! The slow half of an allocation: the current pool's list is empty.
//!
//! ```text
//!   0  blocks that go round (`pocket`); a class without a pool, its first blocks: larger ones (`borrow`)
//!   1  what others gave back to the current pool
//!   2  a partial pool of ours with enough room, the lowest of those looked at
//!   3  carve more of the current pool
//!   4  adopt a pool of nobody's
//!   5  a free pool that the class had before; a pool of ours that another class has for nothing (`idle`); any free one
//!   6  if there is none: any free block of ours, however few its pool has
//! ```
//!
//! Used memory first, untouched memory later, the OS last.
//!
//! Does not know: thread-local storage; where memory comes from.

use crate::cache::Cache;
use crate::current;
use strata_core::block::BlockPtr;
use strata_core::pool::{Memory, Pool};
use strata_core::size_class::SizeClass;
use strata_segment::ClaimedRun;

/// Partial pools looked at for one refill.
const LOOK_AT: u32 = 8;

impl Cache {
    /// A block of `class`, after filling the empty list. `None`: out of memory.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is, and the list of `class` is empty.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn refill(&self, class: SizeClass) -> Option<BlockPtr> {
        if self.runtime().is_none() {
            // A stand-in: the thread has no cache yet, or no longer.
            return current::alloc_without_cache(class);
        }
        // SAFETY: the caller's promise.
        if let Some(block) = unsafe { self.take_pocketed(class) } {
            return Some(block);
        }
        self.housekeeping();
        if let Some(block) = self.take_single(class) {
            return Some(block);
        }
        // SAFETY: the caller's promise.
        if let Some(block) = unsafe { self.borrow(class) } {
            return Some(block);
        }
        if self.list(class).free.is_empty() {
            // SAFETY: the caller's promise, looked at again: a janitor that was hired allocated for its thread.
            unsafe { self.refill_list(class) }?;
        }
        // SAFETY: the owner's list, not empty now.
        unsafe { self.list(class).free.pop() }
    }

    /// # Safety
    /// - As for [`refill`](Self::refill).
    unsafe fn refill_list(&self, class: SizeClass) -> Option<()> {
        let list = &self.list(class).free;
        let current = self.list(class).pool();
        if let Some(taken) = current.and_then(|pool| pool.remote().take_all(pool)) {
            list.replace(taken.head);
            return Some(());
        }
        if let Some(pool) = self.lowest_partial(class) {
            self.turn_to(class, pool);
            if !list.is_empty() {
                return Some(());
            }
        }
        if self.carve_current(class).is_some() {
            return Some(());
        }
        let Some(pool) = self.pool_of_nobodys(class) else { return self.refill_from_own(class) };
        self.leave_current(class);
        self.make_current(class, pool);
        if list.is_empty() {
            self.carve_current(class)?;
        }
        Some(())
    }

    /// Fills the empty list from the current pool's holes, or from what nobody carved yet.
    fn carve_current(&self, class: SizeClass) -> Option<()> {
        let pool = self.list(class).pool()?;
        let holes = pool.holes();
        // SAFETY: the current pool is ours and of this class.
        self.list(class).free.replace(unsafe { pool.carve(class) }?);
        self.directory().note_rise((holes ^ pool.holes()).count_ones());
        Some(())
    }

    /// A pool that is ours from now on: one with room that was left, or a fresh one, or if the OS has no more for this node, one
    /// that was left on another.
    fn pool_of_nobodys(&self, class: SizeClass) -> Option<&'static Pool> {
        let directory = self.directory();
        if let Some(left) = directory.adopt(class) {
            return Some(self.take_over_left(class, left));
        }
        if let Some(run) = directory.claim_alike(class) {
            return Some(self.open_claimed(class, &run));
        }
        if let Some(idle) = self.turn_idle(class) {
            self.fresh.forget_class(class);
            return Some(idle);
        }
        if let Some(run) = directory.claim_pool() {
            self.pay_for_turns();
            return Some(self.open_claimed(class, &run));
        }
        directory.adopt_far(class).map(|left| self.take_over_left(class, left))
    }

    fn open_claimed(&self, class: SizeClass, run: &ClaimedRun) -> &'static Pool {
        let memory = if run.dirty == 0 { Memory::Zero } else { Memory::Used };
        run.first.open(class, self.identity(), memory);
        self.note_claimed(class, run.first, memory);
        run.first
    }

    fn take_over_left(&self, class: SizeClass, pool: &'static Pool) -> &'static Pool {
        self.fresh.forget_class(class);
        pool.take_over(self.identity());
        pool
    }

    /// The OS has no more: whatever is ours will do, even a pool with one free block.
    #[cold]
    fn refill_from_own(&self, class: SizeClass) -> Option<()> {
        // SAFETY: the caller of `refill` is the thread whose cache this is.
        unsafe { self.collect() };
        let list = &self.list(class).free;
        if list.is_empty() {
            let pool = self.queue(class).find(|pool| pool.room(class) > 0)?;
            self.turn_to(class, pool);
        }
        if list.is_empty() {
            self.carve_current(class)?;
        }
        Some(())
    }

    /// Makes a partial pool the current one.
    fn turn_to(&self, class: SizeClass, pool: &'static Pool) {
        self.drop_partial(class, pool);
        self.leave_current(class);
        self.make_current(class, pool);
    }

    /// Lets the current pool, whose list is empty, go: to the queue if it can still be carved, to nobody if it is full.
    pub(crate) fn leave_current(&self, class: SizeClass) {
        let Some((pool, _)) = self.take_current(class) else { return };
        self.keep_or_leave(class, pool);
    }

    /// Of the first partial pools, the lowest that has room for a while; what others gave back is taken on the way. Those that have
    /// none wait at the end.
    fn lowest_partial(&self, class: SizeClass) -> Option<&'static Pool> {
        let queue = self.queue(class);
        let mut best: Option<&'static Pool> = None;
        let mut next = queue.first();
        for _ in 0..LOOK_AT {
            let Some(pool) = next else { break };
            next = queue.behind(pool);
            if !self.look_after(class, pool) {
                continue;
            }
            if !pool.has_room(class) {
                queue.remove(pool);
                queue.push_back(pool);
            } else if best.is_none_or(|best| pool.base() < best.base()) {
                best = Some(pool);
            }
        }
        best
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::identity::Runtime;
    use crate::scene::{free, new};
    use std::vec::Vec;
    use strata_core::address::UserPtr;

    #[test]
    fn blocks_are_taken_from_the_lowest_partial_pool_so_that_others_drain() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let class = SizeClass::of(8 << 10);
        let pool_of = |block: UserPtr| {
            // SAFETY: a block of a pool.
            unsafe { block.pool() }.base()
        };
        let blocks: Vec<_> = (0..4 * Pool::capacity(class)).map(|_| new(cache, class)).collect();
        let mut first_of_three: Vec<_> =
            blocks.chunks(Pool::capacity(class) as usize).take(3).map(|pool| pool[0]).collect();
        first_of_three.rotate_left(2);
        first_of_three.iter().for_each(|block| free(cache, *block, class));
        cache.empty_pockets();
        let taken: Vec<_> = (0..3).map(|_| pool_of(new(cache, class))).collect();
        let mut lowest_first: Vec<_> = first_of_three.into_iter().map(pool_of).collect();
        lowest_first.sort_unstable();
        assert_eq!(taken, lowest_first);
    }
}
