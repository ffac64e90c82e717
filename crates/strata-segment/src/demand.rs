//! Whether memory that was given back is missed: what the program took, and what it left, from look to look.
//!
//! A program that frees and allocates the same gigabyte again and again has it free for longer than the delay each time. Given
//! back, every page would cost a fault. So what was given back is a *debt* for a while; if the program takes fresh memory
//! at the rate of its debts, that was a mistake, and for some time memory stays while the program is active. The time doubles
//! with each mistake. A program that falls silent is never spared: what it has free goes.
//!
//! The counts are hints (a load and a store each, no exchange): they decide when memory goes, not whose it is.
//!
//! Does not know: which memory. Decisions 0008, 0015. Idea: demand as the measure of what to keep (tcmalloc's *skip subrelease*).

use crate::census::Holdings;
use strata_core::layout::POOL_BYTES;
use strata_core::sync::Hint;

/// Pools that a mistake takes: 4 MiB.
const MISTAKE_POOLS: u64 = 64;
/// Looks that memory stays after the first mistake: 16 s at the default delay, then twice as many each time.
const FIRST_PATIENCE: u64 = 64;
const MOST_PATIENCE: u64 = 64 * FIRST_PATIENCE;

/// Looks in a row at which less is in use than before, from which on that is no pause.
const FALLS: u64 = 3;
/// In a pause less is claimed than one part of so many of what lies free.
const LIVELY_PART: u64 = 32;

/// What a look is to do with memory that lay free long enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Advice {
    /// Give it back.
    Purge,
    /// Leave it: it will be asked for.
    Keep,
}

/// The counts; pools everywhere.
#[derive(Debug)]
pub(crate) struct Demand {
    claimed: Hint,
    missed: Hint,
    released: Hint,
    debt: Hint,
    patience: Hint,
    last_patience: Hint,
    /// Bytes in use at the last look, and for how many looks they fell while pools were claimed all the same.
    used: Hint,
    falls: Hint,
}

impl Demand {
    pub(crate) const fn new() -> Self {
        Self {
            claimed: Hint::new(0),
            missed: Hint::new(0),
            released: Hint::new(0),
            debt: Hint::new(0),
            patience: Hint::new(0),
            last_patience: Hint::new(0),
            used: Hint::new(0),
            falls: Hint::new(0),
        }
    }

    /// Pools were claimed, so many of which may hold something: the others have to be faulted in.
    pub(crate) fn note_claim(&self, pools: u32, dirty: u32) {
        self.claimed.add(pools.into());
        if dirty < pools {
            self.missed.add((pools - dirty).into());
        }
    }

    /// Pools were released.
    pub(crate) fn note_release(&self, pools: u32) {
        self.released.add(pools.into());
    }

    /// Pools were purged by a look.
    pub(crate) fn note_purge(&self, pools: u64) {
        self.debt.add(pools);
    }

    /// Whether memory stays for now, since it was missed when it was given back.
    pub(crate) fn is_patient(&self) -> bool {
        self.patience.get() != 0
    }

    /// What the look that begins now is to do, where pools hold that much.
    pub(crate) fn advice(&self, pools: Holdings) -> Advice {
        let (missed, debt) = (self.missed.take(), self.debt.get());
        let (claimed, released) = (self.claimed.take(), self.released.take());
        let active = claimed + released > 0;
        let is_falling = self.is_falling(claimed, pools);
        let repaid = missed.min(debt);
        // What nobody asks for within some looks is not missed.
        self.debt.set((debt - repaid) * 3 / 4);
        if repaid >= MISTAKE_POOLS && repaid >= debt / 4 {
            return self.admit_mistake();
        }
        let patience = self.patience.get();
        if patience == 0 {
            return Advice::Purge;
        }
        self.patience.set(patience - 1);
        if active && !is_falling { Advice::Keep } else { Advice::Purge }
    }

