//! Numbers that all threads count up and any thread reads (P19).
//!
//! Each counter is one word, so no reading is torn; a reader that adds several may see one before and one after an event
//! that touches both. Quiet counters are exact.
//!
//! Does not know: what is counted. Model: `loom-tests/tests/p19_counters.rs`.

use crate::sync::mutation::COUNTER_EXCHANGES;
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// A count of events or bytes that may also shrink.
#[repr(transparent)]
#[derive(Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    crate::const_unless_loom! {
        /// Zero.
        pub fn zero() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Counts `amount` more.
    #[inline]
    pub fn add(&self, amount: u64) {
        // Relaxed: nothing is inferred from a counter about other memory.
        if COUNTER_EXCHANGES {
            self.0.fetch_add(amount, Relaxed);
        } else {
            self.0.store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
        }
    }

    /// Counts `amount` less. Transiently it may wrap when another thread's `add` is still on its way; see `get`.
    #[inline]
    pub fn subtract(&self, amount: u64) {
        // Relaxed: as in `add`.
        self.0.fetch_sub(amount, Relaxed);
    }

    /// The value; a transient wrap below zero reads as zero.
    pub fn get(&self) -> u64 {
        // Relaxed: as in `add`.
        let value = self.0.load(Relaxed);
        if value > u64::MAX / 2 { 0 } else { value }
    }
}
