//! Whether the ends of runs are worth giving back: not while much of what was given back there is taken again.
//!
//! Does not know: where the ends lie, and how they are given back. Decision 0024.

use crate::rate::RecentBytes;

/// More refaulted bytes than these in the last quarter to half a second are too many: 256 page faults, a thousandth of the time.
const REFAULTED_BYTES: u64 = 1 << 20;

/// What was taken again.
#[derive(Debug)]
pub(super) struct RunTails {
    refaulted: RecentBytes,
}

impl RunTails {
    pub(super) const fn new() -> Self {
        Self { refaulted: RecentBytes::new() }
    }

    /// Notes that `bytes` that had been given back were taken again at `now`.
    pub(super) fn note_refault(&self, bytes: u64, now: u64) {
        self.refaulted.note(bytes, now);
    }

    /// Whether giving back pays, as seen at `now`.
    pub(super) fn pays(&self, now: u64) -> bool {
        self.refaulted.lately(now) <= REFAULTED_BYTES
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn ends_of_runs_stay_while_much_of_them_is_taken_again() {
        let tails = RunTails::new();
        assert!(tails.pays(0));
        tails.note_refault(REFAULTED_BYTES, 0);
        assert!(tails.pays(0));
        tails.note_refault(1, 0);
        assert!(!tails.pays(0) && tails.pays(1000));
    }
}
