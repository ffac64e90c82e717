//! Static tracepoints (USDT): places that bpftrace, perf and SystemTap can attach to, although the code around them is inlined.
//!
//! A place is a `nop`, and a note in the file says where it is and in which registers its arguments are. Nothing else is paid while nobody
//! listens; who listens puts a breakpoint there. `readelf -n` shows the notes.
//!
//! Does not know: what is told. Format: SystemTap's `sys/sdt.h`, version 3.

/// A tracepoint of the provider `strata`: a name, and up to three numbers that are at hand anyway.
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    not(strata_loom),
    not(miri)
))]
#[macro_export]
macro_rules! probe {
    ($name:literal) => {
        $crate::probe_place!($name, "",)
    };
    ($name:literal, $one:expr) => {
        $crate::probe_place!($name, "8@{0}", in(reg) $one as u64,)
    };
    ($name:literal, $one:expr, $two:expr) => {
        $crate::probe_place!($name, "8@{0} 8@{1}", in(reg) $one as u64, in(reg) $two as u64,)
    };
    ($name:literal, $one:expr, $two:expr, $three:expr) => {
        $crate::probe_place!($name, "8@{0} 8@{1} 8@{2}", in(reg) $one as u64, in(reg) $two as u64, in(reg) $three as u64,)
    };
}

/// The same where there are none.
#[cfg(not(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    not(strata_loom),
    not(miri)
)))]
#[macro_export]
macro_rules! probe {
    ($name:literal $(, $argument:expr)*) => {
        let _ = ($($argument,)*);
    };
}

/// The `nop` and its note; the arguments are named as the assembler of each processor does.
#[doc(hidden)]
#[macro_export]
macro_rules! probe_place {
    ($name:literal, $arguments:literal, $($operands:tt)*) => {
        // SAFETY: does nothing.
        unsafe {
            $crate::probe_asm!(
                "990: nop",
                ".pushsection .note.stapsdt, \"?\", \"note\"",
                ".balign 4",
                ".4byte 992f - 991f, 994f - 993f, 3",
                "991: .asciz \"stapsdt\"",
                "992: .balign 4",
                "993: .8byte 990b",
                ".8byte _.stapsdt.base",
                ".8byte 0",
                ".asciz \"strata\"",
                concat!(".asciz \"", $name, "\""),
                concat!(".asciz \"", $arguments, "\""),
                "994: .balign 4",
                ".popsection",
                ".ifndef _.stapsdt.base",
                ".pushsection .stapsdt.base, \"aGR\", \"progbits\", .stapsdt.base, comdat",
                ".weak _.stapsdt.base",
                ".hidden _.stapsdt.base",
                "_.stapsdt.base: .space 1",
                ".size _.stapsdt.base, 1",
                ".popsection",
                ".endif",
                $($operands)*
            )
        }
    };
}

#[cfg(target_arch = "x86_64")]
#[doc(hidden)]
#[macro_export]
macro_rules! probe_asm {
    ($($part:tt)*) => {
        ::core::arch::asm!($($part)* options(att_syntax, readonly, nostack, preserves_flags))
    };
}

#[cfg(target_arch = "aarch64")]
#[doc(hidden)]
#[macro_export]
macro_rules! probe_asm {
    ($($part:tt)*) => {
        ::core::arch::asm!($($part)* options(readonly, nostack, preserves_flags))
    };
}
