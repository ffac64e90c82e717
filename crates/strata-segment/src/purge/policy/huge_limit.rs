//! How much of what freed huge blocks leave is kept: no more than makes the program as large as it was recently.
//!
//! ```text
//!   bytes of huge blocks │■■■■ live ■■■■│▒▒▒▒ kept ▒▒▒▒│          │ ≤ the recent peak of live bytes, and a little
//! ```
//!
//! A program that takes 100 MiB in blocks again and again has them kept; one that frees 100 MiB once keeps 64 of them, until
//! two passes have found it unused (`cache`); one that never had much keeps little. Passes come when the program
//! calls again, or by the purge thread: a program of one thread that falls silent keeps no more than those 64 MiB.
//!
//! Does not know: where the memory lies. Measured: decision 0014.

use crate::rate::RecentBytes;
use crate::windowed::WindowedMax;

/// Blocks of many sizes never fit exactly: the kept bytes may exceed the live ones by one part in `SLACK_PART`, …
const SLACK_PART: u64 = 4;
/// … but by no more than this: where more lives, blocks come in huge pages, and a fresh one costs little (decision 0017); …
const SLACK_MOST_BYTES: u64 = 40 << 20;
/// … and in any case by this much.
const SLACK_BYTES: u64 = 8 << 20;

/// What is kept without a sign that it will be asked for again.
const ON_TRUST_BYTES: u64 = 64 << 20;

/// What the decision depends on.
#[derive(Debug)]
pub(super) struct HugeLimit {
    live: WindowedMax,
    freed: RecentBytes,
    /// Bytes that were allocated shortly after others were freed.
    asked_again: RecentBytes,
}

impl HugeLimit {
    pub(super) const fn new() -> Self {
        Self { live: WindowedMax::new(), freed: RecentBytes::new(), asked_again: RecentBytes::new() }
    }

    /// Notes that `bytes` were allocated at `now`, so that `live` bytes are live.
    pub(super) fn note_taken(&self, bytes: u64, live: u64, now: u64) {
        self.live.note(live);
        if self.freed.lately(now) != 0 {
            self.asked_again.note(bytes, now);
        }
    }

    /// Notes that `bytes` were freed at `now`.
    pub(super) fn note_freed(&self, bytes: u64, now: u64) {
        self.freed.note(bytes, now);
    }

    /// Notes a pass, at which `live` bytes are live.
    pub(super) fn turn(&self, live: u64) {
        self.live.turn(live);
    }

    /// Bytes that may be kept while `live` bytes are live, at the time `now`.
    pub(super) fn pays(&self, live: u64, now: u64) -> u64 {
        let peak = self.live.lately();
        let room = (peak + (peak / SLACK_PART).min(SLACK_MOST_BYTES) + SLACK_BYTES).saturating_sub(live);
        room.min(ON_TRUST_BYTES + self.asked_again.lately(now))
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn no_more_is_kept_than_was_live_recently() {
        let keep = HugeLimit::new();
        keep.note_freed(1, 0);
        let pays = |live| keep.pays(live, 0);
        keep.note_taken(1000 * MIB, 100 * MIB, 0);
        assert_eq!(pays(100 * MIB), 33 * MIB);
        assert_eq!(pays(0), 133 * MIB);
        keep.turn(0);
        assert_eq!(pays(0), 133 * MIB);
        keep.turn(0);
        assert_eq!(pays(0), 8 * MIB);
    }

    #[test]
    fn beside_much_that_lives_a_smaller_part_is_kept() {
        let keep = HugeLimit::new();
        keep.note_taken(0, 1000 * MIB, 0);
        assert_eq!(keep.pays(1000 * MIB, 0), 48 * MIB);
    }

    #[test]
    fn of_much_that_is_freed_once_some_is_kept_and_more_when_it_is_asked_for_again() {
        let keep = HugeLimit::new();
        keep.note_taken(1000 * MIB, 1000 * MIB, 0);
        assert_eq!(keep.pays(0, 0), ON_TRUST_BYTES);
        keep.note_freed(1, 0);
        keep.note_taken(300 * MIB, 1000 * MIB, 0);
        assert_eq!(keep.pays(0, 0), ON_TRUST_BYTES + 300 * MIB);
        assert_eq!(keep.pays(0, 10_000), ON_TRUST_BYTES);
    }
}
