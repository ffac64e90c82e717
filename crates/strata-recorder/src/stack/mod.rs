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

use readable::Readable;
use registers::Registers;
pub use rule::Rules;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};

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
    if CHOSEN.load(Relaxed) == 0 { walk_tables(frames, rules) } else { walk_frames(frames) }
}

/// Fills `addresses` with the calling thread's return addresses, by the tables of the modules; how many there were.
#[inline(never)]
pub fn walk_tables(addresses: &mut [usize], rules: &Rules) -> usize {
    walk(addresses, |registers, readable| tables::caller(registers, readable, rules))
}

/// The same by frame pointers.
#[inline(never)]
fn walk_frames(addresses: &mut [usize]) -> usize {
    walk(addresses, frames::caller)
}

/// From each frame to its `caller`, while there is one: begins in the function that this is inlined into.
#[inline(always)]
fn walk(
    addresses: &mut [usize],
    mut caller: impl FnMut(&Registers, &mut Readable) -> Option<Registers>,
) -> usize {
    let mut registers = Registers::current();
    let mut readable = Readable::at(registers.place(registers.stack));
    for (found, place) in addresses.iter_mut().enumerate() {
        let Some(next) = caller(&registers, &mut readable) else { return found };
        *place = next.code;
        registers = next;
    }
    addresses.len()
}
