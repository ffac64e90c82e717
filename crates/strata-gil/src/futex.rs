//! Sleeping until a word changes.
//!
//! Does not know: what the word means.

use core::ptr::null;
use core::sync::atomic::AtomicU32;

/// Sleeps while `word` holds `expected`; may also return for no reason. Leaves `errno` as it was: `free` runs
/// through here, and a caller may look at `errno` after a `free`.
pub(crate) fn wait(word: &AtomicU32, expected: u32) {
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    let forever = null::<libc::timespec>();
    // SAFETY: the thread's own location.
    let before = unsafe { errno().read() };
    // SAFETY: the kernel reads the word, which the reference keeps alive; no timeout is passed.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, expected, forever) };
    // SAFETY: the thread's own location.
    unsafe { errno().write(before) };
}

/// Wakes one thread that sleeps on `word`.
pub(crate) fn wake_one(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel takes the address as a name only. It cannot fail on a valid, aligned word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) };
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
        let word = AtomicU32::new(1);
        // SAFETY: the thread's own location.
        unsafe { errno().write(42) };
        wait(&word, 2);
        // SAFETY: the thread's own location.
        assert_eq!(unsafe { errno().read() }, 42);
    }
}
