//! Giving pools back: to the arena when they are empty, to nobody when blocks still live. On the shelf both stand under their class.
//!
//! Does not know: when memory goes back to the OS; `purge` does.

use crate::alike::FREED_ARE_OFFERED;
use crate::claim::run_mask;
use crate::directory::Directory;
use crate::segment::Segment;
use strata_core::arena;
use strata_core::layout::{POOL_BYTES, POOLS_PER_ARENA};
use strata_core::pool::{Disowned, Format, Freed, Pool};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::{
    CLOSE_BEFORE_RELEASE, DIRTY_BEFORE_RELEASE, OFFER_AFTER_DISOWN, OWNER_CLEARED_FIRST,
};

impl Directory {
    /// Gives an empty pool back.
    ///
    /// # Safety
    /// - The caller owns the pool, none of whose blocks is live, and does not use it again.
    pub unsafe fn release_pool(&self, pool: &Pool) {
        let format = pool.format();
        if CLOSE_BEFORE_RELEASE {
            self.close_pool(pool);
        }
        // SAFETY: closed; the caller's promise.
        unsafe { self.release_run(pool, 1) };
        if let Format::Blocks(class) = format
            && FREED_ARE_OFFERED
        {
            offer(class, pool);
        }
        if !CLOSE_BEFORE_RELEASE {
            self.close_pool(pool);
        }
        self.tick();
    }

    /// Makes a pool of the caller's, none of whose blocks is live, one of no class.
    pub fn close_pool(&self, pool: &Pool) {
        self.ascent.note_purge(pool.close().into());
    }

    /// Gives a large allocation back.
    ///
    /// # Safety
    /// - `first` is the first pool of a run that is the caller's, who does not use it again.
    pub unsafe fn free_large(&self, first: &Pool) {
        let Format::Run(pools) = first.format() else {
            debug_assert!(false, "not a large allocation");
            return;
        };
        first.close_run();
        // SAFETY: closed; the caller's promise.
        unsafe { self.release_run(first, pools) };
    }

    /// Gives the tail of a large allocation back.
    ///
    /// # Safety
    /// - `first` is the first pool of a run that is the caller's, who does not use anything behind `bytes` again.
    pub unsafe fn shrink_large(&self, first: &Pool, bytes: usize) {
        let Format::Run(old) = first.format() else { return };
        let new = bytes.div_ceil(POOL_BYTES).max(1) as u32;
        if new >= old {
            return;
        }
        first.open_run(new);
        let start = first.index().get() as u32 + new;
        debug_assert!(start < POOLS_PER_ARENA as u32);
        // SAFETY: the tail's headers are idle: only the first pool of a run has a format.
        let tail = unsafe { first.arena().pool(crate::segment::pool_index(start)) };
        // SAFETY: the caller's promise.
        unsafe { self.release_run(tail, old - new) };
    }

    /// # Safety
    /// - The run of `pools` idle pools from `first` on is the caller's, who does not use it again.
    unsafe fn release_run(&self, first: &Pool, pools: u32) {
        // SAFETY: claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(first) };
        let mask = run_mask(first.index().get() as u32, pools);
        if DIRTY_BEFORE_RELEASE {
            segment.mark_dirty(arena, mask);
        }
        if segment.pools[arena as usize].release(mask) == 0 {
            segment.open.raise(arena);
        }
        if !DIRTY_BEFORE_RELEASE {
            segment.mark_dirty(arena, mask);
        }
        self.demand.note_release(pools);
        self.schedule_purge();
    }

    /// Settles a pool that the caller owns but does not want: empty ones go back, others become nobody's.
    ///
    /// # Safety
    /// - The caller owns the pool (not current anywhere) and does not use it again.
    pub unsafe fn leave_pool(&self, pool: &Pool) {
        if pool.live() == 0 {
            // SAFETY: no block is live; the caller's promise.
            unsafe { self.release_pool(pool) };
            return;
        }
        // SAFETY: the caller's promise.
        if let Freed::Empty = unsafe { give_up(pool) } {
            // SAFETY: `give_up` found the last block: the pool is still ours and empty.
            unsafe { self.release_pool(pool) };
        }
    }
}

/// Makes an owned pool nobody's, and offers it to its class if it has room.
///
/// [`Freed::Empty`]: a chain arrived meanwhile and was the last: the pool is still the caller's, and empty.
///
/// # Safety
/// - The caller owns the pool (not current anywhere); unless `Empty` is returned, it does not use it again.
unsafe fn give_up(pool: &Pool) -> Freed {
    let Format::Blocks(class) = pool.format() else { return Freed::StillLive };
    loop {
        let has_room = pool.has_room(class);
        if OWNER_CLEARED_FIRST {
            pool.set_owner(core::ptr::null_mut());
        }
        if !OFFER_AFTER_DISOWN && has_room {
            offer(class, pool);
        }
        match pool.remote().disown() {
            Disowned::Done => {
                if OFFER_AFTER_DISOWN && has_room {
                    offer(class, pool);
                }
                if !OWNER_CLEARED_FIRST {
                    pool.set_owner(core::ptr::null_mut());
                }
                return Freed::StillLive;
            }
            Disowned::Pending => {
                if let Some(taken) = pool.remote().take_all(pool) {
                    // SAFETY: still the owner; the blocks came from the pool's own word.
                    if let Freed::Empty = unsafe { pool.accept(taken) } {
                        return Freed::Empty;
                    }
                }
            }
        }
    }
}

/// Says that a pool, which is nobody's or free by now, served `class`: of the header only the place is used.
pub(crate) fn offer(class: SizeClass, pool: &Pool) {
    // SAFETY: the pool of an initialised arena.
    let shelf = unsafe { arena::shelf(pool.arena()) };
    // SAFETY: as above.
    let (segment, index) = unsafe { Segment::of(pool) };
    shelf.offer(class, pool.index());
    segment.shelf_summary(class).raise(index);
}
