//! `same_again`: a batch service that loads a gigabyte of objects, works on them, drops them all, and does the same again.
//!
//! Two threads hold half of it each, and meet after each batch. An allocator that gives the memory back between two batches pays for
//! every page of the next one.

use std::sync::Barrier;
use std::thread;

use rand::{Rng, RngExt};

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "same_again",
    stands_for: "a batch service that loads 1 GiB of objects, drops them, and loads the next (threads, Box, Vec)",
    kind: Kind::Real,
    threads: Threads::Many,
    prepare,
};

const THREADS: usize = 2;
const BATCHES: usize = 8;
/// Objects of a thread: half a gigabyte, at 300 bytes each.
const OBJECTS: usize = 1_790_000;

fn prepare(settings: &Settings) -> Job {
    let objects = settings.count(OBJECTS);
    Box::new(move || {
        let together = &Barrier::new(THREADS);
        let sums = thread::scope(|scope| {
            let threads: [_; THREADS] = std::array::from_fn(|thread| {
                scope.spawn(move || {
                    (0..BATCHES).map(|batch| run(thread, batch, objects, together)).collect::<Vec<_>>()
                })
            });
            threads.map(|thread| thread.join().expect("a worker does not panic"))
        });
        let mut checksum = Checksum::new();
        sums.into_iter().flatten().for_each(|sum| checksum.add(sum));
        Outcome::new(checksum.value(), BATCHES * THREADS * objects)
    })
}

/// One batch: all objects, a read of some of them, and their end.
fn run(thread: usize, batch: usize, objects: usize, together: &Barrier) -> u64 {
    let mut numbers = random((batch * THREADS + thread) as u64);
    let all: Vec<Box<[u8]>> = (0..objects).map(|_| object(numbers.next_u64())).collect();
    let reads = (0..objects / 8).map(|_| &all[numbers.random_range(0..objects)]);
    let sum = reads.fold(0_u64, |sum, object| sum.rotate_left(3) ^ u64::from(object[object.len() - 1]));
    drop(all);
    together.wait();
    sum
}

/// Mostly some hundred bytes, now and then some thousand: 300 on average.
fn object(word: u64) -> Box<[u8]> {
    let bytes =
        if word & 63 == 0 { 1024 + (word >> 8) as usize % 4096 } else { 32 + (word >> 8) as usize % 448 };
    vec![word as u8; bytes].into_boxed_slice()
}
