//! How many system calls on memory this process has made through Strata.
//!
//! Each count is one 64-bit atomic, so no reader sees a half-written one; a snapshot of several is not one instant.
//!
//! Does not know: what the calls were for, nor bytes (`strata-segment` counts those).

use core::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of the number of calls since the program started, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct CallCounts {
    /// `mmap`.
    pub map: u64,
    /// `munmap`.
    pub unmap: u64,
    /// `mprotect`.
    pub protect: u64,
    /// `madvise`, `mincore`, the naming of ranges, and `mbind`.
    pub advise: u64,
    /// `mremap`.
    pub remap: u64,
    /// Those of all kinds that the kernel refused, hints included.
    pub failed: u64,
}

/// The number of calls so far.
pub fn calls() -> CallCounts {
    CallCounts {
        map: Call::Map.so_far(),
        unmap: Call::Unmap.so_far(),
        protect: Call::Protect.so_far(),
        advise: Call::Advise.so_far(),
        remap: Call::Remap.so_far(),
        failed: read(&COUNTS[REFUSED]),
    }
}

/// The kinds of calls that are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Map,
    Unmap,
    Protect,
    Advise,
    Remap,
}

/// The counts of each kind, and of the refused ones: words for readers of another process, too.
static COUNTS: [AtomicU64; 6] = [const { AtomicU64::new(0) }; 6];
/// Which of them counts the refused ones.
const REFUSED: usize = 5;

/// Where the counts lie: `map unmap protect advise remap failed`, in this order.
pub const fn place() -> *const u64 {
    (&raw const COUNTS).cast()
}

impl Call {
    /// One more call of this kind was made.
    pub(crate) fn count(self) {
        add_one(self.counter());
    }

    /// One call, of whatever kind, was refused.
    pub(crate) fn count_failure() {
        add_one(&COUNTS[REFUSED]);
    }

    fn so_far(self) -> u64 {
        read(self.counter())
    }

    fn counter(self) -> &'static AtomicU64 {
        &COUNTS[self as usize]
    }
}

fn add_one(counter: &AtomicU64) {
    // Relaxed: a count publishes nothing.
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    // Relaxed: a count is read for itself.
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_call_shows_in_its_own_kind() {
        let before = calls();
        Call::Remap.count();
        Call::count_failure();
        let after = calls();
        assert!(after.remap > before.remap);
        assert!(after.failed > before.failed);
    }

    #[test]
    fn no_count_is_lost_between_threads() {
        let counter = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| add_one(&counter)));
            }
        });
        assert_eq!(read(&counter), 4000);
    }
}
