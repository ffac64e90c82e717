//! The standard error output.
//!
//! Does not know: what is said.

use crate::call::quietly;

/// Writes what it can; nobody hears of the rest.
pub(crate) fn write(bytes: &[u8]) {
    // SAFETY: reads the bytes that it is given.
    quietly(|| unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) });
}
