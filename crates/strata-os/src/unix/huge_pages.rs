//! Huge pages outside Linux: where there are any, the system gives them on its own, and a program cannot ask.
//!
//! Does not know: anything.

use crate::machine::HugePages;

/// To whom the system gives huge pages: to no process that asks.
pub fn huge_pages() -> HugePages {
    HugePages::Never
}
