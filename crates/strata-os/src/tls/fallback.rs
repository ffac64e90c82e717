//! The thread word by a key of POSIX, for systems and processors without a file of their own, and for Miri.
//!
//! Slower by a call, and weaker in one point: the C library may allocate when a thread sets its word first. If the program
//! has Strata for its `malloc`, that allocation finds the initial word still, sets it in its turn, and so on without end.
//! Therefore the key is made at load, before the program makes any:
//!
//! | C library     | setting a word allocates                                   | the key made at load      |
//! |---------------|------------------------------------------------------------|---------------------------|
//! | musl, Apple's | never                                                      | costs nothing             |
//! | FreeBSD's     | a table per thread; not by `malloc`, in newer versions     | no help in older versions |
//! | glibc         | a table per thread, for keys above the first 32            | is among the first 32     |
//! | OpenBSD's     | an entry per key and thread                                | no help                   |
//!
//! (A library that is opened late, behind 32 other keys, is no program's `malloc`.) If setting the word or making the key
//! fails, the word stays as it was.
//!
//! The key is published by compare-and-swap, as the threads of another constructor may come before it is made at load;
//! whoever loses the race deletes its own.

use core::sync::atomic::{AtomicU64, Ordering};
use libc::pthread_key_t;

/// A word per thread, known by a key that is made at load or on first use.
#[derive(Debug)]
pub struct KeyedWord {
    /// 0, or the key plus one.
    key: AtomicU64,
}

impl KeyedWord {
    /// A word that no thread has set.
    #[expect(clippy::new_without_default, reason = "only a static makes sense")]
    pub const fn new() -> Self {
        KeyedWord { key: AtomicU64::new(0) }
    }

    /// What the calling thread last set, or else `initial`.
    pub fn get(&self, initial: *mut ()) -> *mut () {
        let Some(key) = self.key() else { return initial };
        // SAFETY: the key was made below, and nobody deletes it.
        let word = unsafe { libc::pthread_getspecific(key) }.cast::<()>();
        if word.is_null() { initial } else { word }
    }

    /// Sets the calling thread's word, if the C library can.
    pub fn set(&self, word: *mut ()) {
        if let Some(key) = self.key() {
            // SAFETY: the key was made below, and nobody deletes it.
            unsafe { libc::pthread_setspecific(key, word.cast()) };
        }
    }

    /// Makes the key, if nobody has.
    pub fn prepare(&self) {
        let _ = self.key();
    }

    fn key(&self) -> Option<pthread_key_t> {
        // Acquire: the C library's entry for the key; pairs with the Release in `make_key`.
        match self.key.load(Ordering::Acquire) {
            0 => self.make_key(),
            known => Some((known - 1) as pthread_key_t),
        }
    }

    #[cold]
    fn make_key(&self) -> Option<pthread_key_t> {
        let mut key = 0;
        // SAFETY: writes the key that it is given.
        if unsafe { libc::pthread_key_create(&raw mut key, None) } != 0 {
            return None;
        }
        let mine = key as u64 + 1;
        // Release: publishes the C library's entry; pairs with Acquire in `key`, and here for the winner's.
        let Err(winner) = self.key.compare_exchange(0, mine, Ordering::Release, Ordering::Acquire) else {
            return Some(key);
        };
        // SAFETY: made a moment ago, and nobody has seen it.
        unsafe { libc::pthread_key_delete(key) };
        Some((winner - 1) as pthread_key_t)
    }
}

/// Makes a module with `get` and `set` of a word per thread; the page of [`tls`](crate::tls) has the contract.
#[cfg(any(
    miri,
    strata_unix,
    not(target_os = "linux"),
    not(any(target_arch = "aarch64", target_arch = "x86_64"))
))]
#[macro_export]
macro_rules! thread_word {
    ($(#[$attribute:meta])* $visibility:vis mod $name:ident { initial = $initial:path }) => {
        $(#[$attribute])*
        #[allow(unsafe_code, unreachable_pub, reason = "the word is foreign; the caller chose who sees it")]
        $visibility mod $name {
            #[allow(unused_imports, reason = "the initial static may be named by a full path")]
            use super::*;

            static WORD: $crate::tls::fallback::KeyedWord = $crate::tls::fallback::KeyedWord::new();

            extern "C" fn prepare() {
                WORD.prepare();
            }
            $crate::at_load!(first prepare);

            /// The calling thread's word: what it last set, or else the address of the initial static.
            pub fn get() -> *mut () {
                WORD.get((&raw const $initial).cast_mut().cast())
            }

            /// Sets the calling thread's word.
            ///
            /// # Safety
            /// - `word` is what every reader of this word takes it for.
            pub unsafe fn set(word: *mut ()) {
                WORD.set(word);
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::KeyedWord;

    static WORD: KeyedWord = KeyedWord::new();

    #[test]
    fn each_thread_starts_with_the_initial_word_and_keeps_its_own() {
        let (mut initial, mut mine) = ((), 0_u8);
        let initial = &raw mut initial;
        let mine = (&raw mut mine).cast::<()>();
        assert_eq!(WORD.get(initial), initial);
        WORD.set(mine);
        let address = initial.addr();
        let seen = std::thread::spawn(move || WORD.get(core::ptr::without_provenance_mut(address)).addr());
        assert_eq!(seen.join().unwrap(), address);
        assert_eq!(WORD.get(initial), mine);
    }
}
