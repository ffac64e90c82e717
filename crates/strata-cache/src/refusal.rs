//! What is to happen before an allocation fails, once the system has refused memory for it and all else was tried.
//!
//! Does not know: what happens.

use core::ptr::{from_ref, null_mut};
use strata_core::sync::{AtomicPtr, Ordering::Acquire, Ordering::Release};

/// Where the function is, or null.
static HOOK: AtomicPtr<fn()> = AtomicPtr::new(null_mut());

/// Has `hook` called before an allocation fails, on its thread: it may not allocate.
pub fn on_refusal(hook: &'static fn()) {
    // Release: pairs with Acquire in refusal.rs::tell.
    HOOK.store(from_ref(hook).cast_mut(), Release);
}

/// An allocation fails.
#[cold]
#[inline(never)]
pub(crate) fn tell() {
    // Acquire: pairs with Release in refusal.rs::on_refusal.
    let hook = HOOK.load(Acquire);
    // SAFETY: a static of the program, or null.
    if let Some(hook) = unsafe { hook.as_ref() } {
        hook();
    }
}
