//! `box_pair`: one box of a fixed size, allocated and freed by the same thread: the fast path and nothing else.
//!
//! The payload is written and seen by an opaque reader, so that the compiler can remove neither the box nor its
//! content; it can inline everything else.

use std::hint::black_box;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};

pub(super) const WORKLOAD: Workload = Workload {
    name: "box_pair",
    stands_for: "a box of 48 bytes, allocated and freed by the same thread",
    kind: Kind::Micro,
    threads: Threads::One,
    prepare,
};

const PAIRS: usize = 100_000_000;

type Payload = [u64; 6];

fn prepare(settings: &Settings) -> Job {
    let pairs = settings.count(PAIRS);
    Box::new(move || Outcome::new(run(pairs as u64), pairs))
}

fn run(pairs: u64) -> u64 {
    let mut sum = 0_u64;
    for number in 0..pairs {
        let block: Box<Payload> = Box::new([number; 6]);
        black_box::<&Payload>(&block);
        sum = sum.wrapping_add(block[5]);
    }
    sum
}
