//! A word on which threads can sleep until it changes.
//!
//! `tests/lock_model.rs` puts a model under the same names, so that loom runs `lock.rs` as it ships.
//!
//! Does not know: what the word means.

use core::ptr::null;
use core::sync::atomic::{AtomicU32, Ordering};

/// Reads of a held word before sleeping; a pool operation under the lock takes tens of nanoseconds.
pub(crate) const SPIN_COUNT: u32 = 100;

/// An atomic word that the kernel can watch.
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) const fn new(value: u32) -> Self {
        Self(AtomicU32::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[inline]
    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.0.swap(value, order)
    }

    /// Replaces `from` by `to`; false: the word held something else, of which nothing was read.
    #[inline]
    pub(crate) fn replace(&self, from: u32, to: u32, order: Ordering) -> bool {
        // Relaxed: nothing is read on failure.
        self.0.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
    }

    /// Sleeps while the word is `expected`; may also return for no reason. Leaves `errno` as it was: `free` comes
    /// through here, and a caller may read `errno` after a `free`.
    pub(crate) fn wait(&self, expected: u32) {
        let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
        let forever = null::<libc::timespec>();
        // SAFETY: the thread's own location.
        let before = unsafe { errno().read() };
        // SAFETY: the kernel reads the word, which the reference keeps alive; no timeout is passed.
        unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), operation, expected, forever) };
        // SAFETY: the thread's own location.
        unsafe { errno().write(before) };
    }

    /// Wakes one thread that sleeps on the word.
    pub(crate) fn wake_one(&self) {
        let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: the kernel takes the address as a name only. It cannot fail on a valid, aligned word.
        unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), operation, 1) };
    }
}

/// Where the C library keeps the calling thread's `errno`.
fn errno() -> *mut i32 {
    // SAFETY: always allowed.
    unsafe { libc::__errno_location() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_another_value_returns_and_keeps_errno() {
        let word = Word::new(1);
        // SAFETY: the thread's own location.
        unsafe { errno().write(42) };
        word.wait(2);
        // SAFETY: the thread's own location.
        assert_eq!(unsafe { errno().read() }, 42);
    }
}
