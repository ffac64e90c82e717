//! What happens when a thread ends, when the process forks, when a library is unloaded, and when all is lost.
//!
//! The key of POSIX that runs a destructor at thread exit is made once and never waited for:
//!
//! | state  | who may leave it | to     | by                                                    |
//! |--------|------------------|--------|-------------------------------------------------------|
//! | no key | any thread       | key    | `on_thread_exit`: makes one, CAS; a loser deletes its |
//! | no key | the loader       | closed | `close`, swap                                         |
//! | key    | the loader       | closed | `close`, swap, at unload or at the end of the process |
//! | closed | none             |        |                                                       |
//!
//! L1  The key in the word was made by this copy of the crate, and only `close` deletes it.
//! L2  After `close` no destructor of ours runs: threads that live on take their values with them, so a caller that arms the
//!     key must not depend on the destructor for anything but memory.
//!
//! A key does not run its destructor for the thread that returns from `main`, nor in threads that `exit` finds running.
//!
//! | file     | for             | load and exit                                   |
//! |----------|-----------------|-------------------------------------------------|
//! | `elf`    | all but Apple's | two sections that the loader reads              |
//! | `mach_o` | Apple's systems | one, and the C library's list of exit functions |
//!
//! Each of them defines the macros [`at_load!`](crate::at_load) and [`at_exit!`](crate::at_exit).
//!
//! Does not know: what a thread leaves behind (`strata-cache` does).

#[cfg(not(target_vendor = "apple"))]
mod elf;
#[cfg(target_vendor = "apple")]
#[doc(hidden)]
pub mod mach_o;

use crate::call::quietly;
use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use libc::pthread_key_t;

/// Runs at thread exit with the thread's value; must not unwind.
pub type Destructor = unsafe extern "C" fn(*mut c_void);

/// The process-wide key by which threads announce that they want the destructor run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadExitKey(pthread_key_t);

/// The key whose destructor runs at the exit of each thread that armed it.
///
/// There is one key for each copy of this crate: all callers pass the same destructor, and the first one counts.
/// `None`: the process has no key left (1024 on Linux), or this library is being unloaded.
pub fn on_thread_exit(destructor: Destructor) -> Option<ThreadExitKey> {
    // Acquire: the C library's entry for the key; pairs with the Release in `publish`.
    match KeyWord(KEY.load(Ordering::Acquire)) {
        KeyWord::NONE => make_key(destructor),
        word => word.key(),
    }
}

impl ThreadExitKey {
    /// Has the destructor run with `value` when the calling thread exits; a later call replaces the value.
    ///
    /// The destructor runs again if one that runs after it arms the key again (four times in all on Linux), so a thread
    /// cache that comes back to life in another destructor is torn down too. Beyond the first 32 keys of a process the
    /// C library allocates a table on a thread's first call, that is, it may call the allocator that is calling here:
    /// arm only when a nested allocation would find its way. `false`: no memory for that table, or closed.
    pub fn arm(self, value: NonNull<()>) -> bool {
        // Acquire: the C library's entry for the key; pairs with the Release in `publish`.
        let open = KeyWord(KEY.load(Ordering::Acquire)).key() == Some(self);
        // SAFETY: L1: the key exists. A thread that is here while its code is being unloaded is lost anyway.
        open && quietly(|| unsafe { libc::pthread_setspecific(self.0, value.as_ptr().cast()) }) == 0
    }
}

/// What runs around each `fork`, in the thread that forks; none of it may unwind.
#[derive(Clone, Copy, Debug)]
pub struct AroundFork {
    /// Before it.
    pub before: unsafe extern "C" fn(),
    /// After it, in the parent, whether there is a child or not.
    pub in_parent: unsafe extern "C" fn(),
    /// After it, in the child, in the only thread there.
    pub in_child: unsafe extern "C" fn(),
}

/// Has something run around each `fork`, if not by a bare system call; `false`: no memory for it.
///
/// What comes first is nearest to the fork: of what others registered, all that came later runs before it, and after it in
/// the parent and the child. The C library may allocate here. It forgets the functions when the library is unloaded.
pub fn around_fork(what: AroundFork) -> bool {
    let AroundFork { before, in_parent, in_child } = what;
    // SAFETY: the functions are there as long as this library is, and the C library forgets them with the library.
    quietly(|| unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) == 0 })
}

/// Ends the process at once, with a core dump where those are on.
pub fn abort() -> ! {
    // SAFETY: asks nothing of the caller.
    unsafe { libc::abort() }
}

/// `KEY`'s content: nothing yet, a key, or closed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct KeyWord(u64);

impl KeyWord {
    const NONE: KeyWord = KeyWord(0);
    const CLOSED: KeyWord = KeyWord(u64::MAX);

    fn of(key: pthread_key_t) -> Self {
        // A small number in all systems, whose types differ in width and sign.
        KeyWord(key as u64 + 1)
    }

    fn key(self) -> Option<ThreadExitKey> {
        match self {
            KeyWord::NONE | KeyWord::CLOSED => None,
            KeyWord(word) => Some(ThreadExitKey((word - 1) as pthread_key_t)),
        }
    }
}

static KEY: AtomicU64 = AtomicU64::new(KeyWord::NONE.0);

#[cold]
#[inline(never)]
fn make_key(destructor: Destructor) -> Option<ThreadExitKey> {
    let mut key = 0;
    // SAFETY: writes the key that it is given.
    let made = quietly(|| unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) }) == 0;
    if made { publish(key) } else { None }
}

fn publish(key: pthread_key_t) -> Option<ThreadExitKey> {
    let mine = KeyWord::of(key);
    // Release: publishes the C library's entry for the key; pairs with Acquire in `on_thread_exit`, in `arm`, and here,
    // where the winner's key is read.
    match KEY.compare_exchange(KeyWord::NONE.0, mine.0, Ordering::Release, Ordering::Acquire) {
        Ok(_) => mine.key(),
        Err(winner) => {
            // SAFETY: made a moment ago, and not shared yet.
            unsafe { libc::pthread_key_delete(key) };
            KeyWord(winner).key()
        }
    }
}

/// Deletes the key when the loader takes this code away, or when the process ends.
extern "C" fn close() {
    // Acquire: the C library's entry for the key; pairs with the Release in `publish`.
    let word = KeyWord(KEY.swap(KeyWord::CLOSED.0, Ordering::Acquire));
    if let Some(key) = word.key() {
        // SAFETY: L1, and the swap gives the key to one caller only.
        unsafe { libc::pthread_key_delete(key.0) };
    }
}

crate::at_exit!(close);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_word_is_nothing_a_key_or_closed() {
        assert_eq!(KeyWord::NONE.key(), None);
        assert_eq!(KeyWord::CLOSED.key(), None);
        for key in [0, 1, 1023, 0x7fff_ffff] {
            assert_eq!(KeyWord::of(key).key(), Some(ThreadExitKey(key)));
        }
    }

    #[test]
    fn threads_that_race_get_one_key() {
        unsafe extern "C" fn nothing(_: *mut c_void) {}
        let keys = std::thread::scope(|scope| {
            let threads: [_; 4] = core::array::from_fn(|_| scope.spawn(|| on_thread_exit(nothing)));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(keys.iter().all(|key| key.is_some() && *key == keys[0]));
    }
}
