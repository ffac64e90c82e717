//! The locks of the process, and how they cross a `fork`.
//!
//! A child has the forking thread only. Were a lock held by another thread at that moment, no thread in the child would
//! ever release it. So the forking thread takes every lock first (`prepare`), and both sides give them back:
//!
//! ```text
//! fork():  prepare: acquire GIL, then HEAP ──┬── parent: release both
//!                                            └── child:  release both (its copies of the words)
//! ```
//!
//! There are two locks, both statics: handlers get no argument, and an allocator that is moved or dropped must not leave
//! a pointer behind. Their order, GIL before HEAP, is the order of `Gil<Pymalloc<…>>`, the only nesting.
//!
//! Registered at the first use of a lock, thus usually before anyone else's handlers; `prepare` handlers run
//! newest first, so those may still allocate. Not covered: a raw `clone`, which runs no handlers; handlers registered
//! before our first allocation that allocate in `prepare`; a refusal to register (out of memory), after which a
//! `fork` is as unsafe as without handlers; a `fork` by a second thread *during* the first allocation of the process.
//!
//! Does not know: what the locks protect.

use crate::futex::Word;
use crate::lock::{Lock, UNTOUCHED};
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;

/// Held by every call into a `Gil<A>`.
pub(crate) static GIL: Lock = Lock::over(Word::new(UNTOUCHED));

/// Held by the thread that is inside a pymalloc heap.
pub(crate) static HEAP: Lock = Lock::over(Word::new(UNTOUCHED));

static REGISTERED: AtomicBool = AtomicBool::new(false);

pub(crate) fn register_once() {
    // Relaxed: a flag that decides who calls; no data hangs on it.
    if !REGISTERED.swap(true, Relaxed) {
        // SAFETY: plain functions that live as long as the code; they neither allocate nor unwind.
        let _refused = unsafe { libc::pthread_atfork(Some(prepare), Some(resume), Some(resume)) };
    }
}

extern "C" fn prepare() {
    core::mem::forget(GIL.acquire());
    core::mem::forget(HEAP.acquire());
}

/// In the parent, and in the child: there, sleepers recorded in the word do not exist, and waking none is harmless.
extern "C" fn resume() {
    HEAP.release();
    GIL.release();
}
