//! P24: the addresses of free arenas go back while others allocate: nothing that lives goes, and what went comes again, zero.
#![cfg(strata_loom)]

use strata_core::layout::{ARENAS_PER_SEGMENT, POOLS_PER_ARENA};
use strata_loom_tests::{HALF, World, join, model, spawn};

/// A world with an arena in which something was used and nothing lives.
fn with_a_free_arena() -> (World, strata_loom_tests::Actor) {
    let world = World::new();
    let actor = world.enter();
    let block = actor.alloc(HALF);
    actor.free(block);
    actor.collect();
    (world, actor)
}

/// Out of line: a snapshot takes much of the little stack that a model has.
#[inline(never)]
fn expect_one_segment(world: World) {
    let segments = world.runtime().page_heap.snapshot().segments;
    assert_eq!(segments, 1, "what was on its way out was not waited for");
}

#[test]
fn addresses_go_back_while_a_thread_allocates() {
    model("addresses_go_back_while_a_thread_allocates", Some(2), || {
        let (world, theirs) = with_a_free_arena();
        let other = spawn(move || {
            let block = theirs.alloc_zeroable(HALF);
            block.expect_intact();
            (theirs, block)
        });
        world.runtime().page_heap.give_up_addresses();
        let (theirs, block) = join(other);
        expect_one_segment(world);
        block.expect_intact();
        theirs.free(block);
        world.end([theirs]);
    });
}

#[test]
fn who_comes_while_the_only_free_arena_goes_waits_for_it() {
    model("who_comes_while_the_only_free_arena_goes_waits_for_it", Some(2), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let take = || page_heap.claim_pool().expect("the simulated OS has memory");
        let pools: Vec<_> = (0..ARENAS_PER_SEGMENT * (POOLS_PER_ARENA - 1)).map(|_| take()).collect();
        let (first, rest) = pools.split_at(POOLS_PER_ARENA - 1);
        first.iter().for_each(|run| page_heap.release_pool(run.open(HALF, 0)));
        let other = spawn(move || page_heap.claim_pool().expect("there is a free arena"));
        page_heap.give_up_addresses();
        let theirs = join(other);
        expect_one_segment(world);
        rest.iter().chain([&theirs]).for_each(|run| page_heap.release_pool(run.open(HALF, 0)));
        world.end([]);
    });
}

#[test]
fn two_give_up_at_once_and_it_all_comes_again() {
    model("two_give_up_at_once_and_it_all_comes_again", Some(2), || {
        let (world, actor) = with_a_free_arena();
        let other = spawn(move || world.runtime().page_heap.give_up_addresses());
        let mine = world.runtime().page_heap.give_up_addresses();
        let theirs = join(other);
        assert!(mine + theirs > 0);
        let blocks = [(); 3].map(|()| actor.alloc_zeroable(HALF));
        blocks.into_iter().for_each(|block| actor.free(block));
        world.end([actor]);
    });
}
