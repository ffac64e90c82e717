//! A lock whose every step ThreadSanitizer sees.
//!
//! Half of a `Mutex` is in the standard library, which is not instrumented: what a contended one orders seems a race.
//! No thread is woken here, so it is for short turns and for tests that wait for each other.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Attempts before a waiting thread sleeps instead of only yielding.
const IMPATIENT: u32 = 100;

#[derive(Debug, Default)]
pub(crate) struct SpinLock<T> {
    is_taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is touched only by the thread that set `is_taken`, in one thread after the other.
unsafe impl<T: Send> Sync for SpinLock<T> {}

/// A turn: ends when dropped, also by a panic.
pub(crate) struct Turn<'lock, T>(&'lock SpinLock<T>);

impl<T> SpinLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { is_taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> Turn<'_, T> {
        let mut attempts = 0;
        while self.is_taken.swap(true, Ordering::Acquire) {
            attempts += 1;
            if attempts < IMPATIENT { std::thread::yield_now() } else { std::thread::sleep(NAP) }
        }
        Turn(self)
    }

    pub(crate) fn with<R>(&self, deal: impl FnOnce(&mut T) -> R) -> R {
        deal(&mut self.lock())
    }
}

const NAP: Duration = Duration::from_micros(50);

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this turn set `is_taken`.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this turn set `is_taken`.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.0.is_taken.store(false, Ordering::Release);
    }
}
