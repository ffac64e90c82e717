//! The janitor's life: hired when a process with several threads has memory that may have to go back, sent home when it is
//! down to one, joined when the library goes.
//!
//! ```text
//!   a thread's first allocation, a round of refills, a large allocation ──► enough threads, enough memory? ──► a thread
//! ```
//!
//! J1  Nothing is started within a free: the C library frees while it holds the lock that a new thread's stack needs.
//! J2  The C library allocates for the new thread, on the thread that starts it: the callers are in the middle of nothing.
//! J3  The thread allocates nothing and so has no cache.
//!
//! Does not know: what the janitor does; `strata-segment` does. Decision 0008.

use crate::thread::RUNTIME;
use core::ffi::c_void;
use core::ptr::null_mut;
use strata_core::sync::Ordering::Relaxed;
use strata_os::{futex, machine, thread};
use strata_segment::{Hired, Janitor};

/// Memory that may be touched, from which on a janitor is worth a thread: four arenas.
const WORTH_BYTES: u64 = 16 << 20;

/// Some frames of the C library's, no recursion.
const STACK_BYTES: usize = 256 << 10;

static PLACE: thread::Place = thread::Place::new();

strata_os::at_exit!(dismiss);

fn janitor() -> &'static Janitor {
    &RUNTIME.directory.janitor
}

/// Starts the janitor if there is none and there should be one: a load, once there is.
#[inline]
pub fn hire_if_worth_it() {
    if janitor().is_missing() {
        consider();
    }
}

#[cold]
#[inline(never)]
fn consider() {
    let directory = &RUNTIME.directory;
    // Relaxed: a number that stands alone.
    let is_wanted = directory.tuning.janitor.load(Relaxed) != 0 && futex::IS_THERE;
    if is_wanted
        && directory.returnable_bytes() >= WORTH_BYTES
        && RUNTIME.registry.live() > 1
        && machine::threads().is_some_and(|threads| threads > 1)
        && let Some(hired) = janitor().hire()
    {
        start(hired);
    }
}

fn start(hired: Hired) {
    if hired == Hired::Successor {
        // SAFETY: whoever hired is alone with the place (I1 of `Janitor`), in which a thread that has gone is left.
        unsafe { PLACE.join() };
    }
    // SAFETY: as above; the place is empty.
    if unsafe { PLACE.start(work, STACK_BYTES) } {
        janitor().started();
    } else {
        janitor().refuse();
    }
}

extern "C" fn work(_: *mut c_void) -> *mut c_void {
    thread::name_myself(c"strata-janitor");
    if janitor().begin() {
        RUNTIME.directory.keep_house(|| machine::threads().is_some_and(|threads| threads <= 2));
    }
    null_mut()
}

/// The program ends, or the library goes.
extern "C" fn dismiss() {
    if janitor().close() {
        // SAFETY: whoever closed is alone with the place (I1 of `Janitor`), in which a thread is left.
        unsafe { PLACE.join() };
    }
}
