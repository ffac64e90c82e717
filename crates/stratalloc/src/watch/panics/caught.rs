//! A callback that panics ends its call, and nothing else: the standard library catches what unwinds.
//!
//! Does not know: which watch it is.

extern crate std;

use crate::lines::Lines;
use crate::watch::Crossing;
use crate::watch::callback::Callback;
use core::fmt::Write;
use core::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls; if that panics, says so.
pub(super) fn call(callback: &mut Callback, crossing: &Crossing) {
    // Whether what it captured is still good, its author knows: it is called again.
    let called = catch_unwind(AssertUnwindSafe(|| callback.call(crossing)));
    if let Err(payload) = called {
        let _ = writeln!(
            Lines::default(),
            "thread strata-watch: the callback of a watch panicked; the watch stays"
        );
        // A payload may panic as it is dropped: then that payload is let be.
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            forget(another);
        }
    }
}
