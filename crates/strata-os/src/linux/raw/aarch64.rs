//! The instruction of aarch64.
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
    // SAFETY: a valid call, by this function's contract; the kernel changes no registers but the answer's.
    unsafe {
        asm!(
            "svc 0",
            in("x8") call,
            inlateout("x0") a => register,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x5") f,
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
    // SAFETY: a valid call, by this function's contract. The new thread begins behind the instruction, with these registers but for `x0` and the
    // stack, and never leaves the block; the old one goes on at its end.
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            // The end of the chain of frames.
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x10",
            "blr x9",
            "mov x0, xzr",
            "mov x8, {exit}",
            "svc 0",
            "brk 1",
            "2:",
            exit = const libc::SYS_exit,
            in("x8") libc::SYS_clone,
            inlateout("x0") flags => register,
            in("x1") stack,
            in("x2") number,
            in("x3") storage,
            in("x4") number,
            in("x9") body,
            in("x10") argument,
        );
    }
    answer(register)
}
