//! The standard error output and the ends of files, past the C library: its `write` is a cancellation point, at which a thread may end.
//!
//! Does not know: what is said.

use super::raw::{self, flags, number};
use core::ffi::{CStr, c_int};

/// Writes what it can; the rest is lost.
pub(crate) fn write(bytes: &[u8]) {
    write_to(libc::STDERR_FILENO, bytes);
}

/// The same into an open file.
pub(crate) fn write_to(file: c_int, bytes: &[u8]) {
    // SAFETY: reads the bytes that it is given.
    let _ = unsafe {
        raw::call(libc::SYS_write, [flags(file), bytes.as_ptr().cast_mut().cast(), number(bytes.len())])
    };
}

/// Opens a file to write at its end.
pub(crate) fn open_to_append(path: &CStr) -> Option<c_int> {
    let how = flags(libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC);
    let arguments = [flags(libc::AT_FDCWD), path.as_ptr().cast_mut().cast(), how, number(0o644)];
    // SAFETY: `path` ends in a zero byte.
    let file = unsafe { raw::call(libc::SYS_openat, arguments) };
    Some(file.ok()? as c_int)
}

/// Closes it.
pub(crate) fn close(file: c_int) {
    // SAFETY: the caller's file, used no more.
    let _ = unsafe { raw::call(libc::SYS_close, [flags(file)]) };
}
