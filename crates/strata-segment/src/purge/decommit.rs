//! Giving back the free pages inside unowned pools in which something lives.
//!
//! ```text
//!   published ──claim──► ours ──in use of late?──► idle ──the next pass──► holes, pages purged ──► abandoned again
//! ```
//!
//! Nearly every pool with free blocks is unowned, so a purge pass reaches them, whichever thread used them last and whether it sleeps.
//! Pages in use since the pass before stay; and passes that the clock
//! makes take nothing while the policy backs off (`refaults`).
//!
//! I1  The thread that decommits owns the pool, so no list changes under it; what others give back meanwhile waits in the remote word.
//! I2  Blocks are off the list before their pages are purged, so no link is lost.
//!
//! Does not know: when it is time; `purge` does. Model: `loom-tests/tests/p22_decommit.rs`. Decisions 0010, 0019, 0023.

use super::Purge;
use super::policy::Scope;
use crate::fork_gate::Forks;
use crate::segments::index::Kind;
use crate::segments::segment::Segment;
use core::ops::Range;
use strata_core::address::PoolIndex;
use strata_core::arena;
use strata_core::masks::{bits_of, wide_runs_of};
use strata_core::pool::{Format, Inspected, OwnedPool, Pool, SUBPAGE_BYTES, Subpages, pages_over};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::{DECOMMIT_CLAIMS, DECOMMIT_LETS_GO, DECOMMIT_RECHECKS};
use strata_os::{machine, memory};

/// Which pools a pass inspects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    /// Those in use since the last pass are left alone.
    Idle,
    /// All that may have free pages.
    All,
}

