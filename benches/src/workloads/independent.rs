//! `independent`: every thread allocates and frees for itself, a small window of mixed sizes alive: what scaling costs.
//!
//! Each thread does the same amount, so that two threads on two free cores take as long as one.

use std::hint::black_box;

use rand::RngExt;

use super::{Job, Kind, Outcome, Settings, Threads, Workload, together};
use crate::data::random;

/// The same loop on the calling thread, for allocators of one thread.
pub(super) const ALONE: Workload = Workload {
    name: "window",
    stands_for: "one thread that replaces blocks of 16 to 512 bytes in a window of 256",
    kind: Kind::Micro,
    threads: Threads::One,
    prepare: |settings| {
        let (plan, pairs) = (plan(), settings.count(PAIRS_PER_THREAD));
        Box::new(move || Outcome::new(replace(&plan, pairs), pairs))
    },
};

pub(super) const WORKLOAD: Workload = Workload {
    name: "independent",
    stands_for: "threads that allocate and free each for itself, 16 to 512 bytes",
    kind: Kind::Scaling,
    threads: Threads::Many,
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

fn plan() -> Vec<Step> {
    let mut random = random(7);
    (0..PLAN)
        .map(|_| Step {
            slot: random.random_range(0..WINDOW as u16),
            bytes: 16 + random.random_range(0..=62) * 8,
        })
        .collect()
}

fn prepare(settings: &Settings) -> Job {
    let plan = plan();
    let (threads, pairs) = (settings.threads, settings.count(PAIRS_PER_THREAD));
    Box::new(move || work(&plan, threads, pairs))
}

fn work(plan: &[Step], threads: usize, pairs: usize) -> Outcome {
    let (sums, wall) = together::run(threads, |_| replace(plan, pairs));
    Outcome { wall: Some(wall), ..Outcome::new(sums.iter().sum(), threads * pairs) }
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
