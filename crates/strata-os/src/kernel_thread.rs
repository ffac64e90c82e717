//! A thread that only the kernel knows of: no `pthread_create`, no thread-local storage, no signals, no descriptors.
//!
//! ```text
//!   berth:  guard │ stack 64 KiB │ page without use │ thread pointer: zeros │ control │      one mapping, empty in a child of fork
//! ```
//!
//! The C library goes on believing in as many threads as it has made: nothing is joined at exit, `stdio` needs no locks, and
//! a tracer's own `pthread_create` is not called. So the thread may call nothing of the C library's that has a
//! state for each thread, `errno` included; the crate's own calls are made without (`linux/raw`). Should one slip
//! through, its thread pointer leads to zeros of the thread's own, not to those of the thread that started it.
//!
//! | berth    | who may leave it                 | to       | by                                             |
//! |----------|----------------------------------|----------|------------------------------------------------|
//! | empty    | the one who may start (B1)       | occupied | `start`: the kernel writes the thread's number |
//! | occupied | the kernel, when the thread ends | empty    | it clears the number, and wakes who waits      |
//! | occupied | `fork`, in the child             | empty    | the pages are empty there                      |
//!
//! B1  One thread at a time starts; the caller sees to it, with the help of [`Berth::generation`]: a number that differs in a child of
//!     `fork` from all that its parent had, whatever their process numbers are.
//! B2  The stack is the thread's until the kernel has cleared its number: then no instruction of it is left.
//!
//! What it inherits from the thread that starts it and keeps: the credentials, filters and the cgroup. What not:
//! real-time policies, the set of processors (it gets the one with which this library was loaded), the signal mask, the
//! table of descriptors, and the name.
//!
//! Does not know: what the thread does. Sources: clone(2); the kernel's `CLONE_CHILD_CLEARTID`, `MADV_WIPEONFORK`, `CLOSE_RANGE_UNSHARE`.

#[cfg(not(strata_loom))]
pub use crate::system::kernel_thread::{Berth, IS_THERE, abort};
#[cfg(strata_loom)]
pub use model::Berth;

/// No thread was started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The last one has not left its stack yet: for some microseconds.
    Occupied,
    /// The kernel has no room for one, or a filter or a limit forbids it: so things are at the moment.
    Refused,
}

#[cfg(strata_loom)]
mod model {
    //! Under loom threads are loom's: there is always one, of the only generation.

    /// A berth without a thread.
    #[derive(Debug)]
    pub struct Berth;

    impl Berth {
        /// An empty one.
        pub const fn new() -> Self {
            Self
        }

        /// The only one.
        pub fn generation(&self) -> u64 {
            1
        }

        /// Never: threads are loom's.
        pub fn is_here(&self) -> bool {
            false
        }

        /// The simulated system has no descriptors.
        pub fn is_apart(&self) -> bool {
            true
        }

        /// Never: threads are loom's.
        pub fn can_start(&self) -> bool {
            false
        }

        /// Starts nothing.
        ///
        /// # Safety
        /// - None.
        pub unsafe fn start(&self) -> Result<(), super::Refusal> {
            Err(super::Refusal::Refused)
        }

        /// As of a thread that is there.
        pub fn is_occupied(&self) -> bool {
            true
        }
    }
}
