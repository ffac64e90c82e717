//! A stack by the tables that compilers emit for exceptions and debuggers (`.eh_frame`).
//!
//! ```text
//!   code ──► rule, if one was kept ────────────────────────────────► caller's registers
//!      └──► module ──► its table of functions ──► row ──► rule, kept ──┘
//! ```
//!
//! A rule that was kept takes a few nanoseconds, a search a microsecond. Code without tables may have frame pointers. Nothing is allocated, and nothing is
//! read from a stack before it is known to be readable: tables may be wrong, or what the registers hold.
//!
//! Does not know: what an address means. The tables are read by gimli.

use super::frames;
use super::module::Module;
use super::readable::Readable;
use super::registers::Registers;
use super::rule::{Base, Rule, Rules};
use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, Encoding, EndianSlice, Format, NativeEndian, Operation,
    Pointer, Register, RegisterRule, UnwindContext, UnwindContextStorage, UnwindExpression, UnwindSection,
    UnwindTableRow,
};

// The numbers of the stack pointer, the frame pointer and the return address.
#[cfg(target_arch = "x86_64")]
const STACK: Register = Register(7);
#[cfg(target_arch = "x86_64")]
const FRAME: Register = Register(6);
#[cfg(target_arch = "x86_64")]
const CODE: Register = Register(16);
#[cfg(target_arch = "aarch64")]
const STACK: Register = Register(31);
#[cfg(target_arch = "aarch64")]
const FRAME: Register = Register(29);
#[cfg(target_arch = "aarch64")]
const CODE: Register = Register(30);

/// The caller's registers; what the tables say is kept in `rules`.
pub(super) fn caller(registers: &Registers, readable: &mut Readable, rules: &Rules) -> Option<Registers> {
    match rules.find(registers.instruction()) {
        Some(rule) => rule.caller(registers, readable),
        None => search(registers, readable, rules),
    }
}

/// The caller by the tables of the module, or by the frame pointer if there are none.
#[cold]
#[inline(never)]
fn search(registers: &Registers, readable: &mut Readable, rules: &Rules) -> Option<Registers> {
    let module = Module::of(registers.instruction());
    let by_tables = module.and_then(|module| by_row(module, registers, readable, rules).ok());
    by_tables.unwrap_or_else(|| frames::caller(registers, readable).filter(frames::leads_up))
}

/// Room for rows, on the stack: registers that are told of (32 are enough for a signal's frame), and remembered rows.
struct Room;

impl UnwindContextStorage<usize> for Room {
    type Rules = [(Register, RegisterRule<usize>); 32];
    type Stack = [UnwindTableRow<usize, Self>; 3];
}

type Bytes = EndianSlice<'static, NativeEndian>;

/// The caller, if there is one, by the row of the module's tables; an error: it has none that can be read.
fn by_row(
    module: Module,
    registers: &Registers,
    readable: &mut Readable,
    rules: &Rules,
) -> gimli::Result<Option<Registers>> {
    let bases = BaseAddresses::default().set_eh_frame_hdr(module.tables.addr() as u64);
    let header = EhFrameHdr::from(bytes(module.tables, module)).parse(&bases, size_of::<usize>() as u8)?;
    let Pointer::Direct(start) = header.eh_frame_ptr() else {
        return Err(gimli::Error::UnsupportedPointerEncoding(gimli::DW_EH_PE_indirect));
    };
    let bases = bases.set_eh_frame(start);
    let tables = EhFrame::from(bytes(module.tables.with_addr(start as usize), module));
    let list = header.table().ok_or(gimli::Error::NoUnwindInfoForAddress)?;
    let address = registers.instruction() as u64;
    let function = list.fde_for_address(&tables, &bases, address, EhFrame::cie_from_offset)?;
    let mut room = UnwindContext::<usize, Room>::new_in();
    let row = function.unwind_info_for_address(&tables, &bases, &mut room, address)?;
    if let Some(rule) = rule(row) {
        rules.keep(registers.instruction(), rule);
        return Ok(rule.caller(registers, readable));
    }
    let next = Values { tables, registers, readable }.caller(row);
    Ok(if function.is_signal_trampoline() { next.map(Registers::interrupted) } else { next })
}

