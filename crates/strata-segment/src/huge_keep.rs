//! How much of what freed huge blocks leave is kept: as much as leaves the program no larger than it was of late.
//!
//! ```text
//!   bytes of huge blocks │■■■■ live ■■■■│▒▒▒▒ kept ▒▒▒▒│          │ ≤ the most that lived of late, and a little
//! ```
//!
//! A program that takes 100 MiB in blocks again and again has them kept; one that frees 100 MiB once keeps them until two
//! looks have found nobody who needs them (`huge_shelf`); one that never had much keeps little.
//!
//! Does not know: where it lies. Measured: decision 0014.

use crate::directory::Directory;
use crate::mark::HighMark;
use strata_core::sync::Ordering::Relaxed;

/// Blocks of many sizes never fit exactly: what is kept may be longer than what lived by one part of so many, …
const SLACK_PART: u64 = 4;
/// … and by so many bytes.
const SLACK_BYTES: u64 = 8 << 20;

/// What is known for the decision.
#[derive(Debug)]
pub(crate) struct HugeKeep {
    live: HighMark,
}

impl HugeKeep {
    pub(crate) const fn new() -> Self {
        Self { live: HighMark::new() }
    }

    /// So many bytes of huge blocks live now.
    pub(crate) fn note_live(&self, bytes: u64) {
        self.live.note(bytes);
    }

    /// A look takes place while so many bytes live.
    pub(crate) fn turn(&self, live: u64) {
        self.live.turn(live);
    }

    /// What may be kept while so many bytes live.
    fn pays(&self, live: u64) -> u64 {
        let peak = self.live.lately();
        (peak + peak / SLACK_PART + SLACK_BYTES).saturating_sub(live)
    }
}

impl Directory {
    /// Unmaps what is kept beyond the bound.
    pub(crate) fn keep_no_more_than_pays(&self) {
        // Relaxed: a number that stands alone.
        let most = self.tuning.huge_keep_bytes.load(Relaxed);
        let bound = most.min(self.huge_keep.pays(self.numbers.huge_bytes.get()));
        let excess = self.huge_shelf.kept_bytes().saturating_sub(bound);
        if excess != 0 {
            self.huge_shelf.shed(excess, &self.unmapping());
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn no_more_is_kept_than_lived_of_late() {
        let keep = HugeKeep::new();
        keep.note_live(100 * MIB);
        assert_eq!(keep.pays(100 * MIB), 33 * MIB);
        assert_eq!(keep.pays(0), 133 * MIB);
        keep.turn(0);
        assert_eq!(keep.pays(0), 133 * MIB);
        keep.turn(0);
        assert_eq!(keep.pays(0), 8 * MIB);
    }
}
