//! Tracks the peak of resident pool memory. When memory grows a step beyond it, as many free pages in unowned pools are decommitted.
//!
//! ```text
//!   subpages taken ──► resident ──a step above the peak──► a pass over unowned pools: decommitted until the peak is what it was
//! ```
//!
//! Free pages inside pools cost nothing while the program is below its peak: it had the memory before. Above it they do.
//! So a pass is due at each step above the peak, whatever the schedule says. A step is a fraction of the peak, so that
//! programs of any size make few of them, and no pass gives back more than the step: what is decommitted costs a page fault if it is
//! used again.
//!
//! The counts are hints: they decide when to decommit, nothing else. Counted as resident is what may be in memory: a pool
//! from its claim until it is purged, its release notwithstanding; less its holes, and less what was still untouched when it was
//! released.
//!
//! Does not know: pools, the clock. Decision 0019.

use strata_core::pool::SUBPAGES;
use strata_core::sync::Hint;

/// The least step, in subpages: 1 MiB.
const LEAST_STEP: u64 = 16 * SUBPAGES as u64;
/// A step is the peak divided by this.
const STEPS: u64 = 32;

/// The peak, in subpages.
#[derive(Debug)]
pub(super) struct Peak {
    /// Subpages without memory that were taken since the start.
    taken: Hint,
    /// Subpages that were given back since the start.
    given_back: Hint,
    /// What was resident after the last pass.
    peak: Hint,
    /// Subpages that passes may still give back to bring the peak down to what it was.
    wanted: Hint,
    /// Whether a step was made since the last pass: 1 or 0.
    due: Hint,
}

impl Peak {
    pub(super) const fn new() -> Self {
        Self {
            taken: Hint::new(0),
            given_back: Hint::new(0),
            peak: Hint::new(0),
            wanted: Hint::new(0),
            due: Hint::new(0),
        }
    }

    /// Notes that subpages without memory are taken, and whether a pass is due.
    pub(super) fn grow(&self, subpages: u64) {
        if self.exceeds(subpages) {
            self.due.set(1);
        }
    }

    /// Whether a pass is due, once.
    pub(super) fn take_due(&self) -> bool {
        self.due.take() != 0
    }

    /// Notes that subpages without memory are taken. Returns whether that is a step above the last pass.
    fn exceeds(&self, subpages: u64) -> bool {
        self.taken.add(subpages);
        let (resident, peak) = (self.taken.get().saturating_sub(self.given_back.get()), self.peak.get());
        let step = LEAST_STEP.max(peak / STEPS);
        if resident < peak + step {
            return false;
        }
        self.peak.set(resident);
        self.wanted.set(step);
        true
    }

    /// Notes that free subpages were given back.
    pub(super) fn note_purge(&self, subpages: u64) {
        self.given_back.add(subpages);
    }

    /// Subpages to give back because of the last step.
    pub(super) fn wanted(&self) -> u64 {
        self.wanted.get()
    }

    /// Notes that subpages were decommitted because of the last step, which is taken off the peak.
    pub(super) fn note_decommit(&self, subpages: u64) {
        self.given_back.add(subpages);
        self.peak.set(self.peak.get().saturating_sub(subpages));
        self.wanted.set(self.wanted.get().saturating_sub(subpages));
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_grows_has_passes_at_each_step_and_few_of_them_when_it_is_large() {
        let peak = Peak::new();
        let passes = |steps: u64| (0..steps).filter(|_| peak.exceeds(LEAST_STEP)).count();
        assert_eq!(passes(STEPS), STEPS as usize);
        assert!(passes(15 * STEPS) < 4 * STEPS as usize);
    }

    #[test]
    fn what_was_given_back_before_is_no_new_peak() {
        let peak = Peak::new();
        assert!(peak.exceeds(10 * LEAST_STEP));
        peak.note_purge(9 * LEAST_STEP);
        assert!(!peak.exceeds(9 * LEAST_STEP));
        assert!(peak.exceeds(2 * LEAST_STEP));
    }

    #[test]
    fn what_was_decommitted_for_a_step_is_taken_off_the_peak() {
        let peak = Peak::new();
        assert!(peak.exceeds(LEAST_STEP) && peak.exceeds(LEAST_STEP));
        assert_eq!(peak.wanted(), LEAST_STEP);
        peak.note_decommit(LEAST_STEP - 1);
        assert_eq!(peak.wanted(), 1);
        assert!(!peak.exceeds(LEAST_STEP - 1) && peak.exceeds(1));
    }
}
