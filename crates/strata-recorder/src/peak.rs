//! The most that ever lived at a time, and what that was made of: known afterwards, without knowing beforehand.
//!
//! ```text
//!   live bytes ──above all before──► a new peak: its number + 1
//!   a site, before anything of it changes: does it have what lived at this peak? if not, it keeps what lives now
//! ```
//!
//! So nothing is copied when there is a new peak, which in a program that grows is each sample: a site that has not changed since
//! lives as it did then, and one that has has kept it (copy on write).
//!
//! Samples that other threads take at the very instant of a peak may count as of before or after it.
//!
//! Does not know: sites. The number is 32 bits: programs that grow have a peak for each sample.

use strata_core::sync::{AtomicU64, Ordering::Relaxed};

/// What lives, and the most that did; all-zero bytes are the start.
#[derive(Debug)]
#[repr(C)]
pub struct Peak {
    live: AtomicU64,
    most: AtomicU64,
    number: AtomicU64,
}

// Relaxed, all of it: numbers that stand alone.
impl Peak {
    /// The number of the last peak.
    pub fn number(&self) -> u32 {
        self.number.load(Relaxed) as u32
    }

    /// Bytes that lived at it, roughly.
    pub fn bytes(&self) -> u64 {
        self.most.load(Relaxed)
    }

    /// More bytes are live.
    pub(crate) fn add(&self, bytes: u64) {
        let live = self.live.fetch_add(bytes, Relaxed).wrapping_add(bytes);
        // A sum that is below zero for a moment, since a free came first, is no peak.
        if live.cast_signed() > 0 && live > self.most.fetch_max(live, Relaxed) {
            self.number.fetch_add(1, Relaxed);
        }
    }

    /// Fewer bytes are live.
    pub(crate) fn subtract(&self, bytes: u64) {
        self.live.fetch_sub(bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_what_was_never_reached_before() {
        let zero = || AtomicU64::new(0);
        let peak = Peak { live: zero(), most: zero(), number: zero() };
        peak.add(10);
        peak.add(10);
        assert_eq!((peak.number(), peak.bytes()), (2, 20));
        peak.subtract(15);
        peak.add(15);
        assert_eq!((peak.number(), peak.bytes()), (2, 20), "as much as before is no more");
        peak.add(1);
        assert_eq!((peak.number(), peak.bytes()), (3, 21));
    }

    #[test]
    fn a_free_that_is_told_before_its_allocation_makes_no_peak() {
        let zero = || AtomicU64::new(0);
        let peak = Peak { live: zero(), most: zero(), number: zero() };
        peak.subtract(30);
        peak.add(10);
        assert_eq!((peak.number(), peak.bytes()), (0, 0));
    }
}
