//! One bit that says "something is set down there", for words that are too many to search.
//!
//! | event                   | steps                                                                           |
//! |-------------------------|---------------------------------------------------------------------------------|
//! | something was set below | set below, *then* raise the bit here                                            |
//! | nothing is left below   | clear the bit here, *then* check below once more, and raise it again if need be |
//!
//! I1  A quiet summary misses nothing: if the raise comes before the clear in the word's order, the clear (AcqRel) sees what
//!     was set below, so its second check finds it; if it comes after, the bit stays.
//!
//! A set bit may be stale, never wrong for long: who follows it and finds nothing clears it.
//!
//! Does not know: what lies below. Model: `loom-tests/tests/p10_summary.rs`.

use crate::sync::mutation::{SUMMARY_CLEAR, SUMMARY_RAISE, SUMMARY_RECHECK};
use crate::sync::{AtomicU64, Ordering::Acquire};

/// A word of hints.
#[repr(transparent)]
#[derive(Debug)]
pub struct Summary(AtomicU64);

impl Summary {
    crate::const_unless_loom! {
        /// Nothing is set below.
        pub fn none() -> Self {
            Self::with(0)
        }
    }

    crate::const_unless_loom! {
        /// Something is, or will be before others know of it, below each of these bits.
        pub fn with(bits: u64) -> Self {
            Self(AtomicU64::new(bits))
        }
    }

    /// The hints.
    #[inline]
    pub fn hints(&self) -> u64 {
        // Acquire: who follows a hint sees what was set below; pairs with Release in summary.rs::raise_all.
        self.0.load(Acquire)
    }

    /// Something was set below bit `index`; the hints before.
    #[inline]
    pub fn raise(&self, index: u32) -> u64 {
        self.raise_all(1 << index)
    }

    /// The same for each bit of a mask.
    #[inline]
    pub fn raise_all(&self, bits: u64) -> u64 {
        // AcqRel (SUMMARY_RAISE): carries what was set below; pairs with Acquire in summary.rs::clear_if.
        self.0.fetch_or(bits, SUMMARY_RAISE)
    }

    /// Clears bit `index`, unless `is_empty` (which reads below) turns out false afterwards.
    #[inline]
    pub fn clear_if(&self, index: u32, is_empty: impl Fn() -> bool) {
        if !is_empty() {
            return;
        }
        // AcqRel (SUMMARY_CLEAR): sees what a raise before it set below (I1); pairs with Release in summary.rs::raise_all.
        self.0.fetch_and(!(1 << index), SUMMARY_CLEAR);
        if SUMMARY_RECHECK && !is_empty() {
            self.raise(index);
        }
    }
}
