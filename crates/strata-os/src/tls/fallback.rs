//! The thread word by a key of POSIX, for systems and processors without a file of their own, and for Miri.
//!
//! Slower by a call, and weaker in one point: the C library may allocate when a thread sets its word first. If the program
//! has Strata for its `malloc`, that allocation finds the initial word still, sets it in its turn, and so on without end.
//! Therefore the key is made at load, before the program makes any:
//!
//! | C library     | setting a word allocates                        | the key made at load  |
//! |---------------|-------------------------------------------------|-----------------------|
//! | musl, Apple's | never                                           | costs nothing         |
//! | glibc         | a table per thread, for keys above the first 32 | is among the first 32 |
//! | OpenBSD's     | an entry per key and thread                     | no help               |
//!
//! (A library that is opened late, behind 32 other keys, is no program's `malloc`.) If setting the word or making the key
//! fails, the word stays as it was.
//!
//! When a thread ends, the C library takes a key's value away and calls its destructor, in four rounds; ours puts the
//! value back, so that the destructors of other keys find it in every round.
//!
//! | the key  | who may leave it | to     | by                                                            |
//! |----------|------------------|--------|---------------------------------------------------------------|
//! | not made | any thread       | made   | `make_key`, at load or on first use: CAS; a loser deletes its |
//! | not made | the loader       | closed | `close`, swap                                                 |
//! | made     | the loader       | closed | `close`, swap, at unload or at the end of the process         |
//! | closed   | none             |        | the word is the initial one for all                           |
//!
//! K1  The key in the word was made by it, and only `close` deletes it.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, Ordering};
use libc::pthread_key_t;

/// Puts a value back that the C library has taken away.
pub type Keeper = unsafe extern "C" fn(*mut c_void);

/// A word per thread, known by a key that is made at load or on first use.
#[derive(Debug)]
pub struct KeyedWord {
    /// `NOT_MADE`, `CLOSED`, or the key plus one.
    key: AtomicU64,
    keeper: Keeper,
}

/// Miri calls destructors until none sets a value any more; and a key without one keeps its values there.
#[cfg(miri)]
const NEEDS_KEEPER: bool = false;
#[cfg(not(miri))]
const NEEDS_KEEPER: bool = true;
const NOT_MADE: u64 = 0;
const CLOSED: u64 = u64::MAX;

impl KeyedWord {
    /// A word that no thread has set, with a function that sets it.
    pub const fn new(keeper: Keeper) -> Self {
        KeyedWord { key: AtomicU64::new(NOT_MADE), keeper }
    }

    /// What the calling thread last set, or else `initial`.
    pub fn get(&self, initial: *mut ()) -> *mut () {
        let Some(key) = self.key() else { return initial };
        // SAFETY: K1: the key exists.
        let word = unsafe { libc::pthread_getspecific(key) }.cast::<()>();
        if word.is_null() { initial } else { word }
    }

    /// Sets the calling thread's word, if the C library can.
    pub fn set(&self, word: *mut ()) {
        if let Some(key) = self.key() {
            // SAFETY: K1: the key exists.
            unsafe { libc::pthread_setspecific(key, word.cast()) };
        }
    }

    /// Makes the key, if there is none.
    pub fn prepare(&self) {
        let _ = self.key();
    }

    /// Deletes the key: the code of the keeper goes away.
    pub fn close(&self) {
        // Acquire: the C library's entry for the key; pairs with the Release in `make_key`.
        if let Some(key) = known(self.key.swap(CLOSED, Ordering::Acquire)) {
            // SAFETY: K1, and the swap gives the key to one caller only.
            unsafe { libc::pthread_key_delete(key) };
        }
    }

    fn key(&self) -> Option<pthread_key_t> {
        // Acquire: the C library's entry for the key; pairs with the Release in `make_key`.
        match self.key.load(Ordering::Acquire) {
            NOT_MADE => self.make_key(),
            word => known(word),
        }
    }

    #[cold]
    fn make_key(&self) -> Option<pthread_key_t> {
        let (mut key, keeper) = (0, NEEDS_KEEPER.then_some(self.keeper));
        // SAFETY: writes the key that it is given.
        if unsafe { libc::pthread_key_create(&raw mut key, keeper) } != 0 {
            return None;
        }
        let mine = key as u64 + 1;
        // Release: publishes the C library's entry; pairs with Acquire in `key`, and here for the winner's.
        match self.key.compare_exchange(NOT_MADE, mine, Ordering::Release, Ordering::Acquire) {
            Ok(_) => Some(key),
            Err(winner) => {
                // SAFETY: made a moment ago, and not shared yet.
                unsafe { libc::pthread_key_delete(key) };
                known(winner)
            }
        }
    }
}

/// The key in a word, if there is one.
fn known(word: u64) -> Option<pthread_key_t> {
    (word != NOT_MADE && word != CLOSED).then(|| (word - 1) as pthread_key_t)
}

/// A word by a key of its own: the first, as the second.
#[doc(hidden)]
#[cfg(any(
    miri,
    strata_unix,
    not(any(target_os = "linux", target_os = "freebsd")),
    not(any(target_arch = "aarch64", target_arch = "x86_64"))
))]
#[macro_export]
macro_rules! __first_thread_word {
    ($name:ident, $initial:path) => {
        static WORD: $crate::tls::fallback::KeyedWord = $crate::tls::fallback::KeyedWord::new(keep);

        extern "C" fn prepare() {
            WORD.prepare();
        }
        $crate::at_load!(first prepare);

        extern "C" fn close() {
            WORD.close();
        }
        $crate::at_exit!(close);

        unsafe extern "C" fn keep(word: *mut ::core::ffi::c_void) {
            WORD.set(word.cast());
        }

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
    };
}

#[cfg(any(
    miri,
    strata_unix,
    not(any(target_os = "linux", target_os = "freebsd")),
    not(any(target_arch = "aarch64", target_arch = "x86_64"))
))]
#[doc(hidden)]
#[macro_export]
macro_rules! __second_thread_word {
    ($name:ident, $initial:path) => {
        $crate::__first_thread_word!($name, $initial);
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    static WORD: KeyedWord = KeyedWord::new(keep);

    unsafe extern "C" fn keep(word: *mut c_void) {
        WORD.set(word.cast());
    }

    #[test]
    #[cfg_attr(
        strata_tsan,
        ignore = "the sanitizer's key comes first and forgets the thread in the last round of destructors"
    )]
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
