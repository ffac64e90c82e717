//! What other processes ask of the recorder: words that they write, and that one of this process's threads obeys and answers.
//!
//! | a request is | who may leave it         | to       | by                                                        |
//! |--------------|--------------------------|----------|-----------------------------------------------------------|
//! | answered     | another process          | asked    | the other words, and then a `number` that was none before |
//! | asked        | any thread               | taken    | `take`: CAS of `taken`                                    |
//! | asked        | another process          | asked    | the same: the request before is lost, and asked again     |
//! | taken        | the thread that took it  | answered | `answer`: the answer, and then `answered`, Release        |
//!
//! Q1  The words of a request are written before its number. No two requests have the same: a number says which process asks, too.
//! Q2  One thread at a time obeys. What it reads may be of a later request that is half written, each word of one that was asked.
//! Q3  Who finds neither its number in `number` nor in `answered` asks again. So several may ask at once, and each gets what it asks for.
//!
//! Does not know: how the other process writes, what it takes to obey. Model: `loom-tests/tests/p31_requests.rs`.

use strata_core::sync::mutation::{REQUEST_ANSWERED, REQUEST_EXCHANGES};
use strata_core::sync::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};

/// The words; all-zero bytes are nothing asked.
#[derive(Debug)]
#[repr(C)]
pub struct Requests {
    /// Bytes between samples.
    pub mean: AtomicU64,
    /// For how many milliseconds.
    pub milliseconds: AtomicU64,
    /// Which request it is ([`next_number`]).
    pub number: AtomicU64,
    /// The number of the request that was answered last.
    pub answered: AtomicU64,
    /// What was answered.
    pub answer: AtomicU64,
    /// The number of the request that a thread took last.
    taken: AtomicU64,
}

/// A request that a thread has taken: its own until it answers.
#[derive(Debug)]
#[must_use = "who asked waits for an answer"]
pub struct Taken {
    number: u64,
    /// Bytes between samples.
    pub mean: u64,
    /// For how many milliseconds.
    pub milliseconds: u64,
}

/// Bits of a number that say which process asks.
const PROCESS_BITS: u32 = 24;

/// The number of a request of a process, behind another's.
pub fn next_number(number: u64, process: u32) -> u64 {
    ((number >> PROCESS_BITS) + 1) << PROCESS_BITS | u64::from(process) & ((1 << PROCESS_BITS) - 1)
}

impl Requests {
    strata_core::const_unless_loom! {
        /// Nothing is asked.
        pub fn new() -> Self {
            Self {
                mean: AtomicU64::new(0),
                milliseconds: AtomicU64::new(0),
                number: AtomicU64::new(0),
                answered: AtomicU64::new(0),
                answer: AtomicU64::new(0),
                taken: AtomicU64::new(0),
            }
        }
    }

    /// A request that is not answered yet, if no other thread is at it.
    #[inline]
    pub fn take(&self) -> Option<Taken> {
        // Acquire: the words of the request (Q1), which another process wrote.
        let number = self.number.load(Acquire);
        // Acquire: what the one that answered before left; pairs with Release in requests.rs::answer.
        let answered = self.answered.load(Acquire);
        if number == answered {
            return None;
        }
        if REQUEST_EXCHANGES {
            // Relaxed: a claim; it carries nothing.
            self.taken.compare_exchange(answered, number, Relaxed, Relaxed).ok()?;
        } else {
            self.taken.store(number, Relaxed);
        }
        // Relaxed: Q2.
        let (mean, milliseconds) = (self.mean.load(Relaxed), self.milliseconds.load(Relaxed));
        Some(Taken { number, mean, milliseconds })
    }

    /// Answers a request.
    pub fn answer(&self, taken: &Taken, answer: u64) {
        // Relaxed: the Release below carries it.
        self.answer.store(answer, Relaxed);
        // Release (REQUEST_ANSWERED): carries the answer, for who reads it from outside, and what was done, for the next one that obeys; pairs
        // with Acquire in requests.rs::take.
        self.answered.store(taken.number, REQUEST_ANSWERED);
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    fn ask(requests: &Requests, process: u32, mean: u64) -> u64 {
        let number = next_number(requests.number.load(Relaxed), process);
        requests.mean.store(mean, Relaxed);
        requests.number.store(number, Relaxed);
        number
    }

    #[test]
    fn a_request_is_taken_once_and_answered() {
        let requests = Requests::new();
        assert!(requests.take().is_none());
        let number = ask(&requests, 7, 4096);
        let taken = requests.take().unwrap();
        assert_eq!((taken.number, taken.mean), (number, 4096));
        assert!(requests.take().is_none(), "another thread is at it");
        requests.answer(&taken, 3);
        assert_eq!([&requests.answered, &requests.answer].map(|word| word.load(Relaxed)), [number, 3]);
        assert!(requests.take().is_none());
    }

    #[test]
    fn two_that_ask_at_once_have_two_numbers() {
        let before = next_number(0, 1);
        assert_eq!(before >> PROCESS_BITS, 1);
        assert_ne!(next_number(before, 2), next_number(before, 3));
        assert!(next_number(before, 0) > before);
    }
}
