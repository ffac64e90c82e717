//! A word per thread that starts as the address of a static, reached without a call and without a test; and a second one beside it.
//!
//! ```text
//!  the static ◄── initial content ── .tdata ── copied by the loader into each new thread ──► word of thread 1, 2, …
//!
//!  get()      1  offset of the word from the thread pointer    a constant of the link; in an executable, an immediate
//!             2  load at thread pointer + offset
//! ```
//!
//! `thread_local!` would test for initialisation, and in a shared library call `__tls_get_addr`, which may allocate.
//! So the words are defined in assembly and read in the *initial-exec* model: they take 16 bytes of the static TLS of
//! whatever they are linked into. The C library keeps a reserve of that for libraries opened late.
//!
//! T1  The word belongs to its thread: no other thread reads or writes it.
//! T2  It holds the address of the initial static, or what its thread last set, which is not null.
//!
//! | file       | for                                      | a read, in an executable                  |
//! |------------|------------------------------------------|-------------------------------------------|
//! | `x86_64`   | Linux and FreeBSD on x86-64              | two instructions (one constant, one load) |
//! | `aarch64`  | Linux and FreeBSD on aarch64             | four instructions                         |
//! | `fallback` | other systems and processors, under Miri | a call to the C library                   |
//!
//! On FreeBSD it was assembled so far, but never run. There the fallback would do, too, but for a line on the standard
//! error output at each thread's end, since it leaves a value behind.
//!
//! Each of them defines what the macro [`thread_word!`](crate::thread_word) puts together, whose interface is the same everywhere:
//!
//! ```
//! static EMPTY: u64 = 0;
//! static OTHER: u64 = 0;
//!
//! strata_os::thread_word! {
//!     /// The thread's current cache.
//!     mod current { initial = EMPTY }
//! }
//!
//! fn main() {
//!     assert_eq!(current::get(), (&raw const EMPTY).cast_mut().cast());
//!     // SAFETY: nothing here relies on the word.
//!     unsafe { current::set((&raw const OTHER).cast_mut().cast()) };
//!     assert_eq!(current::get(), (&raw const OTHER).cast_mut().cast());
//! }
//! ```
//!
//! The macro makes a module with `get` and `set`, and the same of a second word in `beside`, in the crate that owns the static. The path to the static is seen from
//! inside that module, which sees the names around it. The symbol behind it is hidden and carries the crate's name and
//! version, so that two versions can live in one program; within a crate the module's name must be unique.
//!
//! Does not know: what the word means.

#[cfg(all(
    target_arch = "aarch64",
    any(target_os = "linux", target_os = "freebsd"),
    not(any(miri, strata_unix))
))]
mod aarch64;
#[cfg(any(
    test,
    miri,
    strata_unix,
    not(any(target_os = "linux", target_os = "freebsd")),
    not(any(target_arch = "aarch64", target_arch = "x86_64"))
))]
#[doc(hidden)]
pub mod fallback;
#[cfg(all(
    target_arch = "x86_64",
    any(target_os = "linux", target_os = "freebsd"),
    not(any(miri, strata_unix))
))]
mod x86_64;

/// Makes a module with `get` and `set` of a word per thread, and of a second one in `beside`; the page of [`tls`](crate::tls) has the contract.
#[macro_export]
macro_rules! thread_word {
    ($(#[$attribute:meta])* $visibility:vis mod $name:ident { initial = $initial:path }) => {
        $(#[$attribute])*
        #[allow(unsafe_code, unreachable_pub, reason = "the word is assembly, or foreign; the caller chose who sees it")]
        $visibility mod $name {
            #[allow(unused_imports, reason = "the initial static may be named by a full path")]
            use super::*;

            $crate::__first_thread_word!($name, $initial);

            /// A second word of the thread, beside the first, which starts the same.
            #[allow(dead_code, reason = "not all have a use for it")]
            pub mod beside {
                #[allow(unused_imports, reason = "not everywhere does it share something with the first")]
                use super::*;

                $crate::__second_thread_word!($name, $initial);
            }
        }
    };
}

/// `get` and `set` of a word that the processor's file can load and store: at `place` of where the function `offset` beside them leads.
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_word_access {
    ($place:literal) => {
        /// The calling thread's word: what it last set, or else the address of the initial static.
        #[inline(always)]
        pub fn get() -> *mut () {
            let word: *mut ();
            // SAFETY: T1, T2: the word is this thread's, and always there.
            unsafe { $crate::__load_thread_word!(word, $place) };
            word
        }

        /// Sets the calling thread's word.
        ///
        /// # Safety
        /// - `word` is what every reader of this word takes it for.
        #[inline(always)]
        pub unsafe fn set(word: *mut ()) {
            // SAFETY: T1: the word is this thread's.
            unsafe { $crate::__store_thread_word!(word, $place) };
        }
    };
}

/// The symbol of a word, as a string literal: see the module's page.
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_word_symbol {
    ($name:ident) => {
        concat!(
            "strata_thread_word_",
            env!("CARGO_CRATE_NAME"),
            "_",
            stringify!($name),
            "_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH"),
        )
    };
}

/// The words' definition: 16 bytes of the image from which the loader makes each thread's TLS.
///
/// The initial content is an address, which the loader relocates in the image before any thread starts.
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_word_definition {
    ($name:ident, $initial:path) => {
        ::core::arch::global_asm!(
            concat!(".pushsection .tdata.", $crate::__thread_word_symbol!($name), ",\"awT\",%progbits"),
            ".p2align 3",
            concat!(".globl ", $crate::__thread_word_symbol!($name)),
            concat!(".hidden ", $crate::__thread_word_symbol!($name)),
            concat!(".type ", $crate::__thread_word_symbol!($name), ",%tls_object"),
            concat!(".size ", $crate::__thread_word_symbol!($name), ",16"),
            concat!($crate::__thread_word_symbol!($name), ":"),
            ".8byte {initial}",
            concat!(".globl ", $crate::__thread_word_symbol!($name), "_beside"),
            concat!(".hidden ", $crate::__thread_word_symbol!($name), "_beside"),
            concat!(".type ", $crate::__thread_word_symbol!($name), "_beside,%tls_object"),
            concat!($crate::__thread_word_symbol!($name), "_beside:"),
            ".8byte {initial}",
            ".popsection",
            initial = sym $initial,
        );
    };
}
