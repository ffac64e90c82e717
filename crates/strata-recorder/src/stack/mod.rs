//! The calling thread's stack: return addresses, the innermost first.
//!
//! | way      | needs                                         | a frame costs        | finds                                             |
//! |----------|-----------------------------------------------|----------------------|---------------------------------------------------|
//! | `tables` | what compilers emit for exceptions by default  | some 10 ns, then less | every frame                                       |
//! | `frames` | code with frame pointers                      | 2 ns                 | frames of code that has them; others are left out |
//!
//! Tables are the default, since no program is wrong then; code without tables may have frame pointers. A program that is built with
//! `-C force-frame-pointers=yes` (C: `-fno-omit-frame-pointer`) may choose frames.
//!
//! Does not know: what an address means.

mod frames;
mod module;
mod readable;
mod registers;
mod rule;
mod tables;

pub use frames::walk as walk_frames;
pub use rule::Rules;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
pub use tables::walk as walk_tables;

/// Frames of a stack at most.
pub const DEPTH: usize = crate::site::DEEPEST;

/// How stacks are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwinding {
    /// By the tables of the modules.
    Tables,
    /// By frame pointers.
    Frames,
}

/// 1: by frame pointers.
static CHOSEN: AtomicU64 = AtomicU64::new(0);

/// Chooses how stacks are found.
pub fn choose(unwinding: Unwinding) {
    // Relaxed: a number that stands alone.
    CHOSEN.store((unwinding == Unwinding::Frames).into(), Relaxed);
}

/// Fills `frames` from its start; how many were found. What tables say is kept in `rules`.
#[inline(never)]
pub fn capture(frames: &mut [usize; DEPTH], rules: &Rules) -> usize {
    // Relaxed: as above.
    if CHOSEN.load(Relaxed) == 0 { tables::walk(frames, rules) } else { frames::walk(frames) }
}
