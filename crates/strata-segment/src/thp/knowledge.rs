//! What decisions about transparent huge pages rest on: how fast memory is taken, whether it is filled, what the kernel allows and costs.
//!
//! Does not know: what follows from it; `thp` does.

use crate::rate::RecentBytes;
use crate::segments::advised::FIT_ARENAS;
use crate::thp::evidence::Evidence;
use strata_core::sync::Hint;
use strata_os::clock;
use strata_os::machine::{self, HugePages};

/// A huge page that is ready takes a fifth of a millisecond. One for which the kernel has to move others, or whose memory the host of
/// a virtual machine has taken back, takes some milliseconds: more than single pages that were in use a moment ago. All of that is
/// processor time of the waiting thread.
const SLOW_NS: u64 = 1_000_000;

/// How long none is asked for then.
const PAUSE_MS: u64 = 1000;

/// The counts and answers.
#[derive(Debug)]
pub(crate) struct ThpPolicy {
    /// Bytes of arenas taken.
    pub(super) taken: RecentBytes,
    /// Whether arenas are filled.
    pub(crate) arenas: Evidence,
    /// Whether huge blocks are, except for those that had to be zero.
    pub(super) blocks: Evidence,
    /// The kernel's answer, plus one; 0: not asked yet.
    pub(crate) policy: Hint,
    /// From how many nanoseconds on they count as slow, and until when.
    pub(super) slow_ns: Hint,
    slow_until: Hint,
}

impl ThpPolicy {
    pub(crate) const fn new() -> Self {
        Self {
            taken: RecentBytes::new(),
            arenas: Evidence::new(),
            blocks: Evidence::new(),
            policy: Hint::new(0),
            slow_ns: Hint::new(SLOW_NS),
            slow_until: Hint::new(0),
        }
    }

    /// Runs `take`, which takes an arena and touches its first page; if that was slow, none is asked for for a while.
    pub(crate) fn timed(&self, take: impl FnOnce() -> bool) -> bool {
        if !FIT_ARENAS {
            return take();
        }
        let begun = clock::processor_nanoseconds();
        let taken = take();
        if clock::processor_nanoseconds().saturating_sub(begun) >= self.slow_ns.get() {
            self.slow_until.set(clock::milliseconds() + PAUSE_MS);
        }
        taken
    }

    /// Memory was refused: whole huge pages are more than is needed, so none is asked for for a while.
    pub(crate) fn note_refused(&self) {
        self.slow_until.set(clock::milliseconds() + PAUSE_MS);
    }

    /// Whether huge pages were slow to come, or refused, shortly before `now`.
    pub(super) fn is_slow(&self, now: u64) -> bool {
        now < self.slow_until.get()
    }

    pub(super) fn policy(&self) -> HugePages {
        match self.policy.get() {
            0 => self.ask_policy(),
            1 => HugePages::Never,
            2 => HugePages::OnAdvice,
            _ => HugePages::Always,
        }
    }

    #[cold]
    fn ask_policy(&self) -> HugePages {
        let policy = machine::huge_pages();
        self.policy.set(1 + policy as u64);
        policy
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use std::thread::sleep;
    use std::time::Duration;

    #[test]
    fn what_took_long_is_slow_for_a_while() {
        let policy = ThpPolicy::new();
        let now = clock::milliseconds();
        assert!(!policy.is_slow(now));
        assert!(policy.timed(|| {
            sleep(Duration::from_nanos(2 * SLOW_NS));
            true
        }));
        assert!(!policy.is_slow(now), "another thread had the processor");
        assert!(policy.timed(|| {
            let begun = clock::processor_nanoseconds();
            while clock::processor_nanoseconds() - begun < SLOW_NS {}
            true
        }));
        assert!(policy.is_slow(now) && !policy.is_slow(clock::milliseconds() + PAUSE_MS));
        assert!(!policy.timed(|| false));
    }
}
