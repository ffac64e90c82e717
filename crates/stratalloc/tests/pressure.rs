//! Near a limit on memory, what lies free goes at once, whatever the delay; far from it, it stays.
//!
//! The limit is a process's, so each test runs in a child.
#![cfg(strata_simulated)]

#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;

use patterned::{Patterned, layout};
use process::{MIB, alone};
use std::sync::Barrier;
use std::thread::sleep;
use std::time::Duration;
use strata_cache::thread::RUNTIME;
use strata_os::machine::MemoryBudget;
use strata_os::simulated::{calls, fail_from, fail_never, set_memory_budget};
use stratalloc::{HugePageChoice, Options, Strata};

#[global_allocator]
static GLOBAL: Strata = Strata;

const LIMIT: u64 = 1 << 30;

/// Frees 32 MiB of small blocks, then takes 32 MiB that they cannot serve; the free pools that still hold memory.
fn dirty_pools_after_taking(usage: u64) -> u64 {
    Options::new().purge_delay(None).impose();
    set_memory_budget(MemoryBudget { limit: LIMIT, usage });
    let burst: Vec<_> =
        (0..32 * MIB / 1000).map(|seed| Patterned::new(layout(1000, 8), seed as u64).unwrap()).collect();
    burst.into_iter().for_each(Patterned::free);
    let huge: Vec<_> = (0..8).map(|seed| Patterned::new(layout(4 * MIB, 8), seed).unwrap()).collect();
    let dirty = Strata::stats().dirty_pools;
    huge.into_iter().for_each(Patterned::free);
    dirty
}

#[test]
fn far_from_the_limit_free_memory_waits_for_its_delay() {
    alone("far_from_the_limit_free_memory_waits_for_its_delay", || {
        assert!(dirty_pools_after_taking(LIMIT / 2) > 400);
    });
}

#[test]
fn near_the_limit_free_memory_goes_before_more_is_taken() {
    alone("near_the_limit_free_memory_goes_before_more_is_taken", || {
        assert!(dirty_pools_after_taking(LIMIT / 100 * 95) < 20);
    });
}

/// 40 MiB lie free near the limit, and a pass is due: it is made by the calling thread, unless there is a purge thread.
fn pass_near_the_limit() {
    Options::new().purge_delay(None).impose();
    set_memory_budget(MemoryBudget { limit: LIMIT, usage: LIMIT });
    let blocks: Vec<_> = (0..40).map(|seed| Patterned::new(layout(MIB, 8), seed).unwrap()).collect();
    blocks.into_iter().for_each(Patterned::free);
    assert!(Strata::stats().dirty_pools > 500);
    Options::new().purge_delay(Some(Duration::ZERO)).impose();
    RUNTIME.page_heap.tick();
}

#[test]
fn near_the_limit_a_pass_does_not_wait_until_memory_was_idle() {
    alone("near_the_limit_a_pass_does_not_wait_until_memory_was_idle", || {
        pass_near_the_limit();
        let comes_back = |_| {
            Patterned::new(layout(MIB, 8), 1).unwrap().free();
            sleep(Duration::from_millis(10));
            Strata::stats().dirty_pools < 20
        };
        assert!((0..1000).any(comes_back));
    });
}

#[test]
fn near_the_limit_a_pass_asks_for_it_although_there_is_to_be_no_purge_thread() {
    alone("near_the_limit_a_pass_asks_for_it_although_there_is_to_be_no_purge_thread", || {
        RUNTIME.page_heap.set_purge_thread(0);
        pass_near_the_limit();
        assert_eq!(Strata::stats().dirty_pools, 0);
    });
}

#[test]
fn near_the_limit_a_pass_asks_for_it_although_no_purge_thread_can_be_started() {
    alone("near_the_limit_a_pass_asks_for_it_although_no_purge_thread_can_be_started", || {
        let thread = &RUNTIME.page_heap.purge_thread;
        assert!(thread.claim_start());
        thread.refuse();
        pass_near_the_limit();
        assert_eq!(Strata::stats().dirty_pools, 0);
    });
}

#[test]
fn what_the_system_refuses_to_take_back_is_not_offered_for_ever() {
    alone("what_the_system_refuses_to_take_back_is_not_offered_for_ever", || {
        // It would make the calls at any time.
        RUNTIME.page_heap.set_purge_thread(0);
        Options::new().purge_delay(Some(Duration::ZERO)).impose();
        let blocks: Vec<_> = (0..8).map(|seed| Patterned::new(layout(MIB, 8), seed).unwrap()).collect();
        let calls_of_passes = || {
            let before = calls();
            (0..10).for_each(|_| RUNTIME.page_heap.tick());
            calls() - before
        };
        // Locked pages are refused so.
        fail_from(1, u64::MAX);
        blocks.into_iter().for_each(Patterned::free);
        assert!(calls_of_passes() > 0);
        assert_eq!(calls_of_passes(), 0);
        // When something else is freed, it is tried once more.
        fail_never();
        assert!(Strata::stats().dirty_pools >= 8 * 16);
        Patterned::new(layout(MIB, 8), 0).unwrap().free();
        calls_of_passes();
        assert!(Strata::stats().dirty_pools < 16);
    });
}

/// Takes 60 blocks of half a pool at the same moment as all others.
fn rush(start: &Barrier) {
    start.wait();
    let blocks: Vec<_> =
        (0..60).map(|seed| Patterned::new(layout(32 << 10, 8), seed).expect("there is memory")).collect();
    start.wait();
    blocks.into_iter().for_each(Patterned::free);
}

#[test]
fn threads_that_start_at_once_make_no_more_calls_than_one_that_takes_as_much() {
    alone("threads_that_start_at_once_make_no_more_calls_than_one_that_takes_as_much", || {
        const THREADS: usize = 128;
        // Whether such growth is worth huge pages, which takes calls of its own, is another question.
        Options::new().purge_delay(None).huge_pages(HugePageChoice::Never).impose();
        let start = &Barrier::new(THREADS + 1);
        let (calls, arenas, segments) = std::thread::scope(|scope| {
            (0..THREADS).for_each(|_| drop(scope.spawn(|| rush(start))));
            std::thread::sleep(Duration::from_millis(50));
            let before = (calls(), Strata::stats());
            start.wait();
            start.wait();
            let after = (calls(), Strata::stats());
            (after.0 - before.0, after.1.arenas - before.1.arenas, after.1.segments - before.1.segments)
        });
        assert!(arenas >= 60, "{arenas}");
        // An arena is committed by one call, and a segment takes one or three more for its addresses. Caches have slabs.
        assert!(
            calls <= arenas + 3 * segments + 20,
            "{calls} calls for {arenas} arenas in {segments} segments"
        );
        assert!(arenas <= 64 + THREADS as u64 / 8, "{arenas}");
    });
}
