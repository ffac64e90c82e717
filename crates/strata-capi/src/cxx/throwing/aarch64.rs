//! The throwing forms of `operator new` on aarch64: a frame that exceptions may leave, around what Rust does.
//!
//! A naked function is all assembly, so no rule of Rust's is broken when an exception leaves it. The frame describes itself to
//! the unwinder, and has nothing to clean up. `malloc`'s straight path costs nine instructions more within it.
//!
//! Does not know: who throws.

use core::ffi::c_void;

/// Defines the form for a size, and the one for a size and an alignment, under these names.
macro_rules! define {
    ($($plain:ident $aligned:ident)*) => {$(
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        extern "C-unwind" fn $plain(size: usize) -> *mut core::ffi::c_void {
            core::arch::naked_asm!(
                "mov x1, {granule_bytes}",
                "b {with_care}",
                granule_bytes = const strata_core::layout::GRANULE_BYTES,
                with_care = sym $crate::cxx::throwing::with_care,
            )
        }

        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        extern "C-unwind" fn $aligned(size: usize, align: usize) -> *mut core::ffi::c_void {
            core::arch::naked_asm!("b {with_care}", with_care = sym $crate::cxx::throwing::with_care)
        }
    )*};
}
pub(super) use define;

/// Tries, and does what is the next step until there is memory or something throws.
#[unsafe(naked)]
pub(super) extern "C-unwind" fn with_care(size: usize, align: usize) -> *mut c_void {
    core::arch::naked_asm!(
        ".cfi_startproc",
        "stp x29, x30, [sp, -32]!",
        ".cfi_def_cfa_offset 32",
        ".cfi_offset 29, -32",
        ".cfi_offset 30, -24",
        "mov x29, sp",
        "stp x0, x1, [sp, 16]",
        "2:",
        "bl {allocate}",
        "cbnz x0, 3f",
        "ldp x0, x1, [sp, 16]",
        "bl {next_step}",
        "blr x0",
        "ldp x0, x1, [sp, 16]",
        "b 2b",
        "3:",
        "ldp x29, x30, [sp], 32",
        ".cfi_restore 29",
        ".cfi_restore 30",
        ".cfi_def_cfa_offset 0",
        "ret",
        ".cfi_endproc",
        allocate = sym super::allocate_for_type,
        next_step = sym super::next_step,
    )
}
