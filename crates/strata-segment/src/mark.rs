//! How low, or how high, a number stood of late: since the pass before the last one.
//!
//! What was kept the whole time was not needed; what was in use at the busiest moment may be needed again. Hints: a value
//! that is lost costs some page faults, or some memory until the next pass.
//!
//! Does not know: the number of what.

use strata_core::sync::Hint;

/// The lowest value of late.
#[derive(Debug)]
pub(crate) struct LowMark {
    now: Hint,
    before: Hint,
}

impl LowMark {
    pub(crate) const fn new() -> Self {
        Self { now: Hint::new(0), before: Hint::new(0) }
    }

    /// The number is `value` now.
    pub(crate) fn note(&self, value: u64) {
        if value < self.now.get() {
            self.now.set(value);
        }
    }

    pub(crate) fn lately(&self) -> u64 {
        self.now.get().min(self.before.get())
    }

    /// So much was taken away that nobody needed: what is left was needed neither more nor less than before.
    pub(crate) fn lower(&self, taken: u64) {
        for mark in [&self.now, &self.before] {
            mark.set(mark.get().saturating_sub(taken));
        }
    }

    /// A pass takes place, and the number is `value`.
    pub(crate) fn turn(&self, value: u64) {
        self.before.set(self.now.get());
        self.now.set(value);
    }
}

/// The highest value of late.
#[derive(Debug)]
pub(crate) struct HighMark {
    now: Hint,
    before: Hint,
}

impl HighMark {
    pub(crate) const fn new() -> Self {
        Self { now: Hint::new(0), before: Hint::new(0) }
    }

    /// The number is `value` now.
    pub(crate) fn note(&self, value: u64) {
        if value > self.now.get() {
            self.now.set(value);
        }
    }

    pub(crate) fn lately(&self) -> u64 {
        self.now.get().max(self.before.get())
    }

    /// A pass takes place, and the number is `value`.
    pub(crate) fn turn(&self, value: u64) {
        self.before.set(self.now.get());
        self.now.set(value);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_at_three_passes_was_not_needed() {
        let mark = LowMark::new();
        let pass = |value: u64| {
            let lately = mark.lately();
            mark.lower(lately);
            mark.turn(value - lately);
            lately
        };
        assert_eq!([pass(60), pass(60), pass(60), pass(0)], [0, 0, 60, 0]);
    }

    #[test]
    fn what_was_needed_for_a_moment_is_not_among_it() {
        let mark = LowMark::new();
        mark.turn(60);
        mark.note(20);
        mark.note(60);
        mark.turn(60);
        assert_eq!(mark.lately(), 20);
        mark.lower(20);
        mark.turn(40);
        assert_eq!(mark.lately(), 40);
    }

    #[test]
    fn a_peak_counts_until_the_second_pass() {
        let mark = HighMark::new();
        mark.note(100);
        mark.note(10);
        assert_eq!(mark.lately(), 100);
        mark.turn(10);
        assert_eq!(mark.lately(), 100);
        mark.turn(10);
        assert_eq!(mark.lately(), 10);
    }
}
