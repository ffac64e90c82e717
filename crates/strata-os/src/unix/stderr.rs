//! The standard error output and the ends of files.
//!
//! Does not know: what is said.

use crate::call::quietly;
use core::ffi::{CStr, c_int};

/// Writes what it can; the rest is lost.
pub(crate) fn write(bytes: &[u8]) {
    write_to(libc::STDERR_FILENO, bytes);
}

/// The same into an open file.
pub(crate) fn write_to(file: c_int, bytes: &[u8]) {
    // SAFETY: reads the bytes that it is given.
    quietly(|| unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) });
}

/// Opens a file to write at its end.
pub(crate) fn open_to_append(path: &CStr) -> Option<c_int> {
    let how = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: `path` ends in a zero byte.
    let file = quietly(|| unsafe { libc::open(path.as_ptr(), how, 0o644) });
    (file >= 0).then_some(file)
}

/// Closes it.
pub(crate) fn close(file: c_int) {
    // SAFETY: the caller's file, used no more.
    quietly(|| unsafe { libc::close(file) });
}
