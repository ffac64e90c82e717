//! What is known of a program's appetite for memory when it is taken in huge pages, or not, and what the kernel allows.
//!
//! Does not know: what follows from it; `huge_pages` does.

use crate::huge_pages::FIT_ARENAS;
use crate::pace::Pace;
use strata_core::sync::Hint;
use strata_os::clock;
use strata_os::machine::{self, HugePages};

/// What is known.
#[derive(Debug)]
pub(crate) struct Appetite {
    /// Bytes of arenas taken.
    pub(crate) taken: Pace,
    /// Bytes of huge blocks freed.
    pub(crate) freed: Pace,
    /// What the kernel said, plus one; 0: not asked yet.
    pub(crate) policy: Hint,
}

impl Appetite {
    pub(crate) const fn new() -> Self {
        Self { taken: Pace::new(), freed: Pace::new(), policy: Hint::new(0) }
    }

    /// Notes that a huge block was freed.
    pub(crate) fn note_freed(&self, bytes: u64) {
        if FIT_ARENAS {
            self.freed.note(bytes, clock::milliseconds());
        }
    }

    /// Whether any was, shortly before `now`.
    pub(crate) fn freed_lately(&self, now: u64) -> bool {
        self.freed.lately(now) != 0
    }

    pub(crate) fn policy(&self) -> HugePages {
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
