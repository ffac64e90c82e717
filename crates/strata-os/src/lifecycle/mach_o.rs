//! Load and exit where programs are Mach-O files: the loader reads one section of addresses.
//!
//! There is a section for the exit, too (`__mod_term_func`), but since macOS 12 the loader leaves it unread; so the
//! exit's function is registered with the C library at load, as Apple's compiler does it.
//!
//! Compiled so far, but never run.

use core::ffi::c_void;

unsafe extern "C" {
    fn __cxa_atexit(
        function: unsafe extern "C" fn(*mut c_void),
        argument: *mut c_void,
        image: *const c_void,
    ) -> i32;
    /// Stands for the executable or library that this code is linked into.
    static __dso_handle: u8;
}

/// Has the C library call `function` with null at exit, or when this library is unloaded; `true` if it will.
pub fn register(function: unsafe extern "C" fn(*mut c_void)) -> bool {
    // SAFETY: the function is there as long as the image, with which the C library forgets it.
    unsafe { __cxa_atexit(function, core::ptr::null_mut(), (&raw const __dso_handle).cast()) == 0 }
}

/// Has the loader call a safe `extern "C" fn()` when the program starts, before `main`, or when the library is loaded.
///
/// The order is that of the link, whatever `first` and `then` say: an executable's own before its libraries'. The
/// environment and the C library are there; Rust's standard library may not be.
#[macro_export]
macro_rules! at_load {
    ($when:ident $function:path) => {
        const _: () = {
            #[used]
            #[unsafe(link_section = "__DATA,__mod_init_func,mod_init_funcs")]
            static LISTED: extern "C" fn() = $function;
        };
    };
}

/// Has the C library call a safe `extern "C" fn()` when the program ends by `exit` or by returning from `main`, or when
/// the library is unloaded. Registered at load, for which the C library may allocate; other threads may still be running.
#[macro_export]
macro_rules! at_exit {
    ($function:path) => {
        const _: () = {
            unsafe extern "C" fn run(_: *mut ::core::ffi::c_void) {
                $function();
            }
            extern "C" fn register() {
                // Refused: then nothing runs at exit, which the library can do without.
                let _ = $crate::lifecycle::mach_o::register(run);
            }
    $crate::at_load!(then register);
        };
    };
}
