//! `fork` while other threads allocate: the child has one thread, and whatever the others were in the middle of.

#[allow(dead_code, reason = "each test file uses its part")]
mod bare;
mod churn;
mod forked;
mod market;
#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
mod random;
#[allow(dead_code, reason = "each test file uses its part")]
mod spin;

use bare::in_bare_thread;
use churn::churn;
use forked::{expect_good_end, forked};
use market::Market;
use patterned::{Patterned, layout};
use process::{alone, is_slow};
use random::Random;
use std::sync::atomic::{AtomicBool, Ordering};
use strata_cache::thread::RUNTIME;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

const THREADS: usize = 8;

/// How often a child is made of the busy process.
fn forks() -> u64 {
    if is_slow() { 60 } else { 300 }
}

/// What keeps every part of the allocator busy until told to stop; some blocks go to the forking thread.
fn allocate_until(stop: &AtomicBool, seed: u64, shared: &Market) {
    let mut random = Random::new(seed);
    let mut own = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let size = match random.below(20_000) {
            0 => random.between(2 << 20, 4 << 20),
            1..40 => random.between(32 << 10, 1 << 20),
            _ => random.between(1, 2000),
        };
        own.extend(Patterned::new(layout(size, 8), seed));
        if own.len() > 500 {
            let victim = random.below(own.len());
            own.swap_remove(victim).free();
        }
        if random.once_in(500) {
            // A handful is always there for the taking.
            let surplus = shared.with(|shared| {
                shared.extend(own.pop());
                if shared.len() > 200 { shared.pop() } else { None }
            });
            surplus.into_iter().for_each(Patterned::free);
        }
    }
    own.into_iter().for_each(Patterned::free);
}

/// What the child does; it must not touch a lock of the standard library that another thread may have held.
fn live_as_child(inherited: Vec<Patterned>, number: u64) {
    if number.is_multiple_of(16) {
        churn(number);
    }
    inherited.into_iter().for_each(Patterned::free);
    let mut blocks: Vec<_> =
        (0..1000).filter_map(|index| Patterned::new(layout(1 + index * 7 % 2000, 8), number)).collect();
    let others = blocks.split_off(500);
    blocks.into_iter().for_each(Patterned::free);
    in_bare_thread(move || {
        Patterned::zeroed(layout(40_000, 8), number).unwrap().free();
        others.into_iter().for_each(Patterned::free);
    });
}

#[test]
fn a_child_forked_under_load_can_allocate_and_free_at_once() {
    let stop = AtomicBool::new(false);
    let shared = Market::default();
    std::thread::scope(|scope| {
        let (stop, shared, _ends) = (&stop, &shared, Stop(&stop));
        for thread in 0..THREADS {
            scope.spawn(move || allocate_until(stop, thread as u64, shared));
        }
        for number in 0..forks() {
            // Blocks of other threads, for the child to check and free; the parent does the same with its own copy.
            let taken: Vec<Patterned> = shared.with(|shared| {
                let count = shared.len().min(10);
                shared.drain(..count).collect()
            });
            let mut taken = Some(taken);
            let child = forked(|| live_as_child(taken.take().unwrap_or_default(), number));
            expect_good_end(child);
            taken.into_iter().flatten().for_each(Patterned::free);
        }
    });
    market::close(&shared);
}

#[test]
fn a_child_of_a_child_can_allocate_and_free() {
    let block = Patterned::new(layout(5000, 8), 1).unwrap();
    let mut block = Some(block);
    let child = forked(|| {
        churn(1);
        let grandchild = forked(|| {
            churn(2);
            block.take().into_iter().for_each(Patterned::free);
        });
        expect_good_end(grandchild);
        block.take().into_iter().for_each(Patterned::free);
    });
    expect_good_end(child);
    block.into_iter().for_each(Patterned::free);
}

/// Pools that are neither free nor in use for anything, and bytes that are committed for nothing.
fn lost() -> (u64, u64) {
    let census = RUNTIME.page_heap.snapshot();
    let pools: u64 = census.classes.iter().map(|class| class.pools).sum();
    let runs = census.large_bytes / (64 << 10);
    let of_use = census.arenas * (4 << 20) + census.huge_bytes + census.huge_kept_bytes;
    (census.used_pools - pools - runs, census.committed_bytes.abs_diff(of_use))
}

/// Lets those go that wait, also if the test fails.
struct Ends<'barrier>(&'barrier std::sync::Barrier);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.wait();
    }
}

/// Ends the threads that read the flag, also if the test fails.
struct Stop<'flag>(&'flag AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the sanitizer's fork holds its own locks, for which a thread in a system call waits, and the fork for that thread"
)]
fn a_child_has_all_that_other_threads_had_in_their_hands() {
    alone("a_child_has_all_that_other_threads_had_in_their_hands", fork_beside_threads_that_trim);
}

fn fork_beside_threads_that_trim() {
    let stop = AtomicBool::new(false);
    let shared = Market::default();
    std::thread::scope(|scope| {
        let (stop, shared, _ends) = (&stop, &shared, Stop(&stop));
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                Strata::trim();
            }
        });
        for seed in 0..3 {
            scope.spawn(move || allocate_until(stop, seed, shared));
        }
        for _ in 0..forks() / 3 {
            expect_good_end(forked(|| {
                assert_eq!(lost(), (0, 0));
                Strata::trim();
                assert_eq!(Strata::stats().caches, 1);
            }));
        }
    });
    market::close(&shared);
}

#[test]
fn what_other_threads_had_ready_is_free_memory_in_a_child() {
    alone("what_other_threads_had_ready_is_free_memory_in_a_child", fork_beside_threads_that_sleep);
}

fn fork_beside_threads_that_sleep() {
    let ready = std::sync::Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let ready = &ready;
            scope.spawn(move || {
                let sizes = (0..20_000).map(|index| 16 + (index * 37 + thread) % 1500);
                let blocks: Vec<_> = sizes.filter_map(|size| Patterned::new(layout(size, 8), 1)).collect();
                blocks.into_iter().for_each(Patterned::free);
                ready.wait();
                ready.wait();
            });
        }
        ready.wait();
        let _ends = Ends(&ready);
        let before = Strata::stats();
        assert!(before.caches >= THREADS as u64 && before.ready_blocks > 1000);
        expect_good_end(forked(|| {
            // It has as many orphans; each slow path empties one.
            for round in 0..64 {
                let blocks: Vec<_> =
                    (0..100).filter_map(|_| Patterned::new(layout(3000, 8), round)).collect();
                blocks.into_iter().for_each(Patterned::free);
            }
            assert_eq!(Strata::stats().caches, 1);
            Strata::trim();
            let after = Strata::stats();
            assert!(after.ready_blocks == 0 && after.used_pools < 60, "{} pools", after.used_pools);
        }));
    });
}
