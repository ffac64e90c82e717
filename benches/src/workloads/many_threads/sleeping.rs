//! `sleeping_threads`: a thousand threads that churned and now sleep, a hundred live blocks each: what is kept for them?

use std::mem;

use super::stage::{Actor, Scene, play};
use super::{block, held};
use crate::data::Dice;
use crate::workloads::{Job, Kind, Settings, Threads, Workload};

pub(in crate::workloads) const WORKLOAD: Workload = Workload {
    name: "sleeping_threads",
    stands_for: "1,000 threads that sleep after churn, each with 100 live blocks of 16 B to 8 KiB",
    kind: Kind::Story,
    threads: Threads::Many,
    prepare,
};

const THREADS: usize = 1_000;
const BLOCKS: usize = 100;
/// Blocks that each thread replaces.
const CHURN: usize = 3_000;

struct Sleeper {
    blocks: Vec<Vec<u8>>,
    dice: Dice,
}

impl Actor for Sleeper {
    fn held(&self) -> usize {
        held(&self.blocks)
    }
}

impl Sleeper {
    fn churn(&mut self) {
        self.blocks = (0..BLOCKS).map(|_| block(&mut self.dice)).collect();
        for _ in 0..CHURN {
            let new = block(&mut self.dice);
            drop(mem::replace(&mut self.blocks[self.dice.roll(BLOCKS)], new));
        }
    }
}

fn prepare(settings: &Settings) -> Job {
    let threads = settings.count(THREADS).min(THREADS);
    let scenes = [Scene::Act("churn", Sleeper::churn), Scene::Rest("asleep")];
    let sleeper = |number: usize| Sleeper { blocks: Vec::new(), dice: Dice::new(number as u64) };
    Box::new(move || play(threads, sleeper, &scenes))
}
