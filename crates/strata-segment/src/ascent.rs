//! How much memory the program's pools take, and whether that is more than ever: a new height costs peak memory.
//!
//! ```text
//!   units taken ──► height ──a step above the mark──► a pass over unowned pools: free pages go, until the height is what it was
//! ```
//!
//! Free pages inside pools in use cost nothing while the program is below its peak: it had the memory before. They do when it grows
//! beyond it. So a pass is due at each step of new height, whatever the clock says. A step is a part of the height, so that
//! programs of any size make few of them, and no pass gives back more than the step: what is dug costs a page fault if it is
//! wanted again.
//!
//! The counts are hints: they decide when to decommit, nothing else. What counts as taken is what may be in memory: a pool is, once it is
//! claimed, and stays so when it is released, until it is purged; but for its holes, and what nobody touched of it until it was
//! released.
//!
//! Does not know: pools, the clock. Decision 0019.

use strata_core::pool::SUBPAGES;
use strata_core::sync::Hint;

/// The least step, in units: 1 MiB.
const LEAST_STEP: u64 = 16 * SUBPAGES as u64;
/// A step is one part of so many of the height.
const STEPS: u64 = 32;

/// The heights, in units of pools.
#[derive(Debug)]
pub(crate) struct Ascent {
    /// Units without memory that were taken since the start.
    taken: Hint,
    /// Units that were given back since the start.
    given_back: Hint,
    /// The height after the last pass.
    mark: Hint,
    /// Units that passes may yet give back, so that the height is what it was.
    wanted: Hint,
    /// Whether a step was made since the last pass: 1 or 0.
    due: Hint,
}

impl Ascent {
    pub(crate) const fn new() -> Self {
        Self {
            taken: Hint::new(0),
            given_back: Hint::new(0),
            mark: Hint::new(0),
            wanted: Hint::new(0),
            due: Hint::new(0),
        }
    }

    /// Notes that units without memory are taken, and whether a pass is due.
    pub(crate) fn rise(&self, units: u64) {
        if self.climbs(units) {
            self.due.set(1);
        }
    }

    /// Whether a pass is due, once.
    pub(crate) fn take_due(&self) -> bool {
        self.due.take() != 0
    }

    /// Notes that units without memory are taken; whether that is a step above the last pass.
    fn climbs(&self, units: u64) -> bool {
        self.taken.add(units);
        let (height, mark) = (self.taken.get().saturating_sub(self.given_back.get()), self.mark.get());
        let step = LEAST_STEP.max(mark / STEPS);
        if height < mark + step {
            return false;
        }
        self.mark.set(height);
        self.wanted.set(step);
        true
    }

    /// Notes that units were given back that lay free.
    pub(crate) fn note_purge(&self, units: u64) {
        self.given_back.add(units);
    }

    /// Units that are to be given back because of the last step.
    pub(crate) fn wanted(&self) -> u64 {
        self.wanted.get()
    }

    /// Notes that units were given back because of the last step, which therefore was none.
    pub(crate) fn note_dug(&self, units: u64) {
        self.given_back.add(units);
        self.mark.set(self.mark.get().saturating_sub(units));
        self.wanted.set(self.wanted.get().saturating_sub(units));
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_grows_has_passes_at_each_step_and_few_of_them_when_it_is_large() {
        let ascent = Ascent::new();
        let passes = |steps: u64| (0..steps).filter(|_| ascent.climbs(LEAST_STEP)).count();
        assert_eq!(passes(STEPS), STEPS as usize);
        assert!(passes(15 * STEPS) < 4 * STEPS as usize);
    }

    #[test]
    fn what_was_given_back_before_is_no_new_height() {
        let ascent = Ascent::new();
        assert!(ascent.climbs(10 * LEAST_STEP));
        ascent.note_purge(9 * LEAST_STEP);
        assert!(!ascent.climbs(9 * LEAST_STEP));
        assert!(ascent.climbs(2 * LEAST_STEP));
    }

    #[test]
    fn what_was_dug_for_a_step_is_taken_off_the_mark() {
        let ascent = Ascent::new();
        assert!(ascent.climbs(LEAST_STEP) && ascent.climbs(LEAST_STEP));
        assert_eq!(ascent.wanted(), LEAST_STEP);
        ascent.note_dug(LEAST_STEP - 1);
        assert_eq!(ascent.wanted(), 1);
        assert!(!ascent.climbs(LEAST_STEP - 1) && ascent.climbs(1));
    }
}
