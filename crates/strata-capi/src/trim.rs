//! `malloc_trim`, which some programs call all the time: after each request, or in a loop.
//!
//! What such a call gave back would be faulted in again a moment later, at two microseconds a page. So a call that follows
//! another within [`PAUSE_MS`] is passed over; what it would have given back goes with a later one, or when it has been
//! free for the purge delay. If more lies free than is in use, a burst is over, and no call is passed over.
//!
//! Nor are other threads asked to flush their magazines, as glibc leaves theirs alone.
//!
//! `strata_trim` always does what it says. Does not know: what is free, and why (`strata-segment` does).
//! Measured (decision 0016): stress-ng, which trims at every tenth of its operations.

use core::ffi::c_int;
use strata_cache::thread::RUNTIME;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
use stratalloc::c_door;

/// Milliseconds between two calls, of which the second does something in any case: at most 100 trims a second.
const PAUSE_MS: u64 = 10;

/// When a call last did something; 0 for never.
static LAST_TRIM: AtomicU64 = AtomicU64::new(0);

/// 1 if it gave memory back. What is to stay at the top of glibc's heap (`_pad`) has no counterpart.
#[unsafe(no_mangle)]
extern "C" fn malloc_trim(_pad: usize) -> c_int {
    let now = strata_os::clock::milliseconds();
    // Relaxed, here and below: if two threads trim at once, two threads trim.
    let is_soon = now < LAST_TRIM.load(Relaxed) + PAUSE_MS;
    if is_soon && !is_mostly_free() {
        return 0;
    }
    LAST_TRIM.store(now, Relaxed);
    c_int::from(c_door::trim_quietly() > 0)
}

fn is_mostly_free() -> bool {
    let footprint = RUNTIME.page_heap.footprint();
    footprint.idle_bytes > footprint.held_bytes.saturating_sub(footprint.idle_bytes)
}
