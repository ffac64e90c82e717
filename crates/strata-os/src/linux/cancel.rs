//! Calls in which a thread may not end, although the C library checks there whether it was cancelled.
//!
//! Does not know: who cancels.

use core::ffi::c_int;
use core::ptr::null_mut;

// Of the C libraries' headers: glibc's and musl's.
const PTHREAD_CANCEL_DISABLE: c_int = 1;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

/// Makes the call; a thread that was cancelled goes on, and ends at some later point.
pub(crate) fn uncancelled<R>(call: impl FnOnce() -> R) -> R {
    let mut before = 0;
    // SAFETY: the state of the calling thread only; writes the old one.
    unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut before) };
    let answer = call();
    // SAFETY: the state of the calling thread only, as it was before.
    unsafe { pthread_setcancelstate(before, null_mut()) };
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_thread_goes_on_until_the_call_is_over() {
        // SAFETY: the child makes system calls only.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: asks nothing of the caller.
            let this = unsafe { libc::pthread_self() };
            // SAFETY: a thread that runs.
            unsafe { libc::pthread_cancel(this) };
            // SAFETY: refused, and a point at which cancelled threads end.
            uncancelled(|| unsafe { libc::close(-1) });
            // SAFETY: ends the child.
            unsafe { libc::_exit(17) };
        }
        let mut status = 0;
        // SAFETY: a child of ours.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 17, "{status:#x}");
    }
}
