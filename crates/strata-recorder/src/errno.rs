//! `errno` as the program knows it, which whatever happens within an allocation leaves alone.
//!
//! Does not know: what happens.

use core::ffi::c_int;

/// Does something, and puts back the calling thread's `errno`.
pub(crate) fn preserving<T>(body: impl FnOnce() -> T) -> T {
    let before = get();
    let result = body();
    // SAFETY: the thread's own.
    unsafe { place().write(before) };
    result
}

/// The calling thread's `errno`.
pub(crate) fn get() -> c_int {
    // SAFETY: the thread's own.
    unsafe { place().read() }
}

fn place() -> *mut c_int {
    // SAFETY: asks nothing of the caller.
    unsafe { libc::__errno_location() }
}
