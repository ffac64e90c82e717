//! Class-affine reuse: a free pool goes to the class that it served last, since its memory is where the class will touch it again.
//!
//! ```text
//!   a class's blocks lie at the front of a pool, on as many pages as it had blocks for:
//!     served 48 B   │ 1 │ . . . . . . . . .        given to 6,144 B, it takes five pages more;
//!     served 6 KiB  │ 1 │ 2 │ 3 │ 4 │ 5 │ 6 │ . .  given to 48 B, five of them lie unused
//! ```
//!
//! Otherwise threads that are short-lived, each with a little of everything, would touch of every pool as much as the class
//! that needs most.
//!
//! A released pool is published in its arena's bitmap under its class, as an unowned one is. The bit is stale once the pool serves
//! another class; a thread that follows it claims the pool's bit, as for any other claim.
//!
//! Does not know: how far a pool was touched. Model: `loom-tests/tests/p7_stale_offers.rs`. Decision 0022.

use super::Pools;
use super::claim::ClaimedRun;
use super::release::publish;
use crate::masks::bits_of;
use crate::segments::index::Kind;
use crate::segments::segment::Segment;
use crate::without::AFFINE_REUSE;
use strata_core::arena;
use strata_core::pool::RemoteState;
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::{AFFINE_CLAIMS, AFFINE_PUTS_BACK};

/// Whether released pools are published. In models only where one asks for it: everywhere else it would cost too many executions.
pub(super) const FREED_ARE_OFFERED: bool = AFFINE_REUSE && !cfg!(strata_loom);

impl Pools<'_> {
    /// Claims a pool that served `class` last, and still has its memory.
    pub(crate) fn claim_affine(&self, class: SizeClass) -> Option<ClaimedRun> {
        if !AFFINE_REUSE {
            return None;
        }
        let run = self.segments.find(Kind::Abandoned(class), |segment| claim_affine(segment, class))?;
        self.policy.claimed(1, run.dirty.count_ones());
        self.segments.counters().count_claimed(1);
        Some(run)
    }
}

/// Those of an arena's pools that are not for `claim_affine`.
pub(crate) fn taken(segment: &Segment, arena: u32) -> u64 {
    if FREED_ARE_OFFERED { !segment.pools[arena as usize].glance() } else { u64::MAX }
}

fn claim_affine(segment: &Segment, class: SizeClass) -> Option<ClaimedRun> {
    bits_of(segment.abandoned_summary(class).hints()).find_map(|arena| claim_affine_in(segment, arena, class))
}

fn claim_affine_in(segment: &Segment, index: u32, class: SizeClass) -> Option<ClaimedRun> {
    let (place, bits) = (segment.arena(index), &segment.pools[index as usize]);
    // SAFETY: a raised bit means an initialised arena.
    let bitmap = unsafe { arena::abandoned(place) };
    while let Some(offer) = bitmap.take_among(class, segment.free_with_memory(index), 0) {
        if !AFFINE_CLAIMS || bits.claim_exactly(offer.bit()) {
            segment.open.clear_if(index, || bits.glance() == 0);
            let dirty = segment.dirty(index) >> offer.get() & 1;
            // SAFETY: a pool of an initialised arena.
            return Some(ClaimedRun { first: unsafe { place.pool(offer) }, dirty });
        }
        // SAFETY: a pool of an initialised arena.
        let pool = unsafe { place.pool(offer) };
        // Another thread claimed the pool, and it may be unowned and published by now: its bit must not be lost.
        if AFFINE_PUTS_BACK && pool.remote().glance().state() == RemoteState::Published {
            publish(class, pool);
        }
    }
    None
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use crate::purge::policy::Scope;
    use core::ptr::NonNull;
    use std::vec::Vec;
    use strata_core::pool::OwnedPool;

    fn open(page_heap: &PageHeap, class: SizeClass) -> OwnedPool {
        page_heap.claim_affine(class).or_else(|| page_heap.claim_pool()).unwrap().open(class, 0)
    }

    /// Opens a pool of `class` and gives it back at once; the pool.
    fn use_a_pool(page_heap: &PageHeap, class: SizeClass) -> NonNull<u8> {
        let pool = open(page_heap, class);
        let base = pool.base();
        page_heap.release_pool(pool);
        base
    }

    #[test]
    fn a_class_gets_the_pools_again_that_it_gave_back() {
        static HEAP: PageHeap = PageHeap::new();
        let classes = [SizeClass::of(48), SizeClass::of(6000), SizeClass::of(100)];
        let pools = classes.map(|class| open(&HEAP, class));
        let bases = pools.each_ref().map(|pool| pool.base());
        pools.into_iter().for_each(|pool| HEAP.release_pool(pool));
        for (class, base) in classes.into_iter().zip(bases).rev() {
            let again = open(&HEAP, class);
            assert_eq!(again.base(), base);
        }
    }

    #[test]
    fn a_pool_that_served_another_class_since_is_passed_over() {
        static HEAP: PageHeap = PageHeap::new();
        let (first, second) = (SizeClass::of(48), SizeClass::of(6000));
        let base = use_a_pool(&HEAP, first);
        let held = open(&HEAP, second);
        assert_eq!(held.base(), base);
        assert_ne!(open(&HEAP, first).base(), base);
    }

    #[test]
    fn a_purged_pool_is_like_any_other() {
        static HEAP: PageHeap = PageHeap::new();
        let class = SizeClass::of(48);
        let [first, second, third] = [(); 3].map(|()| open(&HEAP, class));
        HEAP.release_pool(third);
        HEAP.purge().pass(Scope::All);
        let base = second.base();
        HEAP.release_pool(second);
        assert_eq!(open(&HEAP, class).base(), base, "this one still has it");
        HEAP.release_pool(first);
    }

    #[test]
    fn the_last_free_pool_of_an_arena_leaves_no_hint_behind() {
        static HEAP: PageHeap = PageHeap::new();
        let class = SizeClass::of(48);
        let first = open(&HEAP, class);
        let mut others = Vec::new();
        while HEAP.snapshot().arenas == 1 {
            others.push(open(&HEAP, class));
        }
        let base = first.base();
        HEAP.release_pool(first);
        let again = open(&HEAP, class);
        assert_eq!(again.base(), base);
        // SAFETY: claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(&again) };
        assert_eq!(segment.open.hints() >> arena & 1, 0);
    }
}
