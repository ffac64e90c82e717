//! The thread word on aarch64: an offset from `tpidr_el0`.
//!
//! ```text
//!  adrp x, :gottprel:WORD ; ldr x, [x, :gottprel_lo12:WORD]     in an executable the linker makes it:  movz, movk
//!  mrs  t, tpidr_el0
//!  ldr  v, [t, x]
//! ```
//!
//! Run so far in an emulator only, in a static executable, where the linker did make it `movz`, `movk`.

/// Makes a module with `get` and `set` of a word per thread; the page of [`tls`](crate::tls) has the contract.
#[macro_export]
macro_rules! thread_word {
    ($(#[$attribute:meta])* $visibility:vis mod $name:ident { initial = $initial:path }) => {
        $(#[$attribute])*
        #[allow(unsafe_code, unreachable_pub, reason = "the word is assembly; the caller chose who sees it")]
        $visibility mod $name {
            #[allow(unused_imports, reason = "the initial static may be named by a full path")]
            use super::*;

            $crate::__thread_word_definition!($name, $initial);

            /// The calling thread's word: what it last set, or else the address of the initial static.
            #[inline(always)]
            pub fn get() -> *mut () {
                let word: *mut ();
                // SAFETY: T1, T2: the word is this thread's, and always there.
                unsafe {
                    ::core::arch::asm!(
                        "mrs {thread}, tpidr_el0",
                        "ldr {word}, [{thread}, {offset}]",
                        thread = out(reg) _,
                        word = lateout(reg) word,
                        offset = in(reg) offset(),
                        options(pure, readonly, nostack, preserves_flags),
                    )
                };
                word
            }

            /// Sets the calling thread's word.
            ///
            /// # Safety
            /// - `word` is what every reader of this word takes it for.
            #[inline(always)]
            pub unsafe fn set(word: *mut ()) {
                // SAFETY: T1: the word is this thread's.
                unsafe {
                    ::core::arch::asm!(
                        "mrs {thread}, tpidr_el0",
                        "str {word}, [{thread}, {offset}]",
                        thread = out(reg) _,
                        word = in(reg) word,
                        offset = in(reg) offset(),
                        options(nostack, preserves_flags),
                    )
                };
            }

            #[inline(always)]
            fn offset() -> usize {
                let offset: usize;
                // SAFETY: loads a constant that the linker or the loader has computed.
                unsafe {
                    ::core::arch::asm!(
                        concat!("adrp {offset}, :gottprel:", $crate::__thread_word_symbol!($name)),
                        concat!(
                            "ldr {offset}, [{offset}, :gottprel_lo12:",
                            $crate::__thread_word_symbol!($name),
                            "]"
                        ),
                        offset = out(reg) offset,
                        options(pure, nomem, nostack, preserves_flags),
                    )
                };
                offset
            }

            /// A second word of the thread, beside the first, which starts the same.
            #[allow(dead_code, reason = "not all have a use for it")]
            pub mod beside {
                /// The second word, as `get` of the first.
                #[inline(always)]
                pub fn get() -> *mut () {
                    let word: *mut ();
                    // SAFETY: T1, T2: the word is this thread's, and always there.
                    unsafe {
                        ::core::arch::asm!(
                            "mrs {thread}, tpidr_el0",
                            "ldr {word}, [{thread}, {offset}]",
                            thread = out(reg) _,
                            word = lateout(reg) word,
                            offset = in(reg) offset(),
                            options(pure, readonly, nostack, preserves_flags),
                        )
                    };
                    word
                }

                /// Sets the second word.
                ///
                /// # Safety
                /// - As for `set` of the first.
                #[inline(always)]
                pub unsafe fn set(word: *mut ()) {
                    // SAFETY: T1: the word is this thread's.
                    unsafe {
                        ::core::arch::asm!(
                            "mrs {thread}, tpidr_el0",
                            "str {word}, [{thread}, {offset}]",
                            thread = out(reg) _,
                            word = in(reg) word,
                            offset = in(reg) offset(),
                            options(nostack, preserves_flags),
                        )
                    };
                }

                #[inline(always)]
                fn offset() -> usize {
                    let offset: usize;
                    // SAFETY: loads a constant that the linker or the loader has computed.
                    unsafe {
                        ::core::arch::asm!(
                            concat!("adrp {offset}, :gottprel:", $crate::__thread_word_symbol!($name), "_beside"),
                            concat!(
                                "ldr {offset}, [{offset}, :gottprel_lo12:",
                                $crate::__thread_word_symbol!($name), "_beside",
                                "]"
                            ),
                            offset = out(reg) offset,
                            options(pure, nomem, nostack, preserves_flags),
                        )
                    };
                    offset
                }
            }
        }
    };
}
