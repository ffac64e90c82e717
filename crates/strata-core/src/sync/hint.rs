//! A number that decides when something is done, never whether it may be: the one word that loom does not explore.
//!
//! A stale or lost value costs time or memory, not correctness; so exploring its orders would only make the models larger.
//! Whatever a hint leads to is decided again by an exchange that loom does see.
//!
//! Does not know: what is hinted at.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that may be stale, or lost when two threads write at once.
#[repr(transparent)]
#[derive(Debug)]
pub struct Hint(AtomicU64);

impl Hint {
    /// A hint of this value.
    pub const fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// What it says.
    #[inline]
    pub fn get(&self) -> u64 {
        // Relaxed: a hint orders nothing.
        self.0.load(Relaxed)
    }

    /// Says something else.
    #[inline]
    pub fn set(&self, value: u64) {
        // Relaxed: as in `get`.
        self.0.store(value, Relaxed);
    }

    /// Says `amount` more, unless another thread writes at the same time.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.set(self.get().wrapping_add(amount));
    }

    /// What it says; zero from now on.
    #[inline]
    pub fn take(&self) -> u64 {
        let value = self.get();
        if value != 0 {
            self.set(0);
        }
        value
    }
}
