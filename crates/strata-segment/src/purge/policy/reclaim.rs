//! How much may be given back on one side for what the other takes (`cross_reclaim`): no more than the program holds.
//!
//! Counted from the last pass at which nothing was free: at worst, memory is faulted in twice.
//!
//! Does not know: what the sides are, when a pass comes. Measured: decision 0017.

use strata_core::sync::Hint;

/// Less than the program's bytes divided by this is not worth the page faults.
const WORTH_PART: u64 = 16;

/// What one side gave back for the other.
#[derive(Debug)]
pub(super) struct Reclaim {
    /// Bytes, since the last pass at which nothing was free.
    given: Hint,
}

impl Reclaim {
    pub(super) const fn new() -> Self {
        Self { given: Hint::new(0) }
    }

    /// Bytes that may be given back of `free` ones, by a program that holds `held`.
    pub(super) fn allowance(&self, free: u64, held: u64) -> u64 {
        if free < held / WORTH_PART { 0 } else { held.saturating_sub(self.given.get()).min(free) }
    }

    #[cfg(test)]
    pub(super) fn given(&self) -> u64 {
        self.given.get()
    }

    /// Notes that `bytes` were given back.
    pub(super) fn note(&self, bytes: u64) {
        self.given.add(bytes);
    }

    /// Nothing is free: whatever is used next is faulted in anyway.
    pub(super) fn forget(&self) {
        self.given.set(0);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_given_back_than_the_program_holds_until_nothing_is_free() {
        let reclaim = Reclaim::new();
        assert_eq!(reclaim.allowance(60, 100), 60);
        reclaim.note(60);
        assert_eq!(reclaim.allowance(60, 100), 40);
        reclaim.note(40);
        assert_eq!([reclaim.allowance(60, 100), reclaim.allowance(60, 130)], [0, 30]);
        reclaim.forget();
        assert_eq!(reclaim.allowance(60, 100), 60);
    }
}
