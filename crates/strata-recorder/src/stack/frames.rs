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

/// Fills `addresses` with the calling thread's return addresses; how many there were.
#[inline(never)]
pub fn walk(addresses: &mut [usize]) -> usize {
    let mut registers = Registers::current();
    let mut readable = Readable::at(registers.place(registers.stack));
    for (found, place) in addresses.iter_mut().enumerate() {
        let Some(next) = caller(&registers, &mut readable) else { return found };
        *place = next.code;
        if !leads_up(&registers, &next) {
            return found + 1;
        }
        registers = next;
    }
    addresses.len()
}

/// The caller's registers, if the frame pointer is one.
pub(super) fn caller(registers: &Registers, readable: &mut Readable) -> Option<Registers> {
    let frame = readable.word(registers.place(registers.frame))?;
    let code = readable.word(registers.place(registers.frame.checked_add(WORD)?))?;
    (code >= FIRST_CODE).then(|| registers.returned(code, registers.frame + 2 * WORD, frame))
}

/// Whether a frame pointer leads up to the next.
pub(super) fn leads_up(registers: &Registers, next: &Registers) -> bool {
    let step = next.frame.wrapping_sub(registers.frame);
    (2 * WORD..=LONGEST_STEP).contains(&step)
}
