//! `independent`: every thread allocates and frees for itself, a small window of mixed sizes alive: what scaling costs.
//!
//! Each thread does the same amount, so that two threads on two free cores take as long as one. The clock starts once
//! all threads stand ready and stops when the last one is done.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::{Job, Kind, Outcome, Settings, Workload};
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "independent",
    stands_for: "threads that allocate and free each for itself, 16 to 512 bytes",
    kind: Kind::Scaling,
    prepare,
};

const PAIRS_PER_THREAD: usize = 50_000_000;
const WINDOW: usize = 256;
const PLAN: usize = 4_096;

/// Which slot of the window is replaced next, by how many bytes.
#[derive(Debug, Clone, Copy)]
struct Step {
    slot: u16,
    bytes: u16,
}

fn prepare(settings: &Settings) -> Job {
    let mut random = random(7);
    let plan: Vec<Step> = (0..PLAN)
        .map(|_| Step {
            slot: random.random_range(0..WINDOW as u16),
            bytes: 16 + random.random_range(0..=62) * 8,
        })
        .collect();
    let (threads, pairs) = (settings.threads, settings.count(PAIRS_PER_THREAD));
    Box::new(move || work(&plan, threads, pairs))
}

fn work(plan: &[Step], threads: usize, pairs: usize) -> Outcome {
    let ready = Barrier::new(threads);
    let spans: Vec<Span> = thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(|| timed(&ready, plan, pairs))).collect();
        handles.into_iter().map(|handle| handle.join().expect("the loop cannot panic")).collect()
    });
    Outcome {
        checksum: spans.iter().fold(0, |sum, span| sum.wrapping_add(span.sum)),
        operations: (threads * pairs) as u64,
        wall: Some(duration(&spans)),
    }
}

#[derive(Debug)]
struct Span {
    start: Instant,
    end: Instant,
    sum: u64,
}

fn duration(spans: &[Span]) -> Duration {
    let start = spans.iter().map(|span| span.start).min();
    let end = spans.iter().map(|span| span.end).max();
    start.zip(end).map_or(Duration::ZERO, |(start, end)| end - start)
}

fn timed(ready: &Barrier, plan: &[Step], pairs: usize) -> Span {
    ready.wait();
    let start = Instant::now();
    let sum = replace(plan, pairs);
    Span { start, end: Instant::now(), sum }
}

fn replace(plan: &[Step], pairs: usize) -> u64 {
    let mut window: Vec<Vec<u8>> = (0..WINDOW).map(|_| Vec::new()).collect();
    let mut sum = 0_u64;
    for step in plan.iter().cycle().take(pairs) {
        let mut block: Vec<u8> = Vec::with_capacity(usize::from(step.bytes));
        block.push(step.bytes as u8);
        let slot = &mut window[usize::from(step.slot)];
        sum = sum.wrapping_add(slot.first().copied().map_or(0, u64::from));
        *slot = black_box(block);
    }
    sum
}
