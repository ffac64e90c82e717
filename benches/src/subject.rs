//! The allocator under test, as far as its binary knows it.
//!
//! Does not know: workloads.

use std::process::ExitCode;
use std::ptr::NonNull;

/// How many bytes of a live block may be used.
pub type UsableSize = unsafe fn(NonNull<u8>) -> usize;

/// How many threads an allocator, or a workload, is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// One, from start to end of the process.
    One,
    /// Any number.
    Many,
}

/// What a binary tells about its `#[global_allocator]`.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// Where it can be asked.
    pub(crate) usable_size: Option<UsableSize>,
    /// It gets no workload that starts more.
    pub(crate) threads: Threads,
}

impl Subject {
    /// Any threads, and nothing to ask.
    pub const PLAIN: Self = Self { usable_size: None, threads: Threads::Many };

    /// Can say how long a block really is.
    #[must_use]
    pub const fn with_usable_size(usable_size: UsableSize) -> Self {
        Self { usable_size: Some(usable_size), ..Self::PLAIN }
    }

    /// Only workloads of one thread.
    #[must_use]
    pub const fn for_one_thread(self) -> Self {
        Self { threads: Threads::One, ..self }
    }

    /// Does what the command line asks for and prints one line of JSON.
    #[must_use]
    pub fn run(self) -> ExitCode {
        crate::run(self)
    }

    /// Whether a workload for that many threads may run on it.
    pub(crate) fn takes(self, threads: Threads) -> bool {
        self.threads == Threads::Many || threads == Threads::One
    }
}

/// The C library's answer: for its own blocks, and for those that pymalloc leaves to it.
///
/// # Safety
/// - `block` is a live block of the C library's `malloc`.
pub unsafe fn c_library_usable_size(block: NonNull<u8>) -> usize {
    // SAFETY: the same contract.
    unsafe { libc::malloc_usable_size(block.as_ptr().cast()) }
}
