//! The calling thread's stack: return addresses, the innermost first.
//!
//! | way      | needs                                            | a frame costs | finds                                           |
//! |----------|--------------------------------------------------|---------------|-------------------------------------------------|
//! | `tables` | an unwinder in the process (libgcc's, LLVM's)    | 500 ns        | every frame, in what compilers emit by default   |
//! | `frames` | code with frame pointers                         | 2 ns          | frames of code that has them; others are left out |
//!
//! Tables are the default where there is an unwinder, since no program is wrong then. A program that is built with
//! `-C force-frame-pointers=yes` (C: `-fno-omit-frame-pointer`) may choose frames.
//!
//! Does not know: what an address means.

mod frames;
mod tables;

pub use frames::walk as walk_frames;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};

/// Frames of a stack at most.
pub const DEPTH: usize = crate::site::DEEPEST;

/// How stacks are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwinding {
    /// By the unwinder that the process has.
    Tables,
    /// By frame pointers.
    Frames,
}

static CHOSEN: AtomicU64 = AtomicU64::new(0);

/// Chooses how stacks are found; frames, if there is no unwinder. May load a library: not from within an allocation.
pub fn choose(unwinding: Unwinding) {
    let has_tables = unwinding == Unwinding::Tables && tables::prepare();
    // Relaxed: `tables` has its own way to say that it is ready.
    CHOSEN.store(has_tables.into(), Relaxed);
}

/// Chooses tables if the program was linked or started with an unwinder, else frames: takes no lock, so also within an allocation.
pub(crate) fn choose_at_hand() {
    // Relaxed: as above.
    CHOSEN.store(tables::prepare_at_hand().into(), Relaxed);
}

/// How stacks are found.
pub(crate) fn chosen() -> Unwinding {
    // Relaxed: as above.
    if CHOSEN.load(Relaxed) == 1 { Unwinding::Tables } else { Unwinding::Frames }
}

/// Fills `frames` from its start; how many were found.
#[inline(never)]
pub fn capture(frames: &mut [usize; DEPTH]) -> usize {
    match chosen() {
        Unwinding::Tables => tables::walk(frames),
        Unwinding::Frames => frames::walk(frames),
    }
}
