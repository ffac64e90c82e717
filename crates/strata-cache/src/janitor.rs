//! The janitor's life: started when there is much to give back, gone when that is done, waited for when the library goes.
//!
//! J1  The thread is none of the C library's, which may hold locks where something is freed (`strata_os::kernel_thread`): so
//!     it may be started anywhere.
//! J2  The thread allocates nothing and so has no cache.
//!
//! Does not know: what the janitor does, nor when it comes; `strata-segment` does. Decision 0008.

use crate::thread::RUNTIME;
use strata_segment::Janitor;

strata_os::at_load!(first introduce);
strata_os::at_exit!(dismiss);

fn janitor() -> &'static Janitor {
    &RUNTIME.directory.janitor
}

/// Starts the janitor if there is none and there should be one: a load or two, if nothing is due.
#[inline]
pub fn hire_if_worth_it() {
    RUNTIME.directory.call_for_janitor();
}

/// From now on the segment layer can start it, wherever something is freed.
extern "C" fn introduce() {
    // SAFETY: the body calls nothing of the C library's that has a state for each thread, and its code is there until
    // `dismiss` has waited.
    unsafe { janitor().berth().introduce(work, c"strata-janitor") };
}

extern "C" fn work() {
    if janitor().begin() {
        RUNTIME.directory.keep_house(|| true);
    }
}

/// The program ends, or the library goes.
extern "C" fn dismiss() {
    if janitor().close() {
        janitor().berth().wait_until_empty(None);
        // SAFETY: whoever closed is alone with the berth (I1 of `Janitor`), which is empty.
        unsafe { janitor().berth().give_stack_back() };
    }
}