/// What is mapped from `start` on.
fn bytes(start: *const u8, module: Module) -> Bytes {
    let length = module.end.addr().saturating_sub(start.addr());
    // SAFETY: of the module's mapping, of which gimli reads what the tables say that they consist of.
    EndianSlice::new(unsafe { core::slice::from_raw_parts(start, length) }, NativeEndian)
}

/// A row as a rule, if it is as simple as nearly all are.
fn rule(row: &UnwindTableRow<usize, Room>) -> Option<Rule> {
    let CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else { return None };
    let base = match register {
        STACK => Base::Stack,
        FRAME => Base::Frame,
        _ => return None,
    };
    let saved = |register| match row.register(register) {
        None | Some(RegisterRule::SameValue) => Some(0),
        Some(RegisterRule::Offset(offset)) if offset < 0 => Some(-offset),
        _ => None,
    };
    match row.register(CODE) {
        Some(RegisterRule::Undefined) => Some(Rule::OUTERMOST),
        _ => Rule::new(base, offset, saved(FRAME)?, saved(CODE)?),
    }
}

/// What a row that is not simple is computed from: that of a signal's frame, or of one that aligns its stack.
struct Values<'walk> {
    tables: EhFrame<Bytes>,
    registers: &'walk Registers,
    readable: &'walk mut Readable,
}

impl Values<'_> {
    fn caller(&mut self, row: &UnwindTableRow<usize, Room>) -> Option<Registers> {
        let stack = match *row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                self.register(register)?.wrapping_add_signed(offset as isize)
            }
            CfaRule::Expression(expression) => self.value(expression)?,
        };
        let code = self.saved(row.register(CODE), stack, self.registers.link)?;
        let frame = self.saved(row.register(FRAME), stack, self.registers.frame)?;
        (code != 0).then(|| self.registers.returned(code, stack, frame))
    }

    fn register(&self, register: Register) -> Option<usize> {
        match register {
            STACK => Some(self.registers.stack),
            FRAME => Some(self.registers.frame),
            CODE => Some(self.registers.code),
            _ => None,
        }
    }

    fn word(&mut self, address: usize) -> Option<usize> {
        self.readable.word(self.registers.place(address))
    }

    /// What a register had been, when the caller's stack pointer is `stack`.
    fn saved(&mut self, rule: Option<RegisterRule<usize>>, stack: usize, kept: usize) -> Option<usize> {
        match rule {
            None | Some(RegisterRule::SameValue) => Some(kept),
            Some(RegisterRule::Offset(offset)) => self.word(stack.wrapping_add_signed(offset as isize)),
            Some(RegisterRule::Expression(expression)) => {
                let place = self.value(expression)?;
                self.word(place)
            }
            Some(RegisterRule::ValExpression(expression)) => self.value(expression),
            _ => None,
        }
    }

    /// What an expression computes, of the kinds that compilers and the C library write into these tables.
    fn value(&mut self, expression: UnwindExpression<usize>) -> Option<usize> {
        let encoding =
            Encoding { address_size: size_of::<usize>() as u8, format: Format::Dwarf32, version: 5 };
        let mut operations = expression.get(&self.tables).ok()?.operations(encoding);
        let (mut top, mut below) = (0_usize, [0_usize; 3]);
        while let Some(operation) = operations.next().ok()? {
            let (next, is_pushed) = match operation {
                Operation::RegisterOffset { register, offset, .. } => {
                    (self.register(register)?.wrapping_add_signed(offset as isize), true)
                }
                Operation::UnsignedConstant { value } => (value as usize, true),
                Operation::SignedConstant { value } => (value as usize, true),
                Operation::Deref { .. } => (self.word(top)?, false),
                Operation::PlusConstant { value } => (top.wrapping_add(value as usize), false),
                Operation::Plus | Operation::And | Operation::Shl | Operation::Ge => {
                    let [first, second, third] = below;
                    below = [second, third, 0];
                    (computed(operation, first, top)?, false)
                }
                _ => return None,
            };
            if is_pushed {
                below = [top, below[0], below[1]];
            }
            top = next;
        }
        Some(top)
    }
}

/// An operation of two values.
fn computed(operation: Operation<Bytes>, first: usize, second: usize) -> Option<usize> {
    match operation {
        Operation::Plus => Some(first.wrapping_add(second)),
        Operation::And => Some(first & second),
        Operation::Shl => first.checked_shl(second as u32),
        Operation::Ge => Some((first.cast_signed() >= second.cast_signed()).into()),
        _ => None,
    }
}
