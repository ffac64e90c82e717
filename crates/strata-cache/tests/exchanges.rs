//! How many atomic read-modify-writes a free and a refill cost, for 2, 8 and 32 threads: `cargo xtask exchanges`.
//!
//! The threads are simulated: caches that take turns on one thread, so that the counts are the same in every run. What contention
//! adds is not in them.
#![cfg(strata_counted)]

use std::collections::HashMap;
use std::mem::replace;
use strata_cache::{Cache, Runtime};
use strata_core::address::UserPtr;
use strata_core::size_class::SizeClass;
use strata_core::sync::{act_as, exchanges, fetches};

const CLASS: SizeClass = SizeClass::of(256);
/// Blocks that are alive at a time: 64 pools of the class.
const LIVE: usize = 64 * 256;
const TURNS: usize = 200_000;

/// Numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

fn new(cache: &Cache) -> UserPtr {
    new_of(cache, CLASS)
}

fn new_of(cache: &Cache, class: SizeClass) -> UserPtr {
    // SAFETY: the caches take turns on one thread.
    UserPtr::new(unsafe { cache.alloc(class) }.expect("memory").as_non_null())
}

fn free(cache: &Cache, block: UserPtr) {
    // SAFETY: the caches take turns on one thread; a test gives a block back once.
    unsafe { cache.free(block, CLASS) };
}

fn caches(threads: usize) -> Vec<&'static Cache> {
    let runtime: &'static Runtime = Box::leak(Box::new(Runtime::new()));
    runtime.page_heap.set_purge_delay(u64::MAX);
    (0..threads).map(|_| runtime.enter().expect("a slot")).collect()
}

/// Exchanges for each of [`TURNS`] calls of `play`, after as many to warm up.
fn a_turn(mut play: impl FnMut(usize)) -> f64 {
    (0..TURNS).for_each(&mut play);
    let before = exchanges();
    (0..TURNS).for_each(&mut play);
    (exchanges() - before) as f64 / TURNS as f64
}

/// Each thread replaces blocks of its own at random.
fn local(threads: usize) -> f64 {
    let (caches, mut random) = (caches(threads), Random(1));
    let mut blocks: Vec<Vec<UserPtr>> =
        caches.iter().map(|cache| (0..LIVE / threads).map(|_| new(cache)).collect()).collect();
    a_turn(|turn| {
        let (cache, own) = (caches[turn % threads], &mut blocks[turn % threads]);
        let index = random.below(own.len());
        free(cache, own[index]);
        own[index] = new(cache);
    })
}

/// Half of the threads take blocks in runs, and the other half frees them in the same order.
fn producer_consumer(threads: usize) -> f64 {
    const RUN: usize = 256;
    let caches = caches(threads);
    let mut queues: Vec<std::collections::VecDeque<UserPtr>> = vec![Default::default(); threads / 2];
    a_turn(|turn| {
        let pair = turn / RUN % (threads / 2);
        if turn / RUN / (threads / 2) % 2 == 0 {
            queues[pair].push_back(new(caches[2 * pair]));
        } else if let Some(block) = queues[pair].pop_front() {
            free(caches[2 * pair + 1], block);
        }
    }) * 2.0
}

/// Each thread frees a block of any thread's and takes one.
fn all_to_all(threads: usize) -> f64 {
    let (caches, mut random) = (caches(threads), Random(7));
    let mut blocks: Vec<_> = (0..LIVE).map(|index| new(caches[index % threads])).collect();
    a_turn(|_| {
        let index = random.below(blocks.len());
        free(caches[random.below(threads)], blocks[index]);
        blocks[index] = new(caches[random.below(threads)]);
    })
}

/// Threads take blocks in order and one frees them at random: nothing is taken again.
fn refills_and_random_frees() -> (f64, f64) {
    let (caches, mut random) = (caches(2), Random(3));
    let before = exchanges();
    let mut blocks: Vec<_> = (0..LIVE).map(|_| new(caches[0])).collect();
    let taken = (exchanges() - before) as f64 / LIVE as f64;
    (1..blocks.len()).rev().for_each(|index| blocks.swap(index, random.below(index + 1)));
    let before = exchanges();
    blocks.into_iter().for_each(|block| free(caches[1], block));
    (taken, (exchanges() - before) as f64 / LIVE as f64)
}

