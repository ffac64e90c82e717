//! The instruction of x86-64.
//!
//! Does not know: what the calls mean.

use super::{Answer, Argument, answer};
use core::arch::asm;
use core::ffi::c_long;

/// Whether [`clone`] can be called.
pub(crate) const CAN_CLONE: bool = true;

/// # Safety
/// - As for [`super::call`].
#[inline]
pub(super) unsafe fn call(call: c_long, [a, b, c, d, e, f]: [Argument; 6]) -> Answer {
    let register: usize;
    // SAFETY: a valid call, by this function's contract; the kernel changes no registers but these.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") call as usize => register,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    answer(register)
}

/// Starts a thread that runs `body(argument)` on the stack that ends at `stack`, and ends with it.
///
/// # Safety
/// - `flags` share memory and make a thread; the three addresses are live as long as the thread, the stack is its own.
/// - `body` returns, without unwinding.
pub(crate) unsafe fn clone(
    flags: usize,
    stack: Argument,
    number: Argument,
    storage: Argument,
    body: extern "C" fn(Argument),
    argument: Argument,
) -> Answer {
    let register: usize;
    // SAFETY: a valid call, by this function's contract. The new thread begins behind the instruction, with these registers but for `rax` and the
    // stack, and never leaves the block; the old one goes on at its end.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            // The end of the chain of frames.
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "xor edi, edi",
            "mov eax, {exit}",
            "syscall",
            "ud2",
            "2:",
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_clone as usize => register,
            in("rdi") flags,
            in("rsi") stack,
            in("rdx") number,
            in("r10") number,
            in("r8") storage,
            in("r12") body,
            in("r13") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    answer(register)
}
