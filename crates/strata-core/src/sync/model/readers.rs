//! Who has read a word: what loom forgets, and needs in order to play all orders.
//!
//! loom 0.7 finds out which steps to swap by comparing each with the *last* access to the same object. A thread that loads a
//! word and then exchanges it (as every compare-and-swap loop does) is compared with its own load, and the load that another
//! thread did before that is never seen: `a.load() | b.load(); b.exchange()` is played in one order only. (Known as loom's
//! issue 166, "may miss interleavings".)
//!
//! So each word has a mark for each thread: a read *touches* the reader's mark right after it, a write *reads* those of
//! all others right before it. To touch is an exchange that always fails: loom takes it for a write, but no value changes
//! and nothing is ordered by it, so such a read has one value to see. These reads do not disturb one another. No other thread is let in
//! between an access and its marks (`stop_exploring`): a race that loom finds there is played out at the access itself, so
//! the marks add no orders of their own.
//!
//! Does not know: the word.

use core::fmt::{self, Write as _};
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::cell::Cell;

/// loom's five less one: what the models here need.
const MOST_THREADS: usize = 4;

std::thread_local! {
    // All threads of a model are one thread of the system.
    static THREADS: Cell<usize> = const { Cell::new(1) };
}

/// The first thread is alone: before it starts others, and when they have ended. Nothing is marked meanwhile.
pub fn alone() {
    THREADS.set(1);
}

/// A thread is started.
pub fn one_more_thread() {
    THREADS.set(THREADS.get() + 1);
    assert!(THREADS.get() <= MOST_THREADS, "a model has at most {MOST_THREADS} threads");
}

/// The marks of one word.
#[derive(Debug)]
pub(super) struct Readers([AtomicU64; MOST_THREADS]);

impl Readers {
    pub(super) fn none() -> Self {
        Self([const { 0 }; MOST_THREADS].map(AtomicU64::new))
    }

    /// The caller has read.
    pub(super) fn touch(&self) {
        if THREADS.get() > 1 {
            loom::stop_exploring();
            // Relaxed: nothing is to be ordered by it.
            let untouched = self.0[caller()].compare_exchange(1, 1, Relaxed, Relaxed);
            loom::explore();
            assert_eq!(untouched, Err(0));
        }
    }

    /// The caller is about to write.
    pub(super) fn look(&self) {
        if THREADS.get() > 1 {
            let caller = caller();
            let others = (0..THREADS.get()).filter(|thread| *thread != caller);
            loom::stop_exploring();
            // Relaxed: nothing is to be ordered by it.
            others.for_each(|thread| assert_eq!(self.0[thread].load(Relaxed), 0));
            loom::explore();
        }
    }
}

/// The number of the calling thread, in the order in which they were started.
fn caller() -> usize {
    let mut number = Digits(0);
    let written = write!(number, "{:?}", loom::thread::current().id());
    assert!(written.is_ok() && number.0 < MOST_THREADS);
    number.0
}

/// The number in a text: loom shows the number of a thread in no other way.
struct Digits(usize);

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for digit in text.bytes().filter(u8::is_ascii_digit) {
            self.0 = self.0 * 10 + usize::from(digit - b'0');
        }
        Ok(())
    }
}
