//! A memory barrier that one thread raises in all threads of the process: what a *light* fence relies on.
//!
//! ```text
//!   a thread, often     writes A │ (compiler only) │ reads B
//!   another, rarely     writes B │     raise       │ reads A        one of them sees what the other wrote
//! ```
//!
//! After [`raise`] each other thread has executed a full barrier since the call began, wherever it was: what it had written by then is
//! visible to the caller, and what it reads afterwards is at least as new as what the caller had written.
//!
//! [`register`] takes half a microsecond in a process of one thread and tens of milliseconds in one of several (Linux 6.18), so it is done
//! when the library is loaded. A child of `fork` keeps the right, a program that `exec` starts does not.
//!
//! Does not know: what is ordered. Source: membarrier(2), and the table there that pairs it with `barrier()`.

pub use crate::system::barrier::{raise, register};
