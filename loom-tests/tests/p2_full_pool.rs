//! P2: a full pool is nobody's, and its first remote free makes the freeing thread its owner: no flag, no queue, no lost
//! wake-up.
//!
//! A pool of `HALF` holds two blocks. An actor that has taken both and asks for a third leaves it.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, World, join, model, spawn};

#[test]
fn leaving_a_full_pool_against_its_first_free() {
    model("leaving_a_full_pool_against_its_first_free", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (first, second) = (ours.alloc(HALF), ours.alloc(HALF));
        let other = theirs.frees_and_collects(first);
        let third = ours.alloc(HALF);
        second.expect_intact();
        let theirs = join(other);
        ours.free(second);
        ours.free(third);
        world.end([ours, theirs]);
    });
}

#[test]
fn both_blocks_of_a_left_pool_are_freed_at_once() {
    model("both_blocks_of_a_left_pool_are_freed_at_once", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (first, second, third) = (ours.alloc(HALF), ours.alloc(HALF), ours.alloc(HALF));
        let other = theirs.frees_and_collects(first);
        ours.free(second);
        ours.collect();
        let theirs = join(other);
        third.expect_intact();
        ours.free(third);
        world.end([ours, theirs]);
    });
}

#[test]
fn the_freeing_thread_allocates_from_what_it_became_owner_of() {
    model("the_freeing_thread_allocates_from_what_it_became_owner_of", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (first, second, third) = (ours.alloc(HALF), ours.alloc(HALF), ours.alloc(HALF));
        let other = spawn(move || {
            theirs.free(first);
            let block = theirs.alloc(HALF);
            (theirs, block)
        });
        ours.free(second);
        let (theirs, block) = join(other);
        block.expect_intact();
        third.expect_intact();
        theirs.free(block);
        ours.free(third);
        world.end([ours, theirs]);
    });
}
