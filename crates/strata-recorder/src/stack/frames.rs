//! A stack by its frame pointers.
//!
//! ```text
//!   rbp ──► │ caller's rbp │ return address │      each link leads up the stack, to the caller's frame
//! ```
//!
//! In code without frame pointers the register holds anything. So a link is followed only if it leads up, by no more than
//! [`LONGEST_STEP`], to an aligned address that can be read.
//!
//! Does not know: whether the links were frame pointers. Idea and traps: tcmalloc (abseil #2143), jemalloc.

use super::readable::Readable;
use super::registers::Registers;

/// Bytes from one frame to the next at most.
const LONGEST_STEP: usize = 512 << 10;
const WORD: usize = size_of::<usize>();
/// No code is below.
const FIRST_CODE: usize = 4096;

/// The caller's registers, if the frame pointer is one.
pub(super) fn caller(registers: &Registers, readable: &mut Readable) -> Option<Registers> {
    if !leads_up(registers) {
        return None;
    }
    let frame = readable.word(registers.place(registers.frame))?;
    let code = readable.word(registers.place(registers.frame.checked_add(WORD)?))?;
    (code >= FIRST_CODE).then(|| registers.returned(code, registers.frame + 2 * WORD, frame))
}

/// Whether the frame pointer may be one: it lies above the stack pointer, and not far.
pub(super) fn leads_up(registers: &Registers) -> bool {
    registers.frame.wrapping_sub(registers.stack) <= LONGEST_STEP
}
