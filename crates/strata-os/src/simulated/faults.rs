//! Which of the calls to come fail.
//!
//! Does not know: what the calls do.

use core::sync::atomic::{AtomicU64, Ordering};

// All Relaxed: the plan is made by a test before it calls, and the count is read for itself.
static CALLS: AtomicU64 = AtomicU64::new(0);
static FIRST: AtomicU64 = AtomicU64::new(u64::MAX);
static END: AtomicU64 = AtomicU64::new(0);

/// Has the `k`-th call from now (1 is the next one) and the `count - 1` behind it fail; replaces an earlier plan.
///
/// Only calls that can fail count: hints and names do not.
pub fn fail_from(k: u64, count: u64) {
    fail_never();
    let first = calls().saturating_add(k.max(1));
    FIRST.store(first, Ordering::Relaxed);
    END.store(first.saturating_add(count), Ordering::Relaxed);
}

/// Has no call fail from now on, other than for reasons of the real memory behind.
pub fn fail_never() {
    END.store(0, Ordering::Relaxed);
}

/// The number of calls since the process started.
pub fn calls() -> u64 {
    CALLS.load(Ordering::Relaxed)
}

/// Counts a call, and decides whether it may succeed.
pub(super) fn may_succeed() -> bool {
    let number = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    let first = FIRST.load(Ordering::Relaxed);
    let end = END.load(Ordering::Relaxed);
    !(first..end).contains(&number)
}
