//! A free pool goes to the class that it served last, if that is known of one: its memory is where the class will touch it again.
//!
//! ```text
//!   a class's blocks lie at the front of a pool, on as many pages as it had blocks for:
//!     served 48 B   │ 1 │ . . . . . . . . .        given to 6,144 B, it takes five pages more;
//!     served 6 KiB  │ 1 │ 2 │ 3 │ 4 │ 5 │ 6 │ . .  given to 48 B, it holds five for nothing
//! ```
//!
//! Threads that come and go, each with a little of everything, would else in the end have touched of every pool what the class
//! that wants most touches.
//!
//! A pool that is given back is offered on its arena's shelf, as one is that nobody owns. The offer is stale once the pool serves
//! another class; whoever follows it claims the pool's bit, as for any other claim.
//!
//! Does not know: how far a pool was touched. Model: `loom-tests/tests/p7_stale_offers.rs`. Decision 0022.

use crate::claim::{ClaimedRun, bits_of};
use crate::directory::Directory;
use crate::segment::Segment;
use strata_core::arena;
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::ALIKE_CLAIMS;

/// Whether what is given back is offered. In models only where one asks for it: all others would have too many executions.
pub(crate) const FREED_ARE_OFFERED: bool = !cfg!(strata_loom);

impl Directory {
    /// Claims a pool that served `class` last, and still has its memory.
    pub fn claim_alike(&self, class: SizeClass) -> Option<ClaimedRun> {
        let run = self.find_in_segments(|segment| segment.claim_alike(class))?;
        self.demand.note_claim(1, run.dirty.count_ones());
        self.note_taken(&run, 1);
        Some(run)
    }
}

impl Segment {
    /// Those of an arena's pools that are not for `claim_alike`.
    pub(crate) fn taken(&self, arena: u32) -> u64 {
        if FREED_ARE_OFFERED { !self.pools[arena as usize].glance() } else { u64::MAX }
    }

    fn claim_alike(&self, class: SizeClass) -> Option<ClaimedRun> {
        bits_of(self.shelf_summary(class).hints()).find_map(|arena| self.claim_alike_in(arena, class))
    }

    fn claim_alike_in(&self, index: u32, class: SizeClass) -> Option<ClaimedRun> {
        let (place, bits) = (self.arena(index), &self.pools[index as usize]);
        // SAFETY: a raised bit means an initialised arena.
        let shelf = unsafe { arena::shelf(place) };
        while let Some(offer) = shelf.take_among(class, self.free_with_memory(index)) {
            if !ALIKE_CLAIMS || bits.claim_exactly(offer.bit()) {
                self.open.clear_if(index, || bits.glance() == 0);
                let dirty = self.dirty(index) >> offer.get() & 1;
                // SAFETY: a pool of an initialised arena.
                return Some(ClaimedRun { first: unsafe { place.pool(offer) }, dirty });
            }
        }
        None
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::purge::Which;
    use strata_core::pool::{Memory, Pool};

    fn open(directory: &Directory, class: SizeClass) -> &'static Pool {
        let pool = directory.claim_alike(class).or_else(|| directory.claim_pool()).unwrap().first;
        pool.open(class, core::ptr::without_provenance_mut(1), Memory::Used);
        pool
    }

    fn release(directory: &Directory, pool: &Pool) {
        // SAFETY: the pools of a test have one user, who gives each back once; no block was ever carved.
        unsafe { directory.release_pool(pool) };
    }

    #[test]
    fn a_class_gets_the_pools_again_that_it_gave_back() {
        static DIRECTORY: Directory = Directory::new();
        let classes = [SizeClass::of(48), SizeClass::of(6000), SizeClass::of(100)];
        let pools = classes.map(|class| open(&DIRECTORY, class));
        pools.iter().for_each(|pool| release(&DIRECTORY, pool));
        for (class, pool) in classes.into_iter().zip(pools).rev() {
            assert!(core::ptr::eq(open(&DIRECTORY, class), pool));
        }
    }

    #[test]
    fn a_pool_that_served_another_class_since_is_passed_over() {
        static DIRECTORY: Directory = Directory::new();
        let (first, second) = (SizeClass::of(48), SizeClass::of(6000));
        let pool = open(&DIRECTORY, first);
        release(&DIRECTORY, pool);
        assert!(core::ptr::eq(open(&DIRECTORY, second), pool));
        assert!(!core::ptr::eq(open(&DIRECTORY, first), pool));
    }

    #[test]
    fn a_pool_whose_memory_went_is_like_any_other() {
        static DIRECTORY: Directory = Directory::new();
        let class = SizeClass::of(48);
        let pools = [(); 3].map(|()| open(&DIRECTORY, class));
        release(&DIRECTORY, pools[2]);
        DIRECTORY.pass(Which::All);
        release(&DIRECTORY, pools[1]);
        assert!(core::ptr::eq(open(&DIRECTORY, class), pools[1]), "this one still has it");
    }

    #[test]
    fn the_last_free_pool_of_an_arena_leaves_no_hint_behind() {
        static DIRECTORY: Directory = Directory::new();
        let class = SizeClass::of(48);
        let first = open(&DIRECTORY, class);
        while DIRECTORY.census().arenas == 1 {
            open(&DIRECTORY, class);
        }
        release(&DIRECTORY, first);
        assert!(core::ptr::eq(open(&DIRECTORY, class), first));
        // SAFETY: claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(first) };
        assert_eq!(segment.open.hints() >> arena & 1, 0);
    }
}