impl Purge<'_> {
    /// Inspects a pool of `class` that has live blocks; `true` if another pass may find more.
    fn decommit_in(&self, class: SizeClass, pool: &OwnedPool, reach: Reach) -> bool {
        match (pool.inspect(class), reach) {
            (Inspected::Leave, _) => false,
            (Inspected::Again, Reach::Idle) => true,
            (Inspected::Again, Reach::All) | (Inspected::Decommit, _) => {
                self.purge_subpages(pool, pool.decommit(class, machine::page_size()));
                false
            }
        }
    }

    fn purge_subpages(&self, pool: &OwnedPool, subpages: Subpages) {
        if subpages == 0 {
            return;
        }
        // SAFETY: claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(pool) };
        segment.shun_huge_pages(arena);
        // Where a page is longer than a subpage, the rest of it are holes already.
        for part in wide_runs_of(pages_over(subpages, machine::page_size())) {
            let (start, gone) = (part.trailing_zeros(), subpages & part);
            // SAFETY: whole pages of a pool that is ours (I1), of which every block is free and on no list (I2).
            unsafe { self.purge_part(pool, start..start + part.count_ones(), gone.count_ones()) };
        }
    }

    /// Gives a part of a pool, or of its span, back by one call, and counts it: `gone` of its subpages held something. Returns whether
    /// the OS took it.
    ///
    /// # Safety
    /// - The part is whole pages of pools that the caller owns, and holds nothing that is in use.
    pub(super) unsafe fn purge_part(&self, pool: &Pool, subpages: Range<u32>, gone: u32) -> bool {
        // SAFETY: within the pool, or its span.
        let start = unsafe { pool.base().byte_add(subpages.start as usize * SUBPAGE_BYTES) };
        // SAFETY: whole pages that nothing uses, by this function's contract.
        let went = unsafe { memory::purge(start, subpages.len() * SUBPAGE_BYTES) };
        if went {
            self.counters.purged_bytes.add(u64::from(gone) * SUBPAGE_BYTES as u64);
        }
        self.counters.purge_calls.add(1);
        went
    }

    /// Inspects every unowned pool that has room; whether another pass may find more.
    pub(super) fn decommit_unowned_with(&self, scope: Scope, forks: Forks) -> bool {
        let reach = match scope {
            Scope::Nothing => return self.may_decommit(),
            Scope::Idle => Reach::Idle,
            Scope::All => Reach::All,
        };
        self.counters.passes.add(1);
        self.decommit_published(reach, forks, || false)
    }

    /// Inspects them until it `is_over`.
    pub(super) fn decommit_all_until(&self, is_over: impl Fn() -> bool) {
        self.decommit_published(Reach::All, Forks::BetweenSteps, is_over);
    }

    /// Whether some pass may find pages to give back.
    fn may_decommit(&self) -> bool {
        SizeClass::all().any(|class| {
            self.segments
                .find_anywhere(Kind::Abandoned(class), |segment| may_decommit(segment, class))
                .is_some()
        })
    }

    fn decommit_published(&self, reach: Reach, forks: Forks, is_over: impl Fn() -> bool) -> bool {
        let mut left = false;
        for segment in self.segments.returnable() {
            for class in SizeClass::all().rev() {
                for arena in bits_of(segment.abandoned_summary(class).hints()) {
                    if is_over() {
                        return left;
                    }
                    let _held_off = self.fork_gate.enter_for_step(forks);
                    left |= self.decommit_in_arena(segment, arena, class, reach);
                }
            }
        }
        left
    }

    fn decommit_in_arena(&self, segment: &Segment, arena: u32, class: SizeClass, reach: Reach) -> bool {
        seem_published(segment, arena, class)
            .fold(false, |left, pool| left | self.decommit_if_unowned(pool, class, reach))
    }

    fn decommit_if_unowned(&self, pool: &'static Pool, class: SizeClass, reach: Reach) -> bool {
        if !seems_worth_it(pool, class) {
            return false;
        }
        let claim = || {
            if DECOMMIT_CLAIMS {
                return pool.claim();
            }
            // SAFETY: a mutant: the pool was not claimed.
            Some(unsafe { OwnedPool::from_raw(pool.into()) })
        };
        let Some((_flight, owned)) = self.in_flight.take(claim) else { return false };
        // The bit may be stale: the pool may serve another class by now.
        let is_of_class = !DECOMMIT_RECHECKS || owned.format() == Format::Blocks(class);
        let left = is_of_class && self.decommit_in(class, &owned, reach);
        if DECOMMIT_CLAIMS && DECOMMIT_LETS_GO {
            self.pools.abandon(owned);
        }
        left
    }
}

/// Whether a pool seems to be unowned, and to have pages for a pass to give back.
fn seems_worth_it(pool: &Pool, class: SizeClass) -> bool {
    pool.remote().glance().is_unowned() && pool.glance_worth_decommitting(class)
}

/// Something, if a pass may find pages to give back among a segment's unowned pools of `class`.
fn may_decommit(segment: &Segment, class: SizeClass) -> Option<()> {
    let mut arenas = bits_of(segment.abandoned_summary(class).hints());
    let is_worth_it = |pool| seems_worth_it(pool, class);
    arenas.any(|arena| seem_published(segment, arena, class).any(is_worth_it)).then_some(())
}

