//! The janitor's life: started when there is much to give back, gone when that is done, waited for when the library goes.
//!
//! ```text
//!   something was freed, or a slow path went by ──► a look is due, 8 MiB lie free, no janitor? ──► a thread of the kernel's
//! ```
//!
//! J1  The thread is none of the C library's, which may hold locks where something is freed (`strata_os::kernel_thread`): so
//!     it may be started anywhere.
//! J2  The thread allocates nothing and so has no cache.
//!
//! Does not know: what the janitor does, nor what is much; `strata-segment` does. Decision 0008.

use crate::thread::RUNTIME;
use strata_os::kernel_thread::{IS_THERE, Refusal};
use strata_segment::Janitor;

strata_os::at_exit!(dismiss);

fn janitor() -> &'static Janitor {
    &RUNTIME.directory.janitor
}

/// Starts the janitor if there is none and there should be one: a load, if nothing is due.
#[inline]
pub fn hire_if_worth_it() {
    if RUNTIME.directory.wants_janitor() {
        hire();
    }
}

#[cold]
#[inline(never)]
fn hire() {
    if !IS_THERE || !janitor().hire() {
        return;
    }
    // SAFETY: whoever hired is alone with the berth (I1 of `Janitor`); the body calls nothing of the C library's that has a
    // state for each thread, and its code is there until `dismiss` has waited.
    match unsafe { janitor().berth().start(work, c"strata-janitor") } {
        Ok(()) => janitor().started(),
        Err(Refusal::Occupied) => janitor().put_off(),
        Err(Refusal::Refused) => janitor().refuse(),
    }
}

extern "C" fn work() {
    if janitor().begin() {
        RUNTIME.directory.keep_house(|| true);
    }
}

strata_os::at_load!(first introduce);

/// From now on the segment layer has a janitor come wherever something is freed.
extern "C" fn introduce() {
    janitor().set_starter(hire);
}

/// The program ends, or the library goes.
extern "C" fn dismiss() {
    if janitor().close() {
        janitor().berth().wait_until_empty(None);
        // SAFETY: whoever closed is alone with the berth (I1 of `Janitor`), which is empty.
        unsafe { janitor().berth().give_stack_back() };
    }
}
