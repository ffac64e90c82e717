//! A heap profile of an unchanged program: as the environment asks for it (`STRATA_PROFILE`).
//!
//! Does not know: how a profile is taken; `strata-recorder` does.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

unsafe extern "C" {
    // `atexit` itself is in no shared library.
    fn __cxa_atexit(body: extern "C" fn(*mut c_void), argument: *mut c_void, library: *mut c_void) -> c_int;
}

strata_os::at_load!(then start);

/// A program without a profile pays for a read of the environment.
extern "C" fn start() {
    if strata_recorder::start_as_asked() {
        // SAFETY: the function is there as long as the library, which stays (`build.rs`).
        unsafe { __cxa_atexit(end, null_mut(), null_mut()) };
    }
}

extern "C" fn end(_: *mut c_void) {
    strata_recorder::log::close();
}
