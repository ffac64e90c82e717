//! A pause of a thread that waits for another: it lets others run, and when that did not help it sleeps.
//!
//! It must sleep: under a real-time policy (`SCHED_FIFO`) a thread that only yields keeps every thread of lower priority from running,
//! perhaps the one that it waits for.
//!
//! Does not know: what is waited for, nor for how long.

use strata_core::sync::spin_hint;
use strata_os::thread;

/// Lets others run or, after `yields` pauses `before`, sleeps for a millisecond.
pub(crate) fn pause(before: u32, yields: u32) {
    if cfg!(strata_loom) {
        spin_hint();
    } else if before < yields {
        thread::yield_now();
    } else {
        thread::nap();
    }
}
