//! The standard error output, past the C library: its `write` is a cancellation point, at which a thread may end.
//!
//! Does not know: what is said.

/// Writes what it can; nobody hears of the rest.
pub(crate) fn write(bytes: &[u8]) {
    // SAFETY: reads the bytes that it is given.
    unsafe { libc::syscall(libc::SYS_write, libc::STDERR_FILENO, bytes.as_ptr(), bytes.len()) };
}
