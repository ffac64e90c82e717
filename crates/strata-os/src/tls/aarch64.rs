//! The thread word on aarch64: an offset from `tpidr_el0`.
//!
//! ```text
//!  adrp x, :gottprel:WORD ; ldr x, [x, :gottprel_lo12:WORD]     in an executable the linker makes it:  movz, movk
//!  mrs  t, tpidr_el0
//!  ldr  v, [t, x]
//! ```
//!
//! Run so far in an emulator only, in a static executable, where the linker did make it `movz`, `movk`.

/// The word that the symbol leads to.
#[doc(hidden)]
#[macro_export]
macro_rules! __first_thread_word {
    ($name:ident, $initial:path) => {
        $crate::__thread_word_definition!($name, $initial);
        $crate::__thread_word_of_symbol!($name, "");
    };
}

/// The word behind that one, by a symbol of its own: an access by two registers has no place for a number.
#[doc(hidden)]
#[macro_export]
macro_rules! __second_thread_word {
    ($name:ident, $initial:path) => {
        $crate::__thread_word_of_symbol!($name, "_beside");
    };
}

/// A word, and the way to it.
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_word_of_symbol {
    ($name:ident, $behind:literal) => {
        $crate::__thread_word_access!("");

        #[inline(always)]
        fn offset() -> usize {
            let offset: usize;
            // SAFETY: loads a constant that the linker or the loader has computed.
            unsafe {
                ::core::arch::asm!(
                    concat!("adrp {offset}, :gottprel:", $crate::__thread_word_symbol!($name), $behind),
                    concat!(
                        "ldr {offset}, [{offset}, :gottprel_lo12:",
                        $crate::__thread_word_symbol!($name),
                        $behind,
                        "]"
                    ),
                    offset = out(reg) offset,
                    options(pure, nomem, nostack, preserves_flags),
                )
            };
            offset
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __load_thread_word {
    ($word:ident, $place:literal) => {
        ::core::arch::asm!(
            "mrs {thread}, tpidr_el0",
            concat!("ldr {word}, [{thread}, {offset}", $place, "]"),
            thread = out(reg) _,
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
            "mrs {thread}, tpidr_el0",
            concat!("str {word}, [{thread}, {offset}", $place, "]"),
            thread = out(reg) _,
            word = in(reg) $word,
            offset = in(reg) offset(),
            options(nostack, preserves_flags),
        )
    };
}