/// What one replacement costs.
#[derive(Debug)]
struct Cost {
    exchanges: f64,
    /// Lines of atomics that the thread fetches from others.
    fetches: f64,
    /// Blocks that another thread freed last: their lines are fetched, too.
    others_blocks: f64,
}

/// Each thread replaces blocks of its own at random, of many sizes; ten in a row, as if all ran at once.
fn many_sizes(threads: usize, live: usize, size: fn(&mut Random) -> usize) -> Cost {
    const ROW: usize = 10;
    let (caches, mut random, mut freed_by) = (caches(threads), Random(5), HashMap::new());
    let mut blocks: Vec<Vec<(UserPtr, SizeClass)>> = vec![Vec::new(); threads];
    let fill = |thread: usize, random: &mut Random| {
        act_as(thread);
        let class = SizeClass::of(size(random));
        (new_of(caches[thread], class), class)
    };
    (0..live * threads).for_each(|turn| blocks[turn % threads].push(fill(turn % threads, &mut random)));
    let mut others_blocks = 0;
    let mut play = |turn: usize| {
        let thread = turn / ROW % threads;
        let (block, class) = fill(thread, &mut random);
        others_blocks += u32::from(freed_by.get(&block.as_non_null()).is_some_and(|by| *by != thread));
        let (old, old_class) = replace(&mut blocks[thread][random.below(live)], (block, class));
        freed_by.insert(old.as_non_null(), thread);
        // SAFETY: the caches take turns on one thread; each block is given back once.
        unsafe { caches[thread].free(old, old_class) };
        others_blocks
    };
    let turns = TURNS * threads;
    let warm = (0..turns).map(&mut play).last().unwrap_or(0);
    let before = (exchanges(), fetches());
    let all = (0..turns).map(&mut play).last().unwrap_or(0);
    let each = |count: u64| count as f64 / turns as f64;
    act_as(0);
    Cost {
        exchanges: each(exchanges() - before.0),
        fetches: each(fetches() - before.1),
        others_blocks: each((all - warm).into()),
    }
}

#[test]
fn threads_that_share_no_block_rarely_wait_for_each_other() {
    println!(
        "a replacement of many sizes: exchanges, lines fetched from other threads, blocks that another freed last:"
    );
    for threads in [1, 2, 4] {
        let small = many_sizes(threads, 20_000, |random| 8 + random.below(593));
        let mixed = many_sizes(threads, 3_000, |random| {
            let least = 16 << random.below(12);
            least + random.below(least)
        });
        println!("{threads:>8} threads, 8 to 600 bytes: {small:.4?}");
        println!("{threads:>8} threads, to 64 KiB:      {mixed:.4?}");
        assert!(small.fetches <= 0.011 * threads as f64 && small.others_blocks <= 0.006 * threads as f64);
        assert!(mixed.exchanges <= 0.12 && mixed.fetches <= 0.03 * threads as f64);
    }
}

#[test]
fn frees_cost_few_exchanges_whatever_the_traffic() {
    println!("exchanges for a free and an allocation together:");
    println!("{:>8} {:>8} {:>18} {:>11}", "threads", "local", "producer-consumer", "all to all");
    for threads in [2, 8, 32] {
        let counts = [local(threads), producer_consumer(threads), all_to_all(threads)];
        println!("{threads:>8} {:>8.3} {:>18.3} {:>11.3}", counts[0], counts[1], counts[2]);
        assert!(counts[0] <= 0.25, "replacing own blocks");
        assert!(counts[1] <= 0.2, "a tenth for a free in runs, and the same for its refill");
        assert!(counts[2] <= 0.5, "a quarter for a free of any thread's, and the same for its refill");
    }
    let (taken, freed) = refills_and_random_frees();
    println!("taken in order {taken:.3} a block; all freed at random by another {freed:.3}");
    assert!(taken <= 0.1);
    assert!(freed <= 1.25, "a chain of one block each, at worst");
}
