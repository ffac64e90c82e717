//! The standard error output, past the C library: its `write` is a cancellation point, at which a thread may end.
//!
//! Does not know: what is said.

use super::raw::{self, flags, number};

/// Writes what it can; nobody hears of the rest.
pub(crate) fn write(bytes: &[u8]) {
    // SAFETY: reads the bytes that it is given.
    let _ = unsafe {
        raw::call(
            libc::SYS_write,
            [flags(libc::STDERR_FILENO), bytes.as_ptr().cast_mut().cast(), number(bytes.len())],
        )
    };
}
