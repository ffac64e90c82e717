//! Threads and keys of POSIX as they are: nothing is allocated on a thread before its body begins.

use std::ffi::c_void;
use std::ptr::null_mut;

/// Runs `body` in a new thread and waits for its end, destructors included.
pub(crate) fn in_bare_thread<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    let mut call = Call { body: Some(body), result: None };
    let mut thread = 0;
    let argument = (&raw mut call).cast::<c_void>();
    // SAFETY: `run` takes a `Call` of this type, which lives until the thread was joined.
    let failed = unsafe { libc::pthread_create(&raw mut thread, std::ptr::null(), call.runner(), argument) };
    assert_eq!(failed, 0);
    // SAFETY: started just now.
    let failed = unsafe { libc::pthread_join(thread, null_mut()) };
    assert_eq!(failed, 0);
    call.result.expect("the thread did not come to its end")
}

struct Call<F, R> {
    body: Option<F>,
    result: Option<R>,
}

type Start = extern "C" fn(*mut c_void) -> *mut c_void;

impl<R, F: FnOnce() -> R> Call<F, R> {
    fn runner(&self) -> Start {
        run::<F, R>
    }
}

extern "C" fn run<F: FnOnce() -> R, R>(call: *mut c_void) -> *mut c_void {
    // SAFETY: `in_bare_thread` passes a `Call` of this type and waits.
    let call = unsafe { &mut *call.cast::<Call<F, R>>() };
    call.result = call.body.take().map(|body| body());
    null_mut()
}

/// A key whose destructor runs when a thread that armed it ends; in the order in which the keys were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(libc::pthread_key_t);

impl Key {
    pub(crate) fn new(destructor: unsafe extern "C" fn(*mut c_void)) -> Self {
        let mut key = 0;
        // SAFETY: writes the key that it is given.
        let failed = unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) };
        assert_eq!(failed, 0);
        Self(key)
    }

    /// Has the destructor run for this thread, which owes it a `value` that it takes.
    pub(crate) fn arm(self, value: *mut c_void) {
        // SAFETY: the key exists.
        let failed = unsafe { libc::pthread_setspecific(self.0, value) };
        assert_eq!(failed, 0);
    }
}
