//! Windowed minimum and maximum: the lowest or highest value of a number since the pass before the last one.
//!
//! What was kept the whole time was not needed; what was in use at the busiest moment may be needed again. Hints: a value
//! that is lost costs some page faults, or some memory until the next pass.
//!
//! Does not know: the number of what.

use strata_core::sync::Hint;

/// The lowest recent value.
#[derive(Debug)]
pub(crate) struct WindowedMin {
    now: Hint,
    before: Hint,
}

impl WindowedMin {
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

    /// That much was taken away, which was not needed: the rest was needed neither more nor less than before.
    pub(crate) fn lower(&self, taken: u64) {
        for window in [&self.now, &self.before] {
            window.set(window.get().saturating_sub(taken));
        }
    }

    /// A pass takes place, and the number is `value`.
    pub(crate) fn turn(&self, value: u64) {
        self.before.set(self.now.get());
        self.now.set(value);
    }
}

/// The highest recent value.
#[derive(Debug)]
pub(crate) struct WindowedMax {
    now: Hint,
    before: Hint,
}

impl WindowedMax {
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
        let window = WindowedMin::new();
        let pass = |value: u64| {
            let lately = window.lately();
            window.lower(lately);
            window.turn(value - lately);
            lately
        };
        assert_eq!([pass(60), pass(60), pass(60), pass(0)], [0, 0, 60, 0]);
    }

    #[test]
    fn what_was_needed_for_a_moment_is_not_among_it() {
        let window = WindowedMin::new();
        window.turn(60);
        window.note(20);
        window.note(60);
        window.turn(60);
        assert_eq!(window.lately(), 20);
        window.lower(20);
        window.turn(40);
        assert_eq!(window.lately(), 40);
    }

    #[test]
    fn a_peak_counts_until_the_second_pass() {
        let window = WindowedMax::new();
        window.note(100);
        window.note(10);
        assert_eq!(window.lately(), 100);
        window.turn(10);
        assert_eq!(window.lately(), 100);
        window.turn(10);
        assert_eq!(window.lately(), 10);
    }
}
