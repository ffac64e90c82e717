//! `turns_of_64`: a pool of threads with little to do: each serves one request a second and sleeps between two.

use std::mem;
use std::thread;
use std::time::Duration;

use super::stage::{Actor, Scene, play};
use super::{held, written};
use crate::data::Dice;
use crate::workloads::{Job, Kind, Settings, Threads, Workload};

pub(in crate::workloads) const WORKLOAD: Workload = Workload {
    name: "turns_of_64",
    stands_for: "a pool of 64 threads, one request a second each, 14 MiB live",
    kind: Kind::Story,
    threads: Threads::Many,
    prepare,
};

const THREADS: usize = 64;
const TURNS: usize = 5;
const PERIOD: Duration = Duration::from_secs(1);
/// Blocks that a thread holds all the time, 220 KiB, how often one of them is replaced in a turn, and how many only the request
/// needs: 1.1 MiB.
const BLOCKS: usize = 293;
const REPLACED: usize = 1_000;
const NEEDED: usize = 1_500;

struct Server {
    number: usize,
    turns: usize,
    blocks: Vec<Vec<u8>>,
    dice: Dice,
}

impl Actor for Server {
    fn held(&self) -> usize {
        held(&self.blocks)
    }
}

impl Server {
    fn take_turns(&mut self) {
        // One after another, all the time.
        thread::sleep(PERIOD * self.number as u32 / THREADS as u32);
        for _ in 0..self.turns {
            self.serve();
            thread::sleep(PERIOD);
        }
    }

    fn serve(&mut self) {
        while self.blocks.len() < BLOCKS {
            self.blocks.push(block(&mut self.dice));
        }
        let needed: Vec<Vec<u8>> = (0..NEEDED).map(|_| block(&mut self.dice)).collect();
        for _ in 0..REPLACED {
            let new = block(&mut self.dice);
            drop(mem::replace(&mut self.blocks[self.dice.roll(BLOCKS)], new));
        }
        drop(needed);
    }
}

/// A block of 16 bytes to 4 KiB, all of it written: 765 bytes on average.
fn block(dice: &mut Dice) -> Vec<u8> {
    written(dice.size(16, 8))
}

fn prepare(settings: &Settings) -> Job {
    let turns = settings.count(TURNS).min(TURNS);
    let scenes = [Scene::Act("one turn a second each", Server::take_turns), Scene::Rest("at rest")];
    let server = move |number| Server { number, turns, blocks: Vec::new(), dice: Dice::new(number as u64) };
    Box::new(move || play(THREADS, server, &scenes))
}
