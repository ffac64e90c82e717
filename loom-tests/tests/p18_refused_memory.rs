//! P18: the OS refuses a call: the thread that asked gets nothing, another thread is not disturbed, and no bit, entry or
//! count stays behind.
//!
//! Which call is refused is the process's affair, so the models of this file take turns.
#![cfg(strata_loom)]

use std::sync::{Mutex, PoisonError};
use strata_core::layout::{ARENA_BYTES, POOLS_PER_ARENA};
use strata_loom_tests::{Actor, Block, HALF, World, alone, join, model, spawn};
use strata_os::simulated::{fail_from, fail_never};
use strata_segment::ClaimedRun;

static TURN: Mutex<()> = Mutex::new(());

/// What a refused call must not have eaten: every pool can still be claimed, and given back.
fn expect_all_pools(world: World) {
    let page_heap = &world.runtime().page_heap;
    let pools: Vec<_> = std::iter::from_fn(|| page_heap.claim_pool()).collect();
    // After a refusal a segment is tried that is smaller, so the sum is not always the same.
    let arenas = page_heap.snapshot().reserved_bytes as usize / ARENA_BYTES;
    assert_eq!(pools.len(), arenas * (POOLS_PER_ARENA - 1), "memory was lost to a refused call");
    pools.into_iter().for_each(|run| page_heap.release_pool(run.open(HALF, 0)));
}

/// Two threads allocate while the `refused`-th of their calls to the OS fails.
fn two_allocations(
    name: &'static str,
    refused: u64,
    preemptions: usize,
    prepare: fn(World) -> Vec<ClaimedRun>,
) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    model(name, Some(preemptions), move || {
        let world = World::new();
        fail_never();
        let (ours, theirs) = (world.enter(), world.enter());
        let held = prepare(world);
        fail_from(refused, 1);
        let other = spawn(move || {
            let block = theirs.try_alloc(HALF);
            (theirs, block)
        });
        let block = ours.try_alloc(HALF);
        let (theirs, their_block) = join(other);
        alone();
        fail_never();
        let give_back = |actor: &Actor, block: Option<Block>| {
            let block = block.unwrap_or_else(|| actor.alloc(HALF));
            actor.free(block);
            actor.collect();
        };
        give_back(&ours, their_block);
        give_back(&theirs, block);
        world.leave(ours);
        world.leave(theirs);
        held.into_iter().for_each(|run| world.runtime().page_heap.release_pool(run.open(HALF, 0)));
        expect_all_pools(world);
        world.end([]);
    });
}

/// All pools of the first arena but one are taken until the race is over: a second arena has to be committed.
fn all_but_one(world: World) -> Vec<ClaimedRun> {
    let page_heap = &world.runtime().page_heap;
    let take = || page_heap.claim_pool().expect("nothing fails yet");
    vec![take(), take()]
}

fn nothing(_: World) -> Vec<ClaimedRun> {
    Vec::new()
}

#[test]
fn the_first_reservation_is_refused() {
    two_allocations("the_first_reservation_is_refused", 1, 2, nothing);
}

#[test]
fn the_first_commit_is_refused() {
    two_allocations("the_first_commit_is_refused", 2, 2, nothing);
}

#[test]
fn the_commit_of_another_arena_is_refused() {
    two_allocations("the_commit_of_another_arena_is_refused", 1, 2, all_but_one);
}

#[test]
fn the_slab_of_caches_is_refused() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    model("the_slab_of_caches_is_refused", None, || {
        let world = World::new();
        fail_never();
        fail_from(1, 1);
        let other = spawn(move || world.try_enter());
        let mine = world.try_enter();
        let actors: Vec<_> = [join(other), mine].into_iter().flatten().collect();
        alone();
        fail_never();
        assert!(!actors.is_empty(), "one refusal, two threads without a cache");
        let late: Vec<_> = (actors.len()..2).map(|_| world.enter()).collect();
        world.end(actors.into_iter().chain(late));
    });
}
