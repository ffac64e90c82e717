//! How many system calls on memory this process has made through Strata.
//!
//! Each count is one 64-bit atomic, so no reader sees a half-written one; a snapshot of several is not one instant.
//!
//! Does not know: what the calls were for, nor bytes (`strata-segment` counts those).

use core::sync::atomic::{AtomicU64, Ordering};

/// The number of calls since the program started: `map unmap protect advise remap failed`, in this order.
pub fn calls() -> [u64; 6] {
    COUNTS.each_ref().map(read)
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

/// Where the counts lie, in the order of [`calls`].
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
        let remap = Call::Remap as usize;
        assert!(after[remap] > before[remap]);
        assert!(after[REFUSED] > before[REFUSED]);
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
