//! The mutex: one word over a futex.
//!
//! | state     | who may leave it | to        | by                                                        |
//! |-----------|------------------|-----------|-----------------------------------------------------------|
//! | Untouched | the first comer  | Free      | CAS; it then registers the fork handlers                  |
//! | Free      | anyone           | Held      | `acquire`, CAS Acquire                                    |
//! | Free      | who had to wait  | Contended | swap Acquire: others may still sleep, so it must wake one |
//! | Held      | the holder       | Free      | `release`, swap Release                                   |
//! | Held      | a waiter         | Contended | swap; then it sleeps                                      |
//! | Contended | the holder       | Free      | `release`, swap Release, then wakes one                   |
//!
//! Why an own lock: it sits *inside* the allocator. `parking_lot_core` allocates its table of waiting threads,
//! `pthread_mutex_t` is the C library's business at `fork` and may be interposed, and `std`'s mutex, which
//! would do, is not there without `std`. This is the same three-state word that `std` uses on Linux; *Untouched*
//! costs nothing, since only the slow path can see it.
//!
//! It never allocates, never panics, works before `main` and is not fair: who comes first after a release gets it.
//!
//! Model: `tests/lock_model.rs`, under loom.
//!
//! Does not know: what it protects, how many locks there are (`fork.rs` does).
//! Idea: "Futexes Are Tricky", mutex 3 (Ulrich Drepper, 2004).

use crate::fork;
use crate::futex::{SPIN_COUNT, Word};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

pub(crate) const UNTOUCHED: u32 = 0;
const FREE: u32 = 1;
const HELD: u32 = 2;
const CONTENDED: u32 = 3;

/// One word, alone in its cache line: the waiters' reads must not slow down the holder's neighbours.
#[repr(align(64))]
pub(crate) struct Lock {
    word: Word,
}

/// The proof of holding; dropping it releases.
#[must_use]
pub(crate) struct Held<'a>(&'a Lock);

impl Lock {
    /// A lock over a word that holds [`UNTOUCHED`].
    pub(crate) const fn over(word: Word) -> Self {
        Self { word }
    }

    #[inline]
    pub(crate) fn acquire(&self) -> Held<'_> {
        if !self.try_take() {
            self.acquire_contended();
        }
        Held(self)
    }

    /// Free again, by the holder or on its behalf.
    #[inline]
    pub(crate) fn release(&self) {
        // Release: publishes what the holder wrote; pairs with the Acquires of `try_take` and `acquire_contended`.
        if self.word.swap(FREE, Release) == CONTENDED {
            self.wake();
        }
    }

    #[inline]
    fn try_take(&self) -> bool {
        // Acquire: sees what the last holder wrote; pairs with Release in `release`.
        self.word.replace(FREE, HELD, Acquire)
    }

    #[cold]
    #[inline(never)]
    fn acquire_contended(&self) {
        self.touch();
        let mut seen = self.spin();
        if seen == FREE && self.try_take() {
            return;
        }
        loop {
            // Acquire: as in `try_take`. The word stays Contended although it is ours: others may sleep.
            if seen != CONTENDED && self.word.swap(CONTENDED, Acquire) == FREE {
                return;
            }
            self.word.wait(CONTENDED);
            seen = self.spin();
        }
    }

    /// The first comer opens the lock and then registers the fork handlers. It does not hold the lock meanwhile,
    /// because `pthread_atfork` may call `malloc`, which may be this very allocator.
    fn touch(&self) {
        // Relaxed: nothing was written under the lock yet.
        if self.word.replace(UNTOUCHED, FREE, Relaxed) {
            fork::register_once();
        }
    }

    /// Waits a moment for a holder that has no sleepers behind it.
    fn spin(&self) -> u32 {
        let mut left = SPIN_COUNT;
        loop {
            // Relaxed: only a hint, each decision is made by the CAS or swap that follows.
            let seen = self.word.load(Relaxed);
            if seen != HELD || left == 0 {
                return seen;
            }
            core::hint::spin_loop();
            left -= 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        self.word.wake_one();
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.release();
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use core::cell::UnsafeCell;
    use std::thread;

    const fn new_lock() -> Lock {
        Lock::over(Word::new(UNTOUCHED))
    }

    #[test]
    fn the_first_use_leaves_the_word_free() {
        let lock = new_lock();
        drop(lock.acquire());
        assert_eq!(lock.word.load(Relaxed), FREE);
    }

    #[test]
    fn a_held_lock_is_not_taken_twice() {
        let lock = new_lock();
        let held = lock.acquire();
        assert!(!lock.try_take());
        drop(held);
        assert!(lock.try_take());
    }

    #[test]
    fn a_sleeper_wakes_when_the_holder_releases() {
        static LOCK: Lock = new_lock();
        let held = LOCK.acquire();
        let sleeper = thread::spawn(|| drop(LOCK.acquire()));
        while LOCK.word.load(Relaxed) != CONTENDED {
            thread::yield_now();
        }
        thread::sleep(core::time::Duration::from_millis(20));
        drop(held);
        sleeper.join().unwrap();
    }

    struct Shared {
        lock: Lock,
        // Two words that agree whenever the lock is free.
        pair: UnsafeCell<[u64; 2]>,
    }
    // SAFETY: `pair` is touched with the lock held only.
    unsafe impl Sync for Shared {}

    #[test]
    fn holders_exclude_each_other_and_see_each_others_writes() {
        static SHARED: Shared = Shared { lock: new_lock(), pair: UnsafeCell::new([0; 2]) };
        let workers: std::vec::Vec<_> =
            (0..4).map(|_| thread::spawn(|| (0..50_000).for_each(|_| step(&SHARED)))).collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        let _held = SHARED.lock.acquire();
        // SAFETY: the lock is held.
        assert_eq!(unsafe { SHARED.pair.get().read() }, [200_000; 2]);
    }

    fn step(shared: &Shared) {
        let _held = shared.lock.acquire();
        // SAFETY: the lock is held.
        let [a, b] = unsafe { shared.pair.get().read() };
        assert_eq!(a, b);
        // SAFETY: the lock is held.
        unsafe { shared.pair.get().write([a + 1, b + 1]) };
    }
}
