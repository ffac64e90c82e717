//! The throwing forms of `operator new` on x86-64: `malloc`'s twelve instructions, and a frame that exceptions may leave.
//!
//! A naked function is all assembly, so no rule of Rust's is broken when an exception leaves it. The fast path has no frame
//! and leaves by jumps; the frame behind it describes itself to the unwinder, and has nothing to clean up.
//!
//! Does not know: who throws.

use core::ffi::c_void;

/// Defines the form for a size, and the one for a size and an alignment, under these names.
macro_rules! define {
    ($($plain:ident $aligned:ident)*) => {$(
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        extern "C-unwind" fn $plain(size: usize) -> *mut core::ffi::c_void {
            $crate::take::code!($crate::cxx::throwing::with_care)
        }

        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        extern "C-unwind" fn $aligned(size: usize, align: usize) -> *mut core::ffi::c_void {
            core::arch::naked_asm!("jmp {with_care}", with_care = sym $crate::cxx::throwing::with_care)
        }
    )*};
}
pub(super) use define;

/// Tries, and does what is the next step until there is memory or something throws.
#[unsafe(naked)]
pub(super) extern "C-unwind" fn with_care(size: usize, align: usize) -> *mut c_void {
    core::arch::naked_asm!(
        ".cfi_startproc",
        "sub rsp, 24",
        ".cfi_def_cfa_offset 32",
        "mov qword ptr [rsp], rdi",
        "mov qword ptr [rsp + 8], rsi",
        "2:",
        "call {allocate}",
        "test rax, rax",
        "jnz 3f",
        "mov rdi, qword ptr [rsp]",
        "mov rsi, qword ptr [rsp + 8]",
        "call {next_step}",
        "call rax",
        "mov rdi, qword ptr [rsp]",
        "mov rsi, qword ptr [rsp + 8]",
        "jmp 2b",
        "3:",
        "add rsp, 24",
        ".cfi_def_cfa_offset 8",
        "ret",
        ".cfi_endproc",
        allocate = sym super::allocate_for_type,
        next_step = sym super::next_step,
    )
}
