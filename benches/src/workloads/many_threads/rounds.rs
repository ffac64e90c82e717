//! `rounds_of_400`: four hundred threads that live at the same time with a little of everything, end, and are followed by the next.
//!
//! Each takes 100 KB in blocks of 16 bytes to 8 KiB, replaces them at random three times over, waits for the others, and frees all.
//! Decision 0022 tells of the same.

use std::mem;
use std::sync::Barrier;
use std::thread;

use super::{block, held};
use crate::data::Dice;
use crate::workloads::{Job, Kind, Outcome, Settings, Threads, Workload};

pub(in crate::workloads) const WORKLOAD: Workload = Workload {
    name: "rounds_of_400",
    stands_for: "six generations of 400 threads with 100 KB each in blocks of 16 B to 8 KiB, replaced at random",
    kind: Kind::Real,
    threads: Threads::Many,
    prepare,
};

const THREADS: usize = 400;
const ROUNDS: usize = 6;
const BYTES: usize = 100_000;
/// How often a block is replaced, on average.
const TIMES: usize = 3;

fn prepare(settings: &Settings) -> Job {
    let threads = settings.count(THREADS).min(THREADS);
    Box::new(move || {
        let sums = (0..ROUNDS).map(|round| generation(round, threads));
        Outcome::new(sums.sum::<usize>() as u64, 0)
    })
}

/// The sum of what they held at the same time.
fn generation(round: usize, threads: usize) -> usize {
    let together = &Barrier::new(threads);
    thread::scope(|scope| {
        let seeds = round * threads..(round + 1) * threads;
        let all: Vec<_> =
            seeds.map(|seed| scope.spawn(move || live(Dice::new(seed as u64), together))).collect();
        all.into_iter().map(|one| one.join().expect("it does not panic")).sum()
    })
}

fn live(mut dice: Dice, together: &Barrier) -> usize {
    let (mut blocks, mut bytes): (Vec<Vec<u8>>, usize) = (Vec::new(), 0);
    while bytes < BYTES {
        blocks.push(block(&mut dice));
        bytes += blocks.last().map_or(0, Vec::len);
    }
    for _ in 0..TIMES * blocks.len() {
        let new = block(&mut dice);
        let old = dice.roll(blocks.len());
        drop(mem::replace(&mut blocks[old], new));
    }
    together.wait();
    held(&blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_holds_about_as_much() {
        for round in 0..3 {
            let each = generation(round, 4) / 4;
            assert!((BYTES / 2..BYTES * 2).contains(&each), "{each}");
        }
    }
}
