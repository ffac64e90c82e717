//! A signal that the allocator answers.
//!
//! Does not know: what is done.

use crate::call::quietly;
use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Release};

/// What to do when the signal comes: a [`Handler`], or null.
static HANDLER: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// What a signal does: nothing that allocates, waits or locks.
pub type Handler = fn();

/// Has `handler` called when the signal comes, on the thread that it comes to, whose `errno` stays; whether it will be. One signal at a time.
///
/// The thread's own stack is used, not an alternate one.
pub fn on_signal(signal: c_int, handler: Handler) -> bool {
    // Release: pairs with Acquire in signal.rs::arrive.
    HANDLER.store(handler as *mut (), Release);
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all-zero bytes are an action.
    let action = unsafe { action.assume_init_mut() };
    action.sa_sigaction = (arrive as extern "C" fn(c_int) as *const ()).addr();
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: a handler that calls what a handler may.
    quietly(|| unsafe { libc::sigaction(signal, action, null_mut()) }) == 0
}

extern "C" fn arrive(_signal: c_int) {
    // Acquire: pairs with Release in signal.rs::on_signal.
    let handler = HANDLER.load(Acquire);
    if !handler.is_null() {
        // SAFETY: what `on_signal` stored.
        let handler = unsafe { core::mem::transmute::<*mut (), Handler>(handler) };
        quietly(handler);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

    fn errno() -> *mut c_int {
        // SAFETY: asks nothing of the caller.
        unsafe { crate::system::errno_location() }
    }

    #[test]
    fn the_handler_is_called_and_errno_stays() {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        fn handler() {
            CALLS.fetch_add(1, Relaxed);
            // SAFETY: the thread's own.
            unsafe { errno().write(5) };
        }
        assert!(on_signal(libc::SIGURG, handler));
        // SAFETY: the thread's own.
        unsafe { errno().write(77) };
        // SAFETY: a signal to this thread, which has a handler.
        unsafe { libc::raise(libc::SIGURG) };
        // SAFETY: the thread's own.
        assert_eq!((CALLS.load(Relaxed), unsafe { errno().read() }), (1, 77));
        assert!(!on_signal(9999, handler), "there is no such signal");
    }
}
