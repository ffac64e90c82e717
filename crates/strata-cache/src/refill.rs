//! The slow half of an allocation: the current pool's list is empty.
//!
//! ```text
//!   0  blocks that go round (`pocket`); a class without a pool, its first blocks: larger ones (`borrow`)
//!   1  what others gave back to the current pool
//!   2  a partial pool of ours with enough room, the fullest of those looked at
//!   3  carve more of the current pool
//!   4  adopt a pool of nobody's
//!   5  a pool of ours that another class has for nothing (`idle`); a fresh one
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
        if let Some(pool) = self.fullest_partial(class) {
            self.turn_to(class, pool);
            if !list.is_empty() {
                return Some(());
            }
        }
        if let Some(pool) = self.list(class).pool() {
            // SAFETY: the current pool is ours and of this class.
            if let Some(link) = unsafe { pool.carve(class) } {
                list.replace(link);
                return Some(());
            }
        }
        let Some(pool) = self.pool_of_nobodys(class) else { return self.refill_from_own(class) };
        self.leave_current(class);
        self.make_current(class, pool);
        if list.is_empty() {
            // SAFETY: the current pool is ours and of this class.
            list.replace(unsafe { pool.carve(class) }?);
        }
        Some(())
    }

    /// A pool that is ours from now on: one with room that was left, or a fresh one, or if the OS has no more for this node, one
    /// that was left on another.
    fn pool_of_nobodys(&self, class: SizeClass) -> Option<&'static Pool> {
        let directory = self.directory();
        let left = directory.adopt(class);
        if left.is_none()
            && let Some(idle) = self.turn_idle(class)
        {
            self.fresh.forget_class(class);
            return Some(idle);
        }
        if left.is_none()
            && let Some(run) = directory.claim_pool()
        {
            self.pay_for_turns();
            let memory = if run.dirty == 0 { Memory::Zero } else { Memory::Used };
            run.first.open(class, self.identity(), memory);
            self.note_claimed(class, run.first, memory);
            return Some(run.first);
        }
        let pool = left.or_else(|| directory.adopt_far(class))?;
        self.fresh.forget_class(class);
        pool.take_over(self.identity());
        Some(pool)
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
            // SAFETY: the pool turned to is ours and of this class.
            list.replace(unsafe { self.list(class).pool()?.carve(class) }?);
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

    /// Of the oldest partial pools, the fullest that has room for a while; what others gave back is taken on the way.
    fn fullest_partial(&self, class: SizeClass) -> Option<&'static Pool> {
        let mut best: Option<&'static Pool> = None;
        let mut first_looked_at: Option<&'static Pool> = None;
        for _ in 0..LOOK_AT {
            let Some(pool) = self.queue(class).first() else { break };
            if first_looked_at.is_some_and(|first| core::ptr::eq(first, pool)) {
                break;
            }
            if !self.look_after(class, pool) {
                continue;
            }
            first_looked_at.get_or_insert(pool);
            self.queue(class).rotate();
            if pool.has_room(class) && best.is_none_or(|best| pool.live() > best.live()) {
                best = Some(pool);
            }
        }
        best
    }
}
