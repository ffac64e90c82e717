//! One race, or none: what `cargo xtask tsan` shows ThreadSanitizer first, to know that it sees.
//!
//! `relaxed` publishes a plain write with a Relaxed store and must be reported; `release` is the same program done right.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

struct Mailbox {
    letter: UnsafeCell<u64>,
    flag: AtomicBool,
}

// SAFETY: wrong on purpose under `relaxed`; under `release` the letter is read only behind the flag.
unsafe impl Sync for Mailbox {}

static MAILBOX: Mailbox = Mailbox { letter: UnsafeCell::new(0), flag: AtomicBool::new(false) };

fn main() {
    let order = match std::env::args().nth(1).as_deref() {
        Some("relaxed") => Ordering::Relaxed,
        _ => Ordering::Release,
    };
    let writer = std::thread::spawn(move || {
        // SAFETY: no thread reads before the flag is up.
        unsafe { *MAILBOX.letter.get() = 7 };
        MAILBOX.flag.store(true, order);
    });
    while !MAILBOX.flag.load(Ordering::Acquire) {
        std::hint::spin_loop();
    }
    // SAFETY: the flag is up, so the letter is written (under `release`).
    assert_eq!(unsafe { *MAILBOX.letter.get() }, 7);
    writer.join().expect("the writer does not panic");
}
