//! P33: no thread is refused what is free, because another has it in hand to give it back.
//!
//! That the system refuses more is the process's affair, so the models of this file take turns.
#![cfg(strata_loom)]

use std::sync::{Mutex, PoisonError};
use strata_core::address::UserPtr;
use strata_core::layout::ARENA_BYTES;
use strata_loom_tests::{HALF, QUARTER, World, join, model, spawn};
use strata_os::simulated::{fail_from, fail_never, promise_at_most};

static TURN: Mutex<()> = Mutex::new(());

#[test]
fn a_free_pool_in_the_hands_of_a_pass_is_not_refused() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    model("a_free_pool_in_the_hands_of_a_pass_is_not_refused", Some(2), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        fail_never();
        let run = page_heap.claim_pool().expect("the simulated OS has memory");
        let mut others = Vec::new();
        fail_from(1, u64::MAX);
        while let Some(other) = page_heap.claim_pool() {
            others.push(other);
        }
        page_heap.release_pool(run.open(HALF, 0));
        let purger = spawn(move || world.runtime().page_heap.purge_all());
        let _again = page_heap.claim_pool().expect("one pool is free all the time");
        join(purger);
        fail_never();
    });
}

#[test]
fn a_free_block_in_a_pool_that_another_has_for_one_is_not_refused() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    model("a_free_block_in_a_pool_that_another_has_for_one_is_not_refused", Some(2), || {
        let world = World::new();
        fail_never();
        // Of four blocks, three are free.
        let _live = world.without_cache().alloc(QUARTER);
        fail_from(1, u64::MAX);
        while world.runtime().page_heap.claim_pool().is_some() {}
        let other = spawn(move || world.without_cache().alloc(QUARTER));
        let ours = world.without_cache().alloc(QUARTER);
        join(other).expect_intact();
        ours.expect_intact();
        fail_never();
    });
}

#[test]
fn an_extent_in_the_hands_of_a_pass_is_not_refused() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    model("an_extent_in_the_hands_of_a_pass_is_not_refused", Some(2), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let allocate =
            || page_heap.allocate_huge(ARENA_BYTES, 16, false).map(|(start, _)| UserPtr::new(start));
        promise_at_most(u64::MAX);
        let block = allocate().expect("the simulated OS has memory");
        // SAFETY: a huge allocation of ours, not used again.
        unsafe { page_heap.free_huge(block) };
        promise_at_most(0);
        let purger = spawn(move || world.runtime().page_heap.purge_all());
        let _again = allocate().expect("as much is free all the time");
        join(purger);
        promise_at_most(u64::MAX);
    });
}
