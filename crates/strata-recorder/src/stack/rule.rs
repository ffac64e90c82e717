//! How a frame leads to its caller, in a word; and a table of such words, by address of code.
//!
//! ```text
//!   63            28 27  26 25       20 19        14 13         12        0
//!   │ address >> 12 │ kind │ code slot │ frame slot │ from frame │ bytes / 8 │
//! ```
//!
//! A place of the table is found by the low bits of the address, so that and the rest of it in the word are the whole of it. The table is
//! filled as stacks are walked; what is not in it is searched in the tables of the module. Where a module was unloaded and another one came, a
//! rule is of what was there before. The stack is then mostly one that was not seen so far: so for a new one, all that is older than a second
//! is forgotten, and it is walked once more.
//!
//! Does not know: where rules come from.

use super::readable::Readable;
use super::registers::Registers;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};

const WORD: usize = size_of::<usize>();
/// No code is below.
const FIRST_CODE: usize = 4096;

const OFFSET_BITS: u32 = 13;
const SLOT_BITS: u32 = 6;
const FROM_FRAME: u64 = 1 << OFFSET_BITS;
const FRAME_SLOT: u32 = OFFSET_BITS + 1;
const CODE_SLOT: u32 = FRAME_SLOT + SLOT_BITS;
const KIND: u32 = CODE_SLOT + SLOT_BITS;
const RULE_BITS: u32 = KIND + 2;
const PLACE_BITS: u32 = 12;
/// Milliseconds that rules count for stacks that are new.
const KEPT: u64 = 1000;

/// Which register a caller's stack pointer is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Stack,
    Frame,
}

/// How a frame leads to its caller; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule(u64);

impl Rule {
    /// There is no caller.
    pub(super) const OUTERMOST: Self = Self(2 << KIND);

    /// The caller's stack pointer is `offset` bytes above the base; its frame pointer and the return address were saved this many bytes below
    /// that, or are where they were (0). `None`: the numbers have no room.
    pub(super) fn new(base: Base, offset: i64, frame: i64, code: i64) -> Option<Self> {
        let from_frame = if base == Base::Frame { FROM_FRAME } else { 0 };
        let offset = words(offset, OFFSET_BITS)?;
        let (frame, code) = (words(frame, SLOT_BITS)?, words(code, SLOT_BITS)?);
        Some(Self(1 << KIND | code << CODE_SLOT | frame << FRAME_SLOT | from_frame | offset))
    }

    /// Bytes below the caller's stack pointer.
    fn slot(self, shift: u32) -> usize {
        (self.0 >> shift) as usize % (1 << SLOT_BITS) * WORD
    }

    /// The caller's registers. `None`: there is none, or it cannot be read.
    pub(super) fn caller(self, registers: &Registers, readable: &mut Readable) -> Option<Registers> {
        if self == Self::OUTERMOST {
            return None;
        }
        let base = if self.0 & FROM_FRAME == 0 { registers.stack } else { registers.frame };
        let stack = base.checked_add(self.0 as usize % (1 << OFFSET_BITS) * WORD)?;
        let mut saved = |slot: usize, kept: usize| match slot {
            0 => Some(kept),
            slot => readable.word(registers.place(stack.checked_sub(slot)?)),
        };
        let code = saved(self.slot(CODE_SLOT), registers.link)?;
        let frame = saved(self.slot(FRAME_SLOT), registers.frame)?;
        let is_caller = stack >= registers.stack && code >= FIRST_CODE;
        is_caller.then(|| registers.returned(code, stack, frame))
    }
}

/// A number of bytes in words, if it has room in `bits` bits.
fn words(bytes: i64, bits: u32) -> Option<u64> {
    let bytes = u64::try_from(bytes).ok()?;
    (bytes % WORD as u64 == 0 && bytes / (WORD as u64) < 1 << bits).then_some(bytes / WORD as u64)
}

/// Rules that were found: 32 KiB, of which the kernel has given what was touched. All-zero bytes are none.
#[derive(Debug)]
pub struct Rules {
    words: [AtomicU64; 1 << PLACE_BITS],
    /// When all were forgotten, in milliseconds.
    forgotten: AtomicU64,
}