    /// Whether the program went on for some looks with ever less: it claims pools, and many of those that are free do not serve.
    fn is_falling(&self, claimed: u64, pools: Holdings) -> bool {
        let used = pools.held_bytes.saturating_sub(pools.idle_bytes);
        let goes_on = claimed * POOL_BYTES as u64 * LIVELY_PART >= pools.idle_bytes;
        let falls = if goes_on && used < self.used.get() { self.falls.get() + 1 } else { 0 };
        self.used.set(used);
        self.falls.set(falls);
        falls >= FALLS
    }

    fn admit_mistake(&self) -> Advice {
        let longer = (2 * self.last_patience.get()).clamp(FIRST_PATIENCE, MOST_PATIENCE);
        self.patience.set(longer);
        self.last_patience.set(longer);
        Advice::Keep
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    /// A look at a program that took and left so many pools, all of them without memory.
    fn look(demand: &Demand, taken: u32, left: u32) -> Advice {
        demand.note_claim(taken, 0);
        demand.note_release(left);
        demand.advice(Holdings::default())
    }

    #[test]
    fn what_nobody_misses_goes() {
        let demand = Demand::new();
        for _ in 0..10 {
            demand.note_purge(1000);
            assert_eq!(look(&demand, 0, 1000), Advice::Purge);
        }
    }

    #[test]
    fn a_program_that_grows_has_made_no_mistake() {
        let demand = Demand::new();
        for _ in 0..10 {
            assert_eq!(look(&demand, 1000, 0), Advice::Purge);
        }
        assert_eq!(demand.patience.get(), 0);
    }

    #[test]
    fn what_was_missed_stays_for_a_while_and_longer_the_next_time() {
        let demand = Demand::new();
        let stays = || {
            demand.note_purge(1000);
            assert_eq!(look(&demand, 800, 0), Advice::Keep);
            1 + (0..).take_while(|_| look(&demand, 1, 1) == Advice::Keep).count() as u64
        };
        assert_eq!(stays(), 1 + FIRST_PATIENCE);
        assert_eq!(stays(), 1 + 2 * FIRST_PATIENCE);
    }

    #[test]
    fn a_silent_program_is_not_spared() {
        let demand = Demand::new();
        demand.note_purge(1000);
        assert_eq!(look(&demand, 1000, 0), Advice::Keep);
        assert_eq!(look(&demand, 0, 1000), Advice::Keep);
        assert_eq!(look(&demand, 0, 0), Advice::Purge);
    }

    /// A look at a program that missed what it gave back, claims `taken` pools, and has so many in use and free.
    fn look_with(demand: &Demand, taken: u32, used: u64, free: u64) -> Advice {
        demand.note_claim(taken, taken);
        let (held, idle) = ((used + free) * POOL_BYTES as u64, free * POOL_BYTES as u64);
        demand.advice(Holdings { held_bytes: held, idle_bytes: idle })
    }

    fn missed_some() -> Demand {
        let demand = Demand::new();
        demand.note_purge(1000);
        assert_eq!(look(&demand, 1000, 0), Advice::Keep);
        demand
    }

    #[test]
    fn a_load_that_falls_look_after_look_keeps_nothing_until_it_rises() {
        let demand = missed_some();
        let advice = [1000, 900, 800, 700, 600, 650].map(|used| look_with(&demand, 40, used, 1000 - used));
        let expected = [Advice::Keep, Advice::Keep, Advice::Keep, Advice::Purge, Advice::Purge, Advice::Keep];
        assert_eq!(advice, expected);
    }

    #[test]
    fn a_program_that_only_frees_for_some_looks_may_want_it_all_back() {
        let demand = missed_some();
        for used in [1000, 800, 600, 400, 200] {
            assert_eq!(look_with(&demand, 1, used, 1000 - used), Advice::Keep);
        }
    }

    #[test]
    fn memory_taken_long_after_it_was_given_back_is_no_mistake() {
        let demand = Demand::new();
        demand.note_purge(1000);
        (0..20).for_each(|_| assert_eq!(look(&demand, 0, 0), Advice::Purge));
        assert_eq!(look(&demand, 1000, 0), Advice::Purge);
    }
}
