//! Parks one thread of the allocator until it is unparked.
//!
//! | state    | who may leave it   | to       | by                     | what becomes visible        |
//! |----------|--------------------|----------|------------------------|-----------------------------|
//! | empty    | any thread         | notified | `unpark`, swap Release | what that thread did before |
//! | notified | the one that parks | empty    | `park`, swap Acquire   | the same                    |
//!
//! I1  One thread parks. An `unpark` that comes before it sleeps is kept in the word; one that comes while it falls asleep
//!     changes the word that the kernel compares; one that comes later wakes it. So none is lost.
//!
//! Does not know: what for. Model: `loom-tests/tests/p20_purge_thread.rs`; mutants `unpark_unheard`, `unpark_relaxed`.
//! Idea: a token for one thread (`std::thread::park`).

use core::ptr::NonNull;
use strata_core::sync::Ordering::Acquire;
use strata_core::sync::WaitWord;
use strata_core::sync::mutation::{UNPARK, UNPARK_WAKES};
use strata_os::futex;

const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;

/// The parker of one thread.
#[derive(Debug)]
pub struct Parker {
    word: WaitWord,
}

impl Parker {
    strata_core::const_unless_loom! {
        /// One that was not unparked.
        pub fn new() -> Self {
            Self { word: WaitWord::new(EMPTY) }
        }
    }

    /// Wakes the thread, now or as soon as it parks: an exchange, and a system call if it has not been unparked already.
    pub fn unpark(&self) {
        // Release (UNPARK): publishes what the woken thread is to find; pairs with Acquire in parker.rs::unless_unparked.
        if self.word.swap(NOTIFIED, UNPARK) == EMPTY && UNPARK_WAKES {
            self.word.wake(futex::wake);
        }
    }

    /// Sleeps until unparked; may also return spuriously.
    pub fn park(&self) {
        self.unless_unparked(|| self.word.sleep_while(EMPTY, |address| sleep(address, None)));
    }

    /// Sleeps until unparked, at most `milliseconds`; may also return spuriously.
    pub fn park_for(&self, milliseconds: u64) {
        self.unless_unparked(|| self.word.nap_while(EMPTY, |address| sleep(address, Some(milliseconds))));
    }

    fn unless_unparked(&self, fall_asleep: impl FnOnce()) {
        // Acquire: sees what the other thread did; pairs with Release in parker.rs::unpark.
        if self.word.swap(EMPTY, Acquire) == EMPTY {
            fall_asleep();
            // Acquire: sees what the other thread did; pairs with Release in parker.rs::unpark.
            self.word.swap(EMPTY, Acquire);
        }
    }
}

fn sleep(address: NonNull<u32>, milliseconds: Option<u64>) {
    // SAFETY: a word of a static, which lives as long as this code.
    unsafe { futex::wait(address, EMPTY, milliseconds) };
}
