//! Calls in which a thread may not end: none, as no system here has a thread of ours to wait for within an allocation.
//!
//! Does not know: who cancels.

/// Makes the call.
pub(crate) fn uncancelled<R>(call: impl FnOnce() -> R) -> R {
    call()
}
