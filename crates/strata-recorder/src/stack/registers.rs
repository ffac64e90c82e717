//! What is known of a frame while a stack is walked: the few registers that lead to its caller.
//!
//! Does not know: how they lead there.

use core::arch::asm;

/// The registers of one frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    /// Where it goes on.
    pub(super) code: usize,
    /// The stack pointer.
    pub(super) stack: usize,
    /// The frame pointer, in code that has them.
    pub(super) frame: usize,
    /// Where its caller goes on, if that is in a register (AArch64).
    pub(super) link: usize,
    /// Whether `code` is the next instruction of a function that was interrupted, instead of the one behind a call.
    pub(super) is_interrupted: bool,
    /// A pointer into the stack, of which all others are made.
    here: *const usize,
}

impl Registers {
    /// Those of the function that this is inlined into.
    #[inline(always)]
    pub(super) fn current() -> Self {
        let (code, frame, link, here): (usize, usize, usize, *const usize);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: reads registers.
        unsafe {
            asm!(
                "lea {code}, [rip]", "mov {here}, rsp", "mov {frame}, rbp", "xor {link:e}, {link:e}",
                code = out(reg) code, here = out(reg) here, frame = out(reg) frame, link = out(reg) link,
                options(nomem, nostack)
            );
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: reads registers.
        unsafe {
            asm!(
                "adr {code}, .", "mov {here}, sp", "mov {frame}, x29", "mov {link}, x30",
                code = out(reg) code, here = out(reg) here, frame = out(reg) frame, link = out(reg) link,
                options(nomem, nostack, preserves_flags)
            );
        }
        Self { code, stack: here.addr(), frame, link, is_interrupted: true, here }
    }

    /// A place on the stack.
    pub(super) fn place(&self, address: usize) -> *const usize {
        self.here.with_addr(address)
    }

    /// An address of the instruction that is being executed, a call as a rule.
    pub(super) fn instruction(&self) -> usize {
        self.code.wrapping_sub((!self.is_interrupted).into())
    }

    /// Those of the caller, which goes on at `code`, with its stack and frame pointers.
    pub(super) fn returned(&self, code: usize, stack: usize, frame: usize) -> Self {
        Self { code, stack, frame, link: code, is_interrupted: false, here: self.here }
    }

    /// The same of a function that did not call, but was interrupted.
    pub(super) fn interrupted(self) -> Self {
        Self { is_interrupted: true, ..self }
    }
}
