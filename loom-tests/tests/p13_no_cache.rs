//! P13: a thread that is ending has no cache and gets none: what it frees is given back at once, what it allocates comes
//! straight from a pool, and nothing of either stays behind.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, World, join, model, spawn};

#[test]
fn freeing_without_a_cache_against_the_owner() {
    model("freeing_without_a_cache_against_the_owner", None, || {
        let world = World::new();
        let ours = world.enter();
        let (first, second) = (ours.alloc(HALF), ours.alloc(HALF));
        let ending = spawn(move || world.without_cache().free(first));
        let third = ours.alloc(HALF);
        join(ending);
        [second, third].into_iter().for_each(|block| ours.free(block));
        world.end([ours]);
    });
}

#[test]
fn two_that_are_ending_free_the_blocks_of_a_third() {
    model("two_that_are_ending_free_the_blocks_of_a_third", None, || {
        let world = World::new();
        let gone = world.enter();
        let (first, second) = (gone.alloc(HALF), gone.alloc(HALF));
        world.leave(gone);
        let ending = spawn(move || world.without_cache().free(first));
        world.without_cache().free(second);
        join(ending);
        world.end([]);
    });
}

#[test]
fn allocating_without_a_cache_against_a_thread_that_starts() {
    model("allocating_without_a_cache_against_a_thread_that_starts", Some(2), || {
        let world = World::new();
        let first = world.enter();
        world.leave(first);
        let ending = spawn(move || world.without_cache().alloc(HALF));
        let ours = world.enter();
        let block = ours.alloc(HALF);
        let theirs = join(ending);
        theirs.expect_intact();
        block.expect_intact();
        ours.free(theirs);
        ours.free(block);
        world.end([ours]);
    });
}
