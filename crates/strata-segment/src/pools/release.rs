//! Giving pools up: released to the arena when they are empty, abandoned when blocks are live. Both are then found under their class.
//!
//! Does not know: when memory is given back to the OS; `purge` does.

use super::Pools;
use crate::counters::bytes_of;
use crate::purge::policy::Returned;
use crate::segments::segment::Segment;
use strata_core::arena;
use strata_core::layout::{POOL_BYTES, POOLS_PER_ARENA};
use strata_core::masks::run_mask;
use strata_core::pool::{Closed, Format, Freed, OwnedPool, Pool};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::{
    ABANDON_PUBLISHES, CLOSE_BEFORE_RELEASE, DIRTY_BEFORE_RELEASE, FIRST_BIT_IS_HINTED, PUBLISH_AFTER_DISOWN,
    RELEASE_FREES_SPAN,
};

impl Pools<'_> {
    /// Gives a pool without live blocks back to its arena, or all of a span.
    pub(crate) fn release(&self, pool: OwnedPool) {
        let format = pool.format();
        let place = pool.into_raw();
        // SAFETY: pool headers are never unmapped.
        let first: &'static Pool = unsafe { place.as_ref() };
        if !CLOSE_BEFORE_RELEASE {
            // SAFETY: a mutant: the pool is not closed yet.
            unsafe { self.release_run(first, 1) };
        }
        // SAFETY: made a word of above.
        let closed = unsafe { OwnedPool::from_raw(place) }.close();
        if CLOSE_BEFORE_RELEASE {
            // SAFETY: closed; the token that the caller gave away was the only one.
            unsafe { self.release_span(closed) };
        }
        if let Format::Blocks(class) = format {
            self.class_pools.count_closed(class);
        }
    }

    /// Gives a large allocation back; nothing, if it is none, or not any more.
    ///
    /// # Safety
    /// - `first` is the first pool of the caller's run, which is not used again.
    pub(crate) unsafe fn free_large(&self, first: &Pool) {
        let Some(pools) = first.close_run() else { return };
        self.segments.counters().count_large_gone(pools);
        // SAFETY: closed; not used again, by this function's contract.
        unsafe { self.release_run(first, pools) };
    }

    /// Gives the tail of a large allocation back.
    ///
    /// # Safety
    /// - `first` is the first pool of the caller's run, and nothing behind `bytes` is used again.
    pub(crate) unsafe fn shrink_large(&self, first: &Pool, bytes: usize) {
        let Format::Run(old) = first.format() else { return };
        let new = bytes.div_ceil(POOL_BYTES).max(1) as u32;
        if new >= old {
            return;
        }
        first.open_run(new);
        self.segments.counters().count_resized(old, new);
        let start = first.index().get() as u32 + new;
        debug_assert!(start < POOLS_PER_ARENA as u32);
        // SAFETY: the tail's headers are idle: only the first pool of a run has a format.
        let tail = unsafe { first.arena().pool(crate::segments::segment::pool_index(start)) };
        // SAFETY: nothing behind `bytes` is used again, by this function's contract.
        unsafe { self.release_run(tail, old - new) };
    }

    /// # Safety
    /// - The run of `pools` idle pools from `first` on is the caller's, and is not used again.
    unsafe fn release_run(&self, first: &Pool, pools: u32) {
        // SAFETY: the same contract.
        unsafe { self.release_span(Closed { first, pools, reached: pools }) };
    }

    /// # Safety
    /// - The closed pools are the caller's, and are not used again.
    unsafe fn release_span(&self, closed: Closed<'_>) {
        let Closed { first, pools, reached } = closed;
        // SAFETY: claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(first) };
        let start = first.index().get() as u32;
        let (mask, used) = (run_mask(start, pools), run_mask(start, reached));
        let still_clean = if used == mask { 0 } else { segment.forget_unused(arena, mask & !used) };
        self.segments.counters().count_released(pools);
        if DIRTY_BEFORE_RELEASE {
            segment.mark_dirty(arena, used);
        }
        segment.free_pools(arena, if RELEASE_FREES_SPAN { mask } else { used });
        if !DIRTY_BEFORE_RELEASE {
            segment.mark_dirty(arena, used);
        }
        self.policy.returned(Returned::Pools { bytes: bytes_of(pools - still_clean) });
        self.above.released();
    }

    /// Abandons a pool that the caller does not need: without live blocks it goes back to its arena, else it is unowned from
    /// now on, and published if it has room.
    pub(crate) fn abandon(&self, pool: OwnedPool) {
        let Format::Blocks(class) = pool.format() else { return };
        let place: *const Pool = &raw const *pool;
        // SAFETY: pool headers are never unmapped, whichever thread owns the pool.
        let set_bit = || publish(class, unsafe { &*place });
        let mut pool = pool;
        loop {
            if pool.live() == 0 {
                return self.release(pool);
            }
            if !PUBLISH_AFTER_DISOWN && pool.has_room(class) {
                set_bit();
            }
            match pool.disown(class) {
                Ok(is_published) => {
                    if is_published && PUBLISH_AFTER_DISOWN && ABANDON_PUBLISHES {
                        set_bit();
                    }
                    return;
                }
                Err(still_owned) => pool = still_owned,
            }
            if pool.collect() == Freed::TooMany {
                self.above.freed_twice(&pool);
            }
        }
    }
}

/// Sets the bit of a pool of `class` that is published: of the header only its place is used.
pub(crate) fn publish(class: SizeClass, pool: &Pool) {
    // SAFETY: the pool of an initialised arena.
    let bitmap = unsafe { arena::abandoned(pool.arena()) };
    // SAFETY: the pool of an initialised arena.
    let (segment, index) = unsafe { Segment::of(pool) };
    if bitmap.publish(class, pool.index()) && FIRST_BIT_IS_HINTED {
        segment.set_published(class, index);
    }
}
