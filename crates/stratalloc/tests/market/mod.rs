//! Where blocks wait for another thread.
//!
//! Behind a spin lock and not a `Mutex`, half of which is in the standard library, where ThreadSanitizer does not see it.

use crate::patterned::Patterned;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct Market {
    is_taken: AtomicBool,
    blocks: UnsafeCell<Vec<Patterned>>,
}

// SAFETY: the blocks are touched only by whoever set `is_taken`.
unsafe impl Sync for Market {}

impl Market {
    pub(crate) const fn new() -> Self {
        Self { is_taken: AtomicBool::new(false), blocks: UnsafeCell::new(Vec::new()) }
    }

    pub(crate) fn with<R>(&self, deal: impl FnOnce(&mut Vec<Patterned>) -> R) -> R {
        while self.is_taken.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: we set `is_taken`.
        let result = deal(unsafe { &mut *self.blocks.get() });
        self.is_taken.store(false, Ordering::Release);
        result
    }
}
