//! P31: other processes ask for the recorder, several at once: one thread obeys at a time, and each that asks is answered, or sees that its
//! request was lost.
//!
//! The other processes are threads of the model here, which write as `strata profile` does.
#![cfg(strata_loom)]

use std::sync::Arc;
use strata_core::sync::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use strata_loom_tests::{join, model, payload, spawn};
use strata_recorder::requests::{Requests, next_number};

use std::ptr::{NonNull, without_provenance_mut};

/// What the thread that obeys changes: a cell that loom checks.
fn recorder() -> NonNull<u8> {
    NonNull::new(without_provenance_mut(1 << 12)).expect("not null")
}

/// Asks; the number of the request.
fn ask(requests: &Requests, process: u32) -> u64 {
    let number = next_number(requests.number.load(Relaxed), process);
    requests.mean.store(process.into(), Relaxed);
    requests.milliseconds.store(process.into(), Relaxed);
    requests.number.store(number, Release);
    number
}

/// A thread of the process comes by: it obeys, with what was asked for as the answer.
fn come_by(requests: &Requests) -> Option<u64> {
    let taken = requests.take()?;
    assert!(
        (1..=2).contains(&taken.mean) && (1..=2).contains(&taken.milliseconds),
        "words that nobody wrote"
    );
    payload::write(recorder(), taken.mean);
    requests.answer(&taken, taken.mean);
    Some(taken.mean)
}

#[test]
fn two_threads_come_by() {
    model("two_threads_come_by", None, || {
        let requests = Arc::new(Requests::new());
        ask(&requests, 1);
        let there = Arc::clone(&requests);
        let other = spawn(move || come_by(&there));
        let ours = come_by(&requests);
        let theirs = join(other);
        assert_eq!([ours, theirs].into_iter().flatten().collect::<Vec<_>>(), [1], "one of them obeys");
    });
}

#[test]
fn an_answer_is_there_when_the_request_is_answered() {
    model("an_answer_is_there_when_the_request_is_answered", None, || {
        let requests = Arc::new(Requests::new());
        let there = Arc::clone(&requests);
        let other = spawn(move || {
            let number = ask(&there, 1);
            if there.answered.load(Acquire) == number {
                assert_eq!(there.answer.load(Relaxed), 1);
                payload::expect(recorder(), 1);
            }
        });
        come_by(&requests);
        join(other);
    });
}

#[test]
fn two_ask_at_once_and_none_waits_in_vain() {
    model("two_ask_at_once_and_none_waits_in_vain", Some(3), || {
        let requests = Arc::new(Requests::new());
        let answered = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let others = [1, 2].map(|process| {
            let (there, answered) = (Arc::clone(&requests), Arc::clone(&answered));
            spawn(move || {
                let number = ask(&there, process);
                // What one that waits would see at some time.
                if there.answered.load(Acquire) == number {
                    answered[process as usize - 1].store(1, Relaxed);
                }
                number
            })
        });
        come_by(&requests);
        let numbers = others.map(join);
        // All that come by later.
        while come_by(&requests).is_some() {}
        assert_eq!(
            requests.answered.load(Relaxed),
            requests.number.load(Relaxed),
            "the last one is answered"
        );
        for (number, was_seen) in numbers.into_iter().zip(answered.iter()) {
            let is_answered = was_seen.load(Relaxed) == 1 || requests.answered.load(Relaxed) == number;
            let asks_again = requests.number.load(Relaxed) != number;
            assert!(is_answered || asks_again, "it waits for ever");
        }
    });
}
