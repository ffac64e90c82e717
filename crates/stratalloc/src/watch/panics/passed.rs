//! A callback that panics ends the process: without the standard library a panic cannot be caught. The user is told why.
//!
//! Does not know: which watch it is.

use crate::lines::Lines;
use crate::watch::Crossing;
use crate::watch::callback::Callback;
use core::fmt::Write;
use core::mem::forget;

/// Calls; if that panics, says so on the way out.
pub(super) fn call(callback: &mut Callback, crossing: &Crossing) {
    let unwinding = Unwinding;
    callback.call(crossing);
    forget(unwinding);
}

/// Dropped only by a panic.
struct Unwinding;

impl Drop for Unwinding {
    fn drop(&mut self) {
        let _ = writeln!(
            Lines::default(),
            "thread strata-watch: the callback of a watch panicked, which ends the process; with feature `std` of \
             stratalloc it would end that call only"
        );
    }
}