/// The pools of an arena that have a bit in its bitmap.
fn seem_published(segment: &Segment, arena: u32, class: SizeClass) -> impl Iterator<Item = &'static Pool> {
    let place = segment.arena(arena);
    // SAFETY: a raised bit means an initialised arena.
    let published = unsafe { arena::abandoned(place) }.glance(class);
    let indices = bits_of(published).filter_map(|bit| PoolIndex::new(bit as usize));
    // SAFETY: a pool of an initialised arena; its header is never unmapped.
    indices.map(move |index| -> &'static Pool { unsafe { place.pool(index) } })
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use core::ptr::NonNull;
    use std::vec::Vec;
    use strata_core::block::{BlockPtr, Chain};

    /// An unowned pool whose second half is free: every block was written, those of the second half were freed.
    fn half_free_pool(page_heap: &PageHeap, class: SizeClass) -> &'static Pool {
        let run = page_heap.claim_pool().unwrap();
        let (pool, owned) = (run.first, run.open(class, 0));
        let count = Pool::capacity(class);
        for index in 0..count {
            let block = owned.carve_untouched(class).unwrap();
            // SAFETY: ours, of this length.
            unsafe { block.as_non_null().write_bytes(0xa5, class.block_bytes()) };
            if index >= count / 2 {
                // SAFETY: ours; blocks of the first half live.
                let _ = unsafe { owned.put(Chain::of(block)) };
            }
        }
        page_heap.abandon(owned);
        pool
    }

    const HALF_A_POOL: u64 = (strata_core::layout::POOL_BYTES / 2) as u64;

    #[test]
    fn free_pages_of_an_unowned_pool_go_when_it_was_idle_for_a_pass() {
        static HEAP: PageHeap = PageHeap::new();
        let pool = half_free_pool(&HEAP, SizeClass::of(1024));
        assert!(
            HEAP.purge().decommit_unowned_with(Scope::Idle, Forks::BetweenSteps),
            "it was in use of late"
        );
        assert_eq!(HEAP.purged_bytes(), 0);
        assert!(!HEAP.purge().decommit_unowned_with(Scope::Idle, Forks::BetweenSteps));
        assert_eq!(HEAP.purged_bytes(), HALF_A_POOL);
        assert_eq!(HEAP.snapshot().purge_calls, 1, "neighbours go by one call");
        assert!(!HEAP.purge().decommit_unowned_with(Scope::All, Forks::BetweenSteps));
        assert_eq!(HEAP.purged_bytes(), HALF_A_POOL, "what went is not given back again");
        // SAFETY: the first block lives, and is read as it was written.
        assert_eq!(unsafe { pool.base().read() }, 0xa5);
    }

    #[test]
    fn a_pool_whose_pages_went_is_unowned_again_and_published() {
        static HEAP: PageHeap = PageHeap::new();
        let class = SizeClass::of(1024);
        let pool = half_free_pool(&HEAP, class);
        assert!(!HEAP.purge().decommit_unowned_with(Scope::All, Forks::BetweenSteps));
        let adopted = HEAP.adopt(class, 0).unwrap();
        assert!(core::ptr::eq(&raw const *adopted, pool));
        assert_eq!(adopted.live(), Pool::capacity(class) / 2);
    }

    #[test]
    fn where_only_free_pools_are_left_no_pass_is_wanted() {
        static HEAP: PageHeap = PageHeap::new();
        let class = SizeClass::of(1024);
        half_free_pool(&HEAP, class);
        assert!(HEAP.purge().pass(Scope::Nothing), "a pool has free pages");
        let owned = HEAP.adopt(class, 0).unwrap();
        let live = owned.live();
        let mut blocks = Vec::new();
        assert_eq!(owned.take(class, live, |block| blocks.push(block)), Ok(live));
        // The first half, which was never freed: as if the program did.
        let first = (0..live).map(|index| owned.base().as_ptr().wrapping_add(index as usize * 1024));
        let all = first.map(|start| BlockPtr::from_address(NonNull::new(start).unwrap())).chain(blocks);
        // SAFETY: all blocks of the pool, each once.
        all.for_each(|block| _ = unsafe { owned.put(Chain::of(block)) });
        HEAP.release_pool(owned);
        while HEAP.purge().pass(Scope::Idle) {}
        assert!(!HEAP.purge().pass(Scope::Nothing));
    }

    #[test]
    fn an_owned_pool_is_left_alone() {
        static HEAP: PageHeap = PageHeap::new();
        let pool = half_free_pool(&HEAP, SizeClass::of(1024));
        let _held = pool.claim().unwrap();
        assert!(!HEAP.purge().decommit_unowned_with(Scope::All, Forks::BetweenSteps));
        assert_eq!(HEAP.purged_bytes(), 0);
    }
}
