//! How many bytes of something passed recently: in this quarter of a second and the one before.
//!
//! A hint that decisions about speed may rest on, and nothing else: bytes that two threads note at once may be counted once.
//!
//! Does not know: bytes of what.

use strata_core::sync::Hint;

/// Milliseconds of a window: shorter than a person notices, longer than a time slice.
const WHILE_MS: u64 = 250;

/// Bytes in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) bytes: u64,
    pub(crate) milliseconds: u64,
}

/// Bytes of the last window or two.
#[derive(Debug)]
pub(crate) struct RecentBytes {
    since: Hint,
    passed: Hint,
    before: Hint,
}

impl RecentBytes {
    pub(crate) const fn new() -> Self {
        Self { since: Hint::new(0), passed: Hint::new(0), before: Hint::new(0) }
    }

    /// Notes that `bytes` more passed, at `now` milliseconds.
    pub(crate) fn note(&self, bytes: u64, now: u64) {
        self.turn(now);
        self.passed.add(bytes);
    }

    /// Bytes that passed recently, as seen at `now`.
    pub(crate) fn lately(&self, now: u64) -> u64 {
        self.turn(now);
        self.passed.get().saturating_add(self.before.get())
    }

    /// The same, with the time in which they passed.
    pub(crate) fn rate(&self, now: u64) -> Rate {
        let bytes = self.lately(now);
        let this_while = now.saturating_sub(self.since.get());
        let milliseconds = if self.before.get() == 0 { this_while } else { WHILE_MS + this_while };
        Rate { bytes, milliseconds }
    }

    /// Starts another window if this one is over.
    fn turn(&self, now: u64) {
        let length = now.saturating_sub(self.since.get());
        if length >= WHILE_MS {
            self.since.set(now);
            let passed = self.passed.take();
            self.before.set(if length < 2 * WHILE_MS { passed } else { 0 });
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_passed_counts_for_this_window_and_the_next() {
        let recent = RecentBytes::new();
        recent.note(10, 1000);
        recent.note(5, 1000 + WHILE_MS - 1);
        assert_eq!(recent.lately(1000 + WHILE_MS - 1), 15);
        recent.note(7, 1000 + WHILE_MS);
        assert_eq!(recent.lately(1000 + WHILE_MS), 22);
        assert_eq!(recent.lately(1000 + 2 * WHILE_MS), 7);
        assert_eq!(recent.lately(1000 + 3 * WHILE_MS), 0);
    }

    #[test]
    fn after_a_pause_nothing_was_recent() {
        let recent = RecentBytes::new();
        recent.note(10, 1000);
        assert_eq!(recent.lately(1000 + 2 * WHILE_MS), 0);
    }

    #[test]
    fn a_rate_is_of_the_time_since_the_first_of_the_bytes() {
        let recent = RecentBytes::new();
        recent.note(10, 1000);
        assert_eq!(recent.rate(1008), Rate { bytes: 10, milliseconds: 8 });
        recent.note(5, 1000 + WHILE_MS);
        assert_eq!(recent.rate(1000 + WHILE_MS + 3), Rate { bytes: 15, milliseconds: WHILE_MS + 3 });
        assert_eq!(recent.rate(1000 + 4 * WHILE_MS).bytes, 0);
    }
}
