//! The few system calls that this crate makes.
//!
//! Does not know: arenas, locks, what the memory is for.

use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::AtomicU32;

/// Fresh zeroed memory, readable and writable, aligned to a page and to nothing more.
pub(crate) fn map(bytes: usize) -> Option<NonNull<u8>> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches no existing memory.
    let start = unsafe { libc::mmap(null_mut(), bytes, access, kind, -1, 0) };
    if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
}

/// Gives a mapping back.
///
/// # Safety
/// - `start` and `bytes` are those of one earlier [`map`].
/// - Nobody uses the range any more.
pub(crate) unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller owns the whole range. A refusal (too many mappings after a split) leaks it.
    let _refused = unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
}

/// Sleeps while `word` holds `expected`; may also return for no reason. Leaves `errno` as it was: `free` runs
/// through here, and a caller may look at `errno` after a `free`.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32) {
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
pub(crate) fn futex_wake_one(word: &AtomicU32) {
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
    fn a_mapping_is_zeroed_and_writable() {
        let memory = map(8192).unwrap();
        // SAFETY: byte 8191 of a mapping of 8192.
        let last = unsafe { memory.byte_add(8191) };
        // SAFETY: ours, mapped, initialised by the kernel.
        assert_eq!(unsafe { last.read() }, 0);
        // SAFETY: as above.
        unsafe { last.write(7) };
        // SAFETY: the range of `map`, no longer used.
        unsafe { unmap(memory, 8192) };
    }

    #[test]
    fn an_impossible_mapping_is_refused() {
        assert_eq!(map(usize::MAX / 2), None);
    }

    #[test]
    fn waiting_for_another_value_returns_and_keeps_errno() {
        let word = AtomicU32::new(1);
        // SAFETY: the thread's own location.
        unsafe { errno().write(42) };
        futex_wait(&word, 2);
        // SAFETY: the thread's own location.
        assert_eq!(unsafe { errno().read() }, 42);
    }
}
