//! A few ranges of addresses, each with a number that was noted for it.
//!
//! R1  A place whose end is not 0 holds a range; who fills one has exchanged its start for his own before.
//!
//! Does not know: what the numbers mean.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const COUNT: usize = 256;

/// As many ranges as a test needs.
pub(super) struct Ranges([Place; COUNT]);

struct Place {
    start: AtomicUsize,
    end: AtomicUsize,
    number: AtomicU64,
}

impl Ranges {
    pub(super) const fn new() -> Self {
        Self(
            [const { Place { start: AtomicUsize::new(0), end: AtomicUsize::new(0), number: AtomicU64::new(0) } };
                COUNT],
        )
    }

    // All Relaxed: a test notes what one thread did before others know the addresses.

    /// Notes a range that overlaps none of those noted.
    pub(super) fn note(&self, ptr: NonNull<u8>, size: usize, number: u64) {
        let start = ptr.addr().get();
        let is_mine = |place: &&Place| {
            place.start.compare_exchange(0, start, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        let place = self.0.iter().find(is_mine).expect("the simulated OS notes no more ranges than that");
        place.number.store(number, Ordering::Relaxed);
        place.end.store(start + size, Ordering::Relaxed);
    }

    /// The number of a range that overlaps this one.
    pub(super) fn find(&self, ptr: NonNull<u8>, size: usize) -> Option<u64> {
        self.overlapping(ptr, size).map(|place| place.number.load(Ordering::Relaxed))
    }

    /// Forgets all ranges that overlap this one; returns the last number, if there was one.
    pub(super) fn forget(&self, ptr: NonNull<u8>, size: usize) -> Option<u64> {
        let mut found = None;
        while let Some(place) = self.overlapping(ptr, size) {
            found = Some(place.number.load(Ordering::Relaxed));
            place.end.store(0, Ordering::Relaxed);
            place.start.store(0, Ordering::Relaxed);
        }
        found
    }

    fn overlapping(&self, ptr: NonNull<u8>, size: usize) -> Option<&Place> {
        let start = ptr.addr().get();
        self.0.iter().find(|place| {
            let end = place.end.load(Ordering::Relaxed);
            end > start && place.start.load(Ordering::Relaxed) < start + size
        })
    }
}
