//! How a C function says why it failed.
//!
//! Does not know: who failed.

use core::ffi::c_int;
use core::ptr::null_mut;

/// Sets the calling thread's `errno`.
pub(crate) fn set(code: c_int) {
    // SAFETY: asks nothing of the caller.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the thread's own.
    unsafe { place.write(code) };
}

/// Null, for want of memory.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn no_memory<T>() -> *mut T {
    set(libc::ENOMEM);
    null_mut()
}

/// Null, for what cannot be asked for.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn invalid<T>() -> *mut T {
    set(libc::EINVAL);
    null_mut()
}
