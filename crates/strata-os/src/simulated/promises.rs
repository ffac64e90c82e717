//! How much memory the machine promises: as Linux counts it with `vm.overcommit_memory` = 2.
//!
//! What may be written is charged when it is mapped or made writable, whether it is touched or not, and until it is unmapped: a purge
//! changes nothing. What is only reserved is not charged.
//!
//! Does not know: what the calls do.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

// All Relaxed: a sum, and a bound that is set before the threads of a test start.
static PROMISED: AtomicU64 = AtomicU64::new(0);
static MOST: AtomicU64 = AtomicU64::new(u64::MAX);

/// Has no more than `bytes` beyond those of now promised from now on; `u64::MAX`: no limit, as at first.
pub fn promise_at_most(bytes: u64) {
    MOST.store(promised_bytes().saturating_add(bytes), Relaxed);
}

/// Bytes that are promised at the moment.
pub fn promised_bytes() -> u64 {
    PROMISED.load(Relaxed)
}

/// Makes a call that takes `bytes` more, if they can be promised. What it answers when it is refused is `T`'s default.
pub(super) fn charged<T: Default>(
    bytes: usize,
    is_done: impl FnOnce(&T) -> bool,
    call: impl FnOnce() -> T,
) -> T {
    if !charge(bytes as u64) {
        return T::default();
    }
    let answer = call();
    if !is_done(&answer) {
        discharge(bytes);
    }
    answer
}

fn charge(bytes: u64) -> bool {
    let more = |promised: u64| promised.checked_add(bytes).filter(|sum| *sum <= MOST.load(Relaxed));
    PROMISED.fetch_update(Relaxed, Relaxed, more).is_ok()
}

/// These bytes are unmapped.
pub(super) fn discharge(bytes: usize) {
    PROMISED.fetch_sub(bytes as u64, Relaxed);
}
