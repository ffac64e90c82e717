//! `short_threads`: a server with a thread per request: each lives for some hundred allocations (std::thread).
//!
//! A thread's answer outlives it: it is read and freed by the thread that started it.

use std::collections::BTreeMap;
use std::thread;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::Words;

pub(super) const WORKLOAD: Workload = Workload {
    name: "short_threads",
    stands_for: "a server with a thread per request; answers outlive their threads (std::thread)",
    kind: Kind::Real,
    threads: Threads::Many,
    prepare,
};

const THREADS: usize = 14_000;
const AT_ONCE: usize = 8;

fn prepare(settings: &Settings) -> Job {
    let words = Words::new(71, 3_000);
    let requests: Vec<String> = (0..64).map(|_| words.text(5)).collect();
    let threads = settings.count(THREADS);
    Box::new(move || work(&requests, threads))
}

fn work(requests: &[String], threads: usize) -> Outcome {
    let mut checksum = Checksum::new();
    for batch in (0..threads).step_by(AT_ONCE) {
        let numbers = batch..(batch + AT_ONCE).min(threads);
        for line in serve_at_once(requests, numbers) {
            checksum.add_bytes(line.as_bytes());
        }
    }
    checksum.into()
}

fn serve_at_once(requests: &[String], numbers: std::ops::Range<usize>) -> Vec<String> {
    thread::scope(|scope| {
        let handles: Vec<_> =
            numbers.map(|number| scope.spawn(move || serve(&requests[number % requests.len()]))).collect();
        handles.into_iter().flat_map(|handle| handle.join().expect("serving cannot panic")).collect()
    })
}

/// Counts the words of a request and formats the answer.
fn serve(request: &str) -> Vec<String> {
    let mut counts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (position, word) in request.split_whitespace().enumerate() {
        counts.entry(word.to_lowercase()).or_default().push(position);
    }
    counts.iter().map(|(word, positions)| format!("{word}: {positions:?}")).collect()
}
