//! The thread word on x86-64: an offset from `fs`, which the second word shares.
//!
//! ```text
//!  mov  off, [rip + WORD@GOTTPOFF]      in an executable the linker makes it:  mov off, imm32
//!  mov  v, fs:[off]
//! ```
//!
//! The two are separate `asm!` blocks so that the compiler may share the first one, a constant, among several reads, and
//! the second one, too, as long as no memory is written in between. Tried and lost: one block with a fixed register; the
//! compiler then repeats both for `get` and `set` in one function.
//!
//! The assembler wants `mov` into a full register for `GOTTPOFF`, or else the linker cannot relax it.

/// The word that the symbol leads to, and the way there.
#[doc(hidden)]
#[macro_export]
macro_rules! __first_thread_word {
    ($name:ident, $initial:path) => {
        $crate::__thread_word_definition!($name, $initial);
        $crate::__thread_word_access!("");

        #[inline(always)]
        fn offset() -> usize {
            let offset: usize;
            // SAFETY: loads a constant that the linker or the loader has computed.
            unsafe {
                ::core::arch::asm!(
                    concat!("mov {offset}, qword ptr [rip + ", $crate::__thread_word_symbol!($name), "@GOTTPOFF]"),
                    offset = lateout(reg) offset,
                    options(pure, nomem, nostack, preserves_flags),
                )
            };
            offset
        }
    };
}

/// The word behind that one.
#[doc(hidden)]
#[macro_export]
macro_rules! __second_thread_word {
    ($name:ident, $initial:path) => {
        $crate::__thread_word_access!(" + 8");
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __load_thread_word {
    ($word:ident, $place:literal) => {
        ::core::arch::asm!(
            concat!("mov {word}, qword ptr fs:[{offset}", $place, "]"),
            word = lateout(reg) $word,
            offset = in(reg) offset(),
            options(pure, readonly, nostack, preserves_flags),
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_thread_word {
    ($word:ident, $place:literal) => {
        ::core::arch::asm!(
            concat!("mov qword ptr fs:[{offset}", $place, "], {word}"),
            word = in(reg) $word,
            offset = in(reg) offset(),
            options(nostack, preserves_flags),
        )
    };
}