impl Rules {
    /// None yet.
    #[allow(clippy::new_without_default, reason = "for a `static`")]
    pub const fn new() -> Self {
        Self { words: [const { AtomicU64::new(0) }; 1 << PLACE_BITS], forgotten: AtomicU64::new(0) }
    }

    fn place(&self, address: usize) -> &AtomicU64 {
        &self.words[address % (1 << PLACE_BITS)]
    }

    /// What a place holds for an address, but for the rule.
    fn tag(address: usize) -> u64 {
        (address as u64 >> PLACE_BITS) << RULE_BITS
    }

    /// Forgets all, unless that was done less than a second before `now`, in milliseconds. Returns whether it did.
    pub fn forget_old(&self, now: u64) -> bool {
        // Relaxed, here and below: each word is a rule or none, and twice is no harm.
        let is_old = now.saturating_sub(self.forgotten.load(Relaxed)) >= KEPT;
        if is_old {
            self.forgotten.store(now, Relaxed);
            // What was never written stays so: no page is taken for it.
            self.words.iter().filter(|word| word.load(Relaxed) != 0).for_each(|word| word.store(0, Relaxed));
        }
        is_old
    }

    /// The rule at an address of code.
    pub(super) fn find(&self, address: usize) -> Option<Rule> {
        // Relaxed: all is in the word.
        let word = self.place(address).load(Relaxed) ^ Self::tag(address);
        (word != 0 && word >> RULE_BITS == 0).then_some(Rule(word))
    }

    /// Keeps the rule at an address of code.
    pub(super) fn keep(&self, address: usize, rule: Rule) {
        if (address as u64) >> PLACE_BITS < 1 << (u64::BITS - RULE_BITS) {
            // Relaxed: as above.
            self.place(address).store(Self::tag(address) | rule.0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_at_its_address_only() {
        let rules = Rules::new();
        let rule = Rule::new(Base::Stack, 48, 16, 8).unwrap();
        assert_eq!(rules.find(0x1234), None);
        rules.keep(0x7f00_0000_1234, rule);
        rules.keep(0x1235, Rule::OUTERMOST);
        assert_eq!(rules.find(0x7f00_0000_1234), Some(rule));
        assert_eq!([0x7f00_0000_2234, 0x1234, 0].map(|other| rules.find(other)), [None; 3]);
        assert_eq!(rules.find(0x1235), Some(Rule::OUTERMOST));
    }

    #[test]
    fn what_has_no_room_is_no_rule() {
        assert!(Rule::new(Base::Frame, 65_528, 504, 504).is_some());
        for (offset, frame, code) in [(65_536, 8, 8), (-8, 8, 8), (12, 8, 8), (16, 512, 8), (16, 16, -8)] {
            assert_eq!(Rule::new(Base::Stack, offset, frame, code), None);
        }
    }

    #[test]
    fn a_frame_leads_to_what_it_saved() {
        let stack: [usize; 6] = [1, 2, 3, 0xf00, 5, 0xc0de];
        let mut registers = Registers::current();
        (registers.stack, registers.frame) = ((&raw const stack).addr(), 7);
        let mut readable = Readable::at(core::ptr::null());
        let mut caller = |rule: Rule| rule.caller(&registers, &mut readable);
        let next = caller(Rule::new(Base::Stack, 48, 24, 8).unwrap()).unwrap();
        assert_eq!((next.code, next.frame, next.stack), (0xc0de, 0xf00, registers.stack + 48));
        let next = caller(Rule::new(Base::Stack, 48, 0, 8).unwrap()).unwrap();
        assert_eq!((next.code, next.frame), (0xc0de, 7));
        // No code is that low, and no caller below its callee.
        assert!(caller(Rule::new(Base::Stack, 40, 0, 8).unwrap()).is_none());
        assert!(caller(Rule::new(Base::Frame, 48, 0, 8).unwrap()).is_none());
        assert!(caller(Rule::OUTERMOST).is_none());
    }
}
