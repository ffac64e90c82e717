//! Integrity under load: threads that come and go, blocks that outlive them, every byte checked.
//!
//! ```text
//!   round:  N threads start ─► each allocates, resizes, frees, trades with the market ─► half of what it has left goes to
//!           the market, the rest is freed ─► they end; the next round's threads find the blocks of the dead
//! ```

mod market;
#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
mod random;
#[allow(dead_code, reason = "each test file uses its part")]
mod spin;

use market::Market;
use patterned::{Patterned, layout};
use random::Random;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// How long each number of threads is at it.
const TIME: Duration = Duration::from_secs(8);
/// Operations in a thread's life.
const LIFE: usize = 20_000;
/// Bytes that all threads together, and the market, may hold.
const BOUND: usize = 96 << 20;

/// From, to, and how often: tiny, small, medium, up to the largest runs of pools, and mappings of their own.
const BANDS: [(usize, usize, usize); 6] = [
    (1, 64, 4000),
    (65, 1 << 10, 3000),
    ((1 << 10) + 1, 8 << 10, 600),
    ((8 << 10) + 1, 64 << 10, 100),
    ((64 << 10) + 1, 2 << 20, 12),
    ((2 << 20) + 1, 9 << 20, 1),
];

fn any_size(random: &mut Random) -> usize {
    let mut draw = random.below(BANDS.iter().map(|band| band.2).sum());
    for (from, to, weight) in BANDS {
        if draw < weight {
            return random.between(from, to);
        }
        draw -= weight;
    }
    unreachable!()
}

fn any_align(random: &mut Random) -> usize {
    match random.below(64) {
        0 => 1 << random.between(8, 16),
        1..8 => 1 << random.between(5, 8),
        _ => 1 << random.below(5),
    }
}

/// One thread's life.
struct Life<'all> {
    random: Random,
    own: Vec<Patterned>,
    held: usize,
    bound: usize,
    market: &'all Market,
}

impl Life<'_> {
    fn live(mut self) {
        for _ in 0..LIFE {
            match self.random.below(100) {
                0..45 => self.allocate(),
                45..60 => self.resize(),
                60..70 => self.trade(),
                _ => self.free_one(),
            }
            while self.held > self.bound {
                self.free_one();
            }
        }
        while let Some(block) = self.own.pop() {
            if self.random.once_in(2) { self.offer(block) } else { block.free() }
        }
    }

    fn allocate(&mut self) {
        let layout = layout(any_size(&mut self.random), any_align(&mut self.random));
        let seed = self.random.next();
        let block =
            if seed & 3 == 0 { Patterned::zeroed(layout, seed) } else { Patterned::new(layout, seed) };
        self.keep(block.unwrap());
    }

    fn keep(&mut self, block: Patterned) {
        self.held += block.size();
        self.own.push(block);
    }

    fn take_any(&mut self) -> Option<Patterned> {
        let index = self.random.below(self.own.len().max(1));
        let block = (!self.own.is_empty()).then(|| self.own.swap_remove(index))?;
        self.held -= block.size();
        Some(block)
    }

    fn resize(&mut self) {
        let Some(mut block) = self.take_any() else { return };
        let size = if self.random.once_in(2) {
            self.random.between(1, 2 * block.size())
        } else {
            any_size(&mut self.random)
        };
        assert!(block.resize(size.min(16 << 20), self.random.next()));
        self.keep(block);
    }

    fn free_one(&mut self) {
        if let Some(block) = self.take_any() {
            block.free();
        }
    }

    fn trade(&mut self) {
        if let Some(block) = self.take_any() {
            self.offer(block);
        }
        let draw = self.random.next() as usize;
        let bought = self.market.with(|blocks| {
            (!blocks.is_empty()).then(|| draw % blocks.len()).map(|index| blocks.swap_remove(index))
        });
        if let Some(block) = bought {
            block.check();
            self.keep(block);
        }
    }

    /// Puts a block up; what the market has had for too long, this thread frees.
    fn offer(&mut self, block: Patterned) {
        let surplus = self.market.with(|blocks| {
            blocks.push(block);
            let held: usize =
                if blocks.len() % 64 == 0 { blocks.iter().map(Patterned::size).sum() } else { 0 };
            let keep = if held > BOUND / 4 { blocks.len() / 2 } else { blocks.len().min(4096) };
            blocks.drain(..blocks.len() - keep).collect::<Vec<_>>()
        });
        surplus.into_iter().for_each(Patterned::free);
    }
}

fn stress(threads: usize) {
    let market = Market::default();
    let (start, rounds) = (Instant::now(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let (market, rounds) = (&market, &rounds);
        for thread in 0..threads {
            // A place that is never empty: a block that dies is replaced.
            scope.spawn(move || {
                for life in 0.. {
                    if start.elapsed() > TIME {
                        break;
                    }
                    let random = Random::new((threads << 40 | thread << 20 | life) as u64);
                    let bound = BOUND / 2 / threads;
                    let life = Life { random, own: Vec::new(), held: 0, bound, market };
                    std::thread::scope(|inner| inner.spawn(|| life.live()).join().unwrap());
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    market::close(&market);
    let lives = rounds.load(Ordering::Relaxed);
    println!("  {threads} at a time: {lives} threads lived, {} operations", lives * LIFE as u64);
}

#[test]
fn two_threads_keep_what_they_wrote() {
    stress(2);
}

#[test]
fn four_threads_keep_what_they_wrote() {
    stress(4);
}

#[test]
fn eight_threads_keep_what_they_wrote() {
    stress(8);
}

#[test]
fn sixteen_threads_keep_what_they_wrote() {
    stress(16);
}

#[test]
fn thirty_two_threads_keep_what_they_wrote() {
    stress(32);
}
