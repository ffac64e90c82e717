//! Blocks that other threads give back: to an owner that goes on, that leaves meanwhile, that is gone.
//!
//! Each test counts pools afterwards: a free that is lost keeps its pool for ever.

#[allow(dead_code, reason = "each test file uses its part")]
mod bare;
mod market;
#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
#[allow(dead_code, reason = "each test file uses its part")]
mod random;
#[allow(dead_code, reason = "each test file uses its part")]
mod spin;

use bare::in_bare_thread;
use market::Market;
use patterned::{Patterned, layout};
use process::{alone, is_slow};
use random::Random;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use strata_cache::thread::{RUNTIME, cache};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Few, so that many threads meet in one pool.
const SIZES: [usize; 5] = [16, 100, 1000, 9000, 30_000];

fn rounds(many: usize) -> usize {
    if is_slow() { many / 10 } else { many }
}

/// Pools in use once this thread has given back what it can.
fn used_pools() -> u64 {
    // SAFETY: the calling thread's own cache.
    unsafe { cache().collect() };
    RUNTIME.page_heap.snapshot().used_pools
}

/// Longer than a thread is kept from a processor while it holds pools to purge them, which count as used meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `test`, all of whose threads end, and expects that it leaves no pool in use.
fn expect_no_pool_lost(test: impl FnOnce()) {
    let before = used_pools();
    test();
    let (start, mut after) = (Instant::now(), used_pools());
    while after > before + 2 && start.elapsed() < PATIENCE {
        std::thread::yield_now();
        after = used_pools();
    }
    assert!(after <= before + 2, "{before} pools in use became {after}");
}

fn new_blocks(random: &mut Random, count: usize) -> Vec<Patterned> {
    let size = SIZES[random.below(SIZES.len())];
    (0..count).map(|_| Patterned::new(layout(size - random.below(8), 8), random.next()).unwrap()).collect()
}

/// Frees what comes up, in no order, until told that nothing more does.
fn free_from(market: &Market, is_over: &AtomicBool, seed: u64) {
    let mut random = Random::new(seed);
    loop {
        let over = is_over.load(Ordering::Acquire);
        let draw = random.next() as usize;
        let some: Vec<_> = market.with(|blocks| {
            let count = blocks.len().min(draw % 40);
            (0..count).map(|step| blocks.swap_remove(draw.wrapping_mul(step + 1) % blocks.len())).collect()
        });
        let none = some.is_empty();
        some.into_iter().for_each(Patterned::free);
        if none {
            if over && market.with(|blocks| blocks.is_empty()) {
                return;
            }
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_owner_that_goes_on_gets_back_what_three_threads_free() {
    alone("an_owner_that_goes_on_gets_back_what_three_threads_free", || {
        expect_no_pool_lost(|| {
            let (market, is_over) = (&Market::default(), &AtomicBool::new(false));
            std::thread::scope(|scope| {
                let freeing: [_; 3] = std::array::from_fn(|seed| {
                    scope.spawn(move || in_bare_thread(move || free_from(market, is_over, seed as u64)))
                });
                let owner = scope.spawn(move || {
                    let mut random = Random::new(10);
                    for _ in 0..rounds(15_000) {
                        let count = random.between(1, 150);
                        let fresh = new_blocks(&mut random, count);
                        market.with(|blocks| blocks.extend(fresh));
                    }
                    is_over.store(true, Ordering::Release);
                });
                owner.join().unwrap();
                freeing.into_iter().for_each(|thread| thread.join().unwrap());
            });
            market::close(market);
        });
    });
}

#[test]
fn owners_that_leave_while_their_blocks_are_freed_lose_none() {
    alone("owners_that_leave_while_their_blocks_are_freed_lose_none", || {
        expect_no_pool_lost(|| {
            let (market, is_over) = (&Market::default(), &AtomicBool::new(false));
            let leaving = &AtomicUsize::new(2);
            std::thread::scope(|scope| {
                let mut threads = Vec::new();
                for seed in 0..2 {
                    threads.push(scope.spawn(move || free_from(market, is_over, seed)));
                    // Owners one after the other, each with a few pools, and gone as soon as its blocks are up.
                    threads.push(scope.spawn(move || {
                        for life in 0..rounds(20_000) as u64 {
                            in_bare_thread(move || {
                                let mut random = Random::new(seed << 32 | life);
                                let count = random.between(1, 60);
                                let fresh = new_blocks(&mut random, count);
                                market.with(|blocks| blocks.extend(fresh));
                            });
                        }
                        if leaving.fetch_sub(1, Ordering::AcqRel) == 1 {
                            is_over.store(true, Ordering::Release);
                        }
                    }));
                }
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            });
            market::close(market);
        });
    });
}

#[test]
fn everybody_frees_what_everybody_allocates_and_nothing_is_lost() {
    alone("everybody_frees_what_everybody_allocates_and_nothing_is_lost", || {
        expect_no_pool_lost(|| {
            let market = &Market::default();
            std::thread::scope(|scope| {
                let threads: [_; 6] = std::array::from_fn(|seed| {
                    scope.spawn(move || {
                        let mut random = Random::new(seed as u64);
                        for _ in 0..rounds(15_000) {
                            let count = random.below(80);
                            let fresh = new_blocks(&mut random, count);
                            let old: Vec<_> = market.with(|blocks| {
                                blocks.extend(fresh);
                                let keep = blocks.len().min(400);
                                // The oldest go first, so that pools drain.
                                blocks.drain(..blocks.len() - keep).collect()
                            });
                            old.into_iter().for_each(Patterned::free);
                        }
                    })
                });
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            });
            market::close(market);
        });
    });
}
