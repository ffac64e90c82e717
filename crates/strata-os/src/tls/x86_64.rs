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
                        "mov {word}, qword ptr fs:[{offset}]",
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
                        "mov qword ptr fs:[{offset}], {word}",
                        word = in(reg) word,
                        offset = in(reg) offset(),
                        options(nostack, preserves_flags),
                    )
                };
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
                            "mov {word}, qword ptr fs:[{offset} + 8]",
                            word = lateout(reg) word,
                            offset = in(reg) super::offset(),
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
                            "mov qword ptr fs:[{offset} + 8], {word}",
                            word = in(reg) word,
                            offset = in(reg) super::offset(),
                            options(nostack, preserves_flags),
                        )
                    };
                }
            }

            #[inline(always)]
            fn offset() -> usize {
                let offset: usize;
                // SAFETY: loads a constant that the linker or the loader has computed.
                unsafe {
                    ::core::arch::asm!(
                        concat!(
                            "mov {offset}, qword ptr [rip + ",
                            $crate::__thread_word_symbol!($name),
                            "@GOTTPOFF]"
                        ),
                        offset = lateout(reg) offset,
                        options(pure, nomem, nostack, preserves_flags),
                    )
                };
                offset
            }
        }
    };
}
