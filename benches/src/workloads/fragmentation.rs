//! `fragmentation`: what a heap costs beyond what its program asked for, inside of blocks and between them.
//!
//! *Internal*: blocks of a mixture of sizes, and how long each really is, where the allocator can be asked.
//! *External*: a heap of 64 MiB is filled, seven blocks of eight are freed at random, then it is filled again with other
//! sizes; after each step stands what is resident beside what is alive. The vector that holds the blocks is no part of it.
//!
//! One thread, so that what other threads' caches keep is not part of it: `memory_story` tells that.

use std::hint::black_box;
use std::ops::Range;
use std::ptr::NonNull;
use std::thread;
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

use super::ledger::{Ledger, touched};
use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::data::random;
use crate::subject::UsableSize;
use strata_harness::sample::{Details, Fragmentation, Inside, Moment};

pub(super) const WORKLOAD: Workload = Workload {
    name: "fragmentation",
    stands_for: "a heap that is filled, freed at random and filled again: memory beyond what was asked for",
    kind: Kind::Fragmentation,
    threads: Threads::One,
    prepare,
};

const BYTES: usize = 64 << 20;
/// Longer than the delays after which allocators give memory back.
const PAUSE: Duration = Duration::from_millis(1_200);
const ASKED: usize = 4_096;

/// Two to these powers: what a pool of pymalloc serves, and what goes past it.
const INSIDE: [(&str, Range<f64>); 2] = [("1 to 512 bytes", 0.0..9.0), ("513 bytes to 32 KiB", 9.003..15.0)];
const FIRST: Range<f64> = 4.0..10.0;
const OTHER: Range<f64> = 6.0..12.0;

fn prepare(settings: &Settings) -> Job {
    // Less than half of it would tell of the units that allocators take memory in.
    let limit = (BYTES as f64 * settings.scale.clamp(0.5, 1.0)) as usize;
    let usable_size = settings.usable_size;
    Box::new(move || {
        // First, on an allocator that kept nothing yet.
        let outside = Heap::new(limit).story();
        let inside = INSIDE.map(|(sizes, powers)| inside(sizes, powers, usable_size)).to_vec();
        let checksum = outside.iter().map(|moment| moment.live_bytes).sum();
        let details = Details::Fragmentation(Fragmentation { inside, outside });
        Outcome { details: Some(details), ..Outcome::new(checksum, 0) }
    })
}

fn size(random: &mut Pcg64Mcg, powers: &Range<f64>) -> usize {
    2_f64.powf(random.random_range(powers.clone())) as usize
}

fn inside(sizes: &str, powers: Range<f64>, usable_size: Option<UsableSize>) -> Inside {
    let mut random = random(21);
    let blocks: Vec<Vec<u8>> =
        (0..ASKED).map(|_| Vec::with_capacity(size(&mut random, &powers))).map(black_box).collect();
    let length = |ask: UsableSize, block: &Vec<u8>| {
        let start = NonNull::from(block.as_slice()).cast();
        // SAFETY: a live block: no capacity is zero.
        unsafe { ask(start) as u64 }
    };
    Inside {
        sizes: sizes.to_owned(),
        asked_bytes: blocks.iter().map(|block| block.capacity() as u64).sum(),
        usable_bytes: usable_size.map(|ask| blocks.iter().map(|block| length(ask, block)).sum()),
    }
}

/// The blocks alive.
struct Heap {
    blocks: Vec<Vec<u8>>,
    live: usize,
    limit: usize,
    random: Pcg64Mcg,
    ledger: Ledger,
}

impl Heap {
    fn new(limit: usize) -> Self {
        // More than can be needed: blocks of the first kind have 240 bytes on average.
        let blocks = touched(limit / 160, Vec::new);
        Self { blocks, live: 0, limit, random: random(22), ledger: Ledger::open() }
    }

    fn story(mut self) -> Vec<Moment> {
        self.fill(&FIRST);
        self.note("filled");
        self.free_most();
        self.note("7 of 8 freed at random");
        thread::sleep(PAUSE);
        self.note("a second later");
        self.fill(&OTHER);
        self.note("filled with other sizes");
        self.ledger.moments
    }

    fn fill(&mut self, powers: &Range<f64>) {
        while self.live < self.limit {
            let block = vec![1; size(&mut self.random, powers)];
            self.live += block.len();
            self.blocks.push(block);
        }
    }

    fn free_most(&mut self) {
        self.blocks.shuffle(&mut self.random);
        self.blocks.truncate(self.blocks.len() / 8);
        self.live = self.blocks.iter().map(Vec::len).sum();
    }

    fn note(&mut self, phase: &str) {
        self.ledger.note(phase, self.live);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::c_library_usable_size;

    #[test]
    fn blocks_are_at_least_as_long_as_asked_where_that_is_known() {
        let [known, unknown] =
            [Some(c_library_usable_size as UsableSize), None].map(|ask| inside("small", 0.0..9.0, ask));
        assert!(known.usable_bytes.unwrap() >= known.asked_bytes);
        assert_eq!((unknown.usable_bytes, unknown.asked_bytes), (None, known.asked_bytes));
    }

    #[test]
    fn one_in_eight_survives_and_the_heap_is_filled_again() {
        let moments = Heap::new(1 << 20).story();
        let live: Vec<u64> = moments.iter().map(|moment| moment.live_bytes).collect();
        assert!(
            live[0] >= 1 << 20 && live[1] < live[0] / 6 && live[2] == live[1] && live[3] >= 1 << 20,
            "{live:?}"
        );
    }
}
