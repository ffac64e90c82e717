//! What a thread of the allocator sleeps beside: a ring wakes it, or keeps it from falling asleep.
//!
//! | state  | who may leave it  | to     | by                    | what becomes visible                    |
//! |--------|-------------------|--------|-----------------------|-----------------------------------------|
//! | silent | anybody           | rung   | `ring`, swap Release  | what the ringer did before              |
//! | rung   | the one listener  | silent | `listen`, swap Acquire| the same                                |
//!
//! I1  One thread listens. A ring that comes before it sleeps is kept in the word; one that comes while it falls asleep
//!     changes the word that the kernel compares; one that comes later wakes it. So no ring is lost.
//!
//! Does not know: what for. Model: `loom-tests/tests/p20_purge_thread.rs`; mutants `bell_unheard`, `bell_ring_relaxed`.

use core::ptr::NonNull;
use strata_core::sync::Ordering::Acquire;
use strata_core::sync::WaitWord;
use strata_core::sync::mutation::{BELL_RING, BELL_WAKES};
use strata_os::futex;

const SILENT: u32 = 0;
const RUNG: u32 = 1;

/// The bell.
#[derive(Debug)]
pub struct Bell {
    word: WaitWord,
}

impl Bell {
    strata_core::const_unless_loom! {
        /// A silent one.
        pub fn new() -> Self {
            Self { word: WaitWord::new(SILENT) }
        }
    }

    /// Wakes the listener, now or as soon as it listens: an exchange, and a system call if it has not been rung already.
    pub fn ring(&self) {
        // Release (BELL_RING): publishes what the listener is to find; pairs with Acquire in bell.rs::unless_rung.
        if self.word.swap(RUNG, BELL_RING) == SILENT && BELL_WAKES {
            self.word.wake(futex::wake);
        }
    }

    /// Sleeps until rung; may also return for no reason.
    pub fn listen(&self) {
        self.unless_rung(|| self.word.sleep_while(SILENT, |address| sleep(address, None)));
    }

    /// Sleeps until rung, at most so many milliseconds; may also return for no reason.
    pub fn listen_for(&self, milliseconds: u64) {
        self.unless_rung(|| self.word.nap_while(SILENT, |address| sleep(address, Some(milliseconds))));
    }

    fn unless_rung(&self, fall_asleep: impl FnOnce()) {
        // Acquire: sees what the ringer did; pairs with Release in bell.rs::ring.
        if self.word.swap(SILENT, Acquire) == SILENT {
            fall_asleep();
            // Acquire: as above.
            self.word.swap(SILENT, Acquire);
        }
    }
}

fn sleep(address: NonNull<u32>, milliseconds: Option<u64>) {
    // SAFETY: a word of a static, which lives as long as this code.
    unsafe { futex::wait(address, SILENT, milliseconds) };
}
