//! A spree: a thread that frees into one full pool after another and wants no block, so that it needs no pools either.
//!
//! ```text
//!   pools of nobody's taken over by a free, no refill in between:   64 ──► a spree: further ones are left to nobody, lowest first
//!                                         one in four had room:         the frees go here and there: what is taken over stays
//! ```
//!
//! What a cache owns only its thread may dig, and a thread that has freed a request's objects falls asleep next. What is nobody's
//! goes with the next look, whoever sleeps. But to a thread that frees at random, pools that it left come back with the
//! next free: a compare-and-swap or two for each block, where a pool of its own costs none. Such pools come back with room in
//! them, and so tell the two apart.
//!
//! Does not know: which pools; `collect` does. Decision 0021.

use strata_core::pool::Pool;
use strata_core::sync::{OwnedPtr, OwnedU32};

/// Pools taken over that make a spree, and as many a cache keeps in one: 4 MiB of addresses.
pub(crate) const SPREE_POOLS: u32 = 64;

/// It is none if one of so many had room, and so was left before.
const HERE_AND_THERE: u32 = 4;

/// What was taken over since the last refill.
#[derive(Debug)]
pub(crate) struct Spree {
    refills: OwnedU32,
    taken_over: OwnedU32,
    with_room: OwnedU32,
    /// The pool that was last left as soon as it was taken over.
    left: OwnedPtr<Pool>,
}

impl Spree {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                refills: OwnedU32::zero(),
                taken_over: OwnedU32::zero(),
                with_room: OwnedU32::zero(),
                left: OwnedPtr::null(),
            }
        }
    }

    /// Notes that a pool was taken over, which had room before or was full, after so many refills.
    pub(crate) fn note(&self, refills: u32, had_room: bool) {
        if self.refills.get() != refills {
            self.refills.set(refills);
            self.taken_over.set(0);
            self.with_room.set(0);
        }
        self.taken_over.set(self.taken_over.get().saturating_add(1));
        self.with_room.set(self.with_room.get().saturating_add(had_room.into()));
    }

    /// Whether the last pool to ask for was another, so that the next free, too, may be of another.
    pub(crate) fn is_elsewhere(&self, pool: &Pool) -> bool {
        let place = core::ptr::from_ref(pool).cast_mut();
        let is_elsewhere = self.left.get() != place;
        self.left.set(place);
        is_elsewhere
    }

    /// Whether the thread is in one, after so many refills.
    pub(crate) fn is_on(&self, refills: u32) -> bool {
        self.refills.get() == refills && self.taken_over.get() >= SPREE_POOLS && !self.goes_here_and_there()
    }

    /// Whether the thread frees much, and often into pools that it had left before.
    pub(crate) fn goes_here_and_there(&self) -> bool {
        let taken_over = self.taken_over.get();
        taken_over >= SPREE_POOLS && self.with_room.get() > taken_over / HERE_AND_THERE
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn many_full_pools_without_a_refill_are_a_spree() {
        let spree = Spree::new();
        (1..SPREE_POOLS).for_each(|_| spree.note(7, false));
        assert!(!spree.is_on(7));
        spree.note(7, true);
        assert!(spree.is_on(7) && !spree.goes_here_and_there());
        assert!(!spree.is_on(8), "a block was wanted");
        spree.note(8, false);
        assert!(!spree.is_on(8), "counted from the refill on");
    }

    #[test]
    fn pools_that_come_back_end_it() {
        let spree = Spree::new();
        (0..SPREE_POOLS).for_each(|_| spree.note(7, false));
        (0..SPREE_POOLS / 2).for_each(|_| spree.note(7, true));
        assert!(spree.goes_here_and_there() && !spree.is_on(7));
    }
}
