//! The purge thread's life: started when there is much to give back, gone when that is done, waited for when the library is unloaded.
//!
//! J1  The thread is not one of the C library's, which may hold locks where something is freed (`strata_os::kernel_thread`): so
//!     it may be started anywhere.
//! J2  The thread allocates nothing and so has no cache.
//!
//! Does not know: what the purge thread does, nor when it is started; `strata-segment` does. Decision 0008.

use crate::thread::RUNTIME;
use strata_segment::PurgeThread;

strata_os::at_load!(first introduce);
strata_os::at_exit!(dismiss);

fn thread() -> &'static PurgeThread {
    &RUNTIME.page_heap.purge_thread
}

/// Starts the purge thread if there is none and there should be one: costs a load or two if nothing is due.
#[inline]
pub fn ensure() {
    RUNTIME.page_heap.ensure_purge_thread();
}

/// Allows the segment layer to start it, wherever something is freed.
extern "C" fn introduce() {
    // SAFETY: the body calls nothing of the C library's that has a state for each thread, and its code is there until
    // `dismiss` has waited.
    unsafe { thread().berth().introduce(work, c"strata-purge") };
}

extern "C" fn work() {
    if thread().begin() {
        RUNTIME.page_heap.run_purge_thread(|| true);
    }
}

/// The program ends, or the library is unloaded: ends the thread and waits for it.
extern "C" fn dismiss() {
    if thread().close() {
        thread().berth().wait_until_empty(None);
        // SAFETY: the caller that closed is alone with the berth (I1 of `PurgeThread`), which is empty.
        unsafe { thread().berth().give_stack_back() };
    }
}
