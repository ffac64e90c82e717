//! The end of the process past the C library, whose `abort` wants a thread that it knows of.
//!
//! Does not know: why.

use super::raw::{self, flags, number};
use core::ffi::c_int;
use core::ptr::null_mut;

/// The kernel's `sigaction`: no handler, no flags, no restorer, no further signals blocked.
const DEFAULT_ACTION: [u64; 4] = [0; 4];
/// Bytes of the kernel's set of signals.
const SET_BYTES: usize = 8;
/// What the process ends with where it may not send itself a signal: what a shell makes of `SIGABRT`.
const STATUS: c_int = 128 + libc::SIGABRT;

/// Ends the process at once as by `abort`, with a core dump where those are on; the program's handler of `SIGABRT` is not called,
/// since it could not run on a thread without thread-local storage.
pub fn abort() -> ! {
    let signal = flags(libc::SIGABRT);
    let (default, none) = (DEFAULT_ACTION, 0_u64);
    let (action, mask) = ((&raw const default).cast_mut().cast(), (&raw const none).cast_mut().cast());
    // SAFETY: reads the action.
    let _ = unsafe { raw::call(libc::SYS_rt_sigaction, [signal, action, null_mut(), number(SET_BYTES)]) };
    let unblocked = [flags(libc::SIG_SETMASK), mask, null_mut(), number(SET_BYTES)];
    // SAFETY: reads the set.
    let _ = unsafe { raw::call(libc::SYS_rt_sigprocmask, unblocked) };
    // SAFETY: asks for a number, and so does the next.
    let process = unsafe { raw::call::<0>(libc::SYS_getpid, []) }.unwrap_or(0);
    // SAFETY: a system call without memory.
    let thread = unsafe { raw::call::<0>(libc::SYS_gettid, []) }.unwrap_or(0);
    // SAFETY: ends the process.
    let _ = unsafe { raw::call(libc::SYS_tgkill, [number(process), number(thread), signal]) };
    loop {
        // SAFETY: ends the process.
        let _ = unsafe { raw::call(libc::SYS_exit_group, [flags(STATUS)]) };
    }
}
