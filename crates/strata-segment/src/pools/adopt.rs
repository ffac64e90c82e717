//! Becoming the owner of unowned pools with live blocks: along the hints or, where memory is scarce, by a walk over all headers.
//!
//! Does not know: how pools come to be unowned; `release` does. Model: `loom-tests/tests/p5_adopt.rs`.

use super::Pools;
use crate::in_flight::InFlight;
use crate::segments::index::Kind;
use crate::segments::segment::{Segment, pool_index};
use strata_core::arena;
use strata_core::layout::USABLE_POOLS;
use strata_core::masks::bits_of;
use strata_core::pool::{Format, OwnedPool};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::{ADOPT_LOOKS, ADOPT_PUTS_BACK, SCARCE_LETS_GO};

impl Pools<'_> {
    /// Becomes the owner of an unowned pool of `class` that has room. Where several nodes have memory, of one of the caller's.
    ///
    /// The search starts at bit `start` of each arena, so that threads with different starts rarely want the same pool.
    pub(crate) fn adopt(&self, class: SizeClass, start: u32) -> Option<OwnedPool> {
        self.segments.find(Kind::Abandoned(class), |segment| self.adopt_in(segment, class, start))
    }

    /// The same on any node, where local memory was refused. `None` where nothing is remote.
    pub(crate) fn adopt_remote(&self, class: SizeClass) -> Option<OwnedPool> {
        self.segments.find_remote(Kind::Abandoned(class), |segment| self.adopt_in(segment, class, 0))
    }

    /// Becomes the owner of any unowned pool of `class` with a free block, on any node: when the OS gives no more. Walks all
    /// headers.
    #[cold]
    pub(crate) fn adopt_scarce(&self, class: SizeClass, in_flight: &InFlight) -> Option<OwnedPool> {
        self.segments.iter().find_map(|segment| {
            segment
                .committed_arenas()
                .find_map(|arena| self.adopt_scarce_in(segment, arena, class, in_flight))
        })
    }

    fn adopt_in(&self, segment: &Segment, class: SizeClass, start: u32) -> Option<OwnedPool> {
        let summary = segment.abandoned_summary(class);
        for index in bits_of(summary.hints()) {
            let place = segment.arena(index);
            // SAFETY: a raised bit means an initialised arena.
            let bitmap = unsafe { arena::abandoned(place) };
            while let Some(bit) = bitmap.take(class, start) {
                // SAFETY: a pool of an initialised arena; its header is never unmapped.
                let pool = unsafe { place.pool(bit) };
                // The pool has an owner, so the bit was stale: the pool is full, or its owner will publish it.
                let Some(owned) = pool.adopt() else { continue };
                if !ADOPT_LOOKS || owned.format() == Format::Blocks(class) {
                    return Some(owned);
                }
                // The pool serves another class by now.
                if ADOPT_PUTS_BACK {
                    self.abandon(owned);
                }
            }
            summary.clear_if(index, || bitmap.is_empty(class));
        }
        None
    }

    fn adopt_scarce_in(
        &self,
        segment: &Segment,
        arena: u32,
        class: SizeClass,
        in_flight: &InFlight,
    ) -> Option<OwnedPool> {
        let (used, place) = (!segment.pools[arena as usize].glance() & USABLE_POOLS, segment.arena(arena));
        bits_of(used).find_map(|bit| {
            // SAFETY: a pool of an initialised arena; its header is never unmapped.
            let pool = unsafe { place.pool(pool_index(bit)) };
            if !pool.glance_may_give(class) {
                return None;
            }
            // It may be put back, and others search for what it serves by now.
            let (flight, owned) = in_flight.take(|| pool.claim())?;
            if owned.format() == Format::Blocks(class) && owned.room(class) != 0 {
                flight.keep();
                return Some(owned);
            }
            // It was taken, or its class changed, since the racy read.
            if SCARCE_LETS_GO {
                self.abandon(owned);
            }
            None
        })
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use strata_core::pool::Pool;

    /// A pool of `class` with as many live blocks as `live`, unowned.
    fn abandon_pool_with(page_heap: &PageHeap, class: SizeClass, live: u32) -> &'static Pool {
        let run = page_heap.claim_pool().unwrap();
        let (pool, owned) = (run.first, run.open(class, 0));
        assert_eq!(owned.carve(class, live, |_| ()), live);
        page_heap.abandon(owned);
        pool
    }

    #[test]
    fn a_pool_with_room_that_was_abandoned_is_adopted_once() {
        static HEAP: PageHeap = PageHeap::new();
        let class = SizeClass::of(1000);
        let left = abandon_pool_with(&HEAP, class, 5);
        assert!(HEAP.adopt(SizeClass::of(2000), 0).is_none());
        assert!(core::ptr::eq(&raw const *HEAP.adopt(class, 0).unwrap(), left));
        assert!(HEAP.adopt(class, 0).is_none());
    }

    #[test]
    fn a_full_pool_that_was_abandoned_is_not_published() {
        static HEAP: PageHeap = PageHeap::new();
        let class = SizeClass::of(1000);
        let left = abandon_pool_with(&HEAP, class, Pool::capacity(class));
        assert!(HEAP.adopt(class, 0).is_none());
        assert!(left.claim().is_some(), "it is unowned all the same");
    }

    #[test]
    fn a_pool_with_one_free_block_is_found_when_there_is_nothing_else() {
        static HEAP: PageHeap = PageHeap::new();
        let class = SizeClass::of(1000);
        let left = abandon_pool_with(&HEAP, class, Pool::capacity(class) - 1);
        let _full = abandon_pool_with(&HEAP, class, Pool::capacity(class));
        assert!(HEAP.adopt(class, 0).is_none());
        assert!(core::ptr::eq(&raw const *HEAP.adopt_scarce(class).unwrap(), left));
        assert!(HEAP.adopt_scarce(class).is_none());
    }

    #[test]
    fn an_empty_pool_that_was_abandoned_is_free() {
        static HEAP: PageHeap = PageHeap::new();
        abandon_pool_with(&HEAP, SizeClass::of(1000), 0);
        assert_eq!(HEAP.snapshot().used_pools, 0);
    }

    #[test]
    fn a_published_pool_that_was_claimed_meanwhile_is_passed_over() {
        static HEAP: PageHeap = PageHeap::new();
        let class = SizeClass::of(1000);
        let (taken, other) = (abandon_pool_with(&HEAP, class, 5), abandon_pool_with(&HEAP, class, 6));
        let _held = taken.claim().unwrap();
        assert!(core::ptr::eq(&raw const *HEAP.adopt(class, 0).unwrap(), other));
    }
}
