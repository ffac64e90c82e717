//! P2: a full pool is unowned and in no bitmap: the free that gives it room publishes it, and the free of its last live block
//! makes the freeing thread its owner. No flag, no queue, no lost wake-up.
//!
//! A pool of `HALF` holds two blocks.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, World, join, model, spawn};

#[test]
fn leaving_a_full_pool_against_its_first_free() {
    model("leaving_a_full_pool_against_its_first_free", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(HALF), world.enter());
        let (first, second) = (ours.alloc(HALF), ours.alloc(HALF));
        let other = theirs.frees_and_collects(first);
        // The active pool is full, or has the first block back.
        let third = ours.alloc(HALF);
        second.expect_intact();
        let theirs = join(other);
        [second, third].into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn both_blocks_of_a_full_pool_are_freed_at_once() {
    model("both_blocks_of_a_full_pool_are_freed_at_once", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (first, second, third) = (ours.alloc(HALF), ours.alloc(HALF), ours.alloc(HALF));
        let other = theirs.frees_and_collects(first);
        ours.free(second);
        let theirs = join(other);
        third.expect_intact();
        // Not into the magazine, which takes a block by now.
        world.without_cache().free(third);
        world.expect_no_pool_in_use();
        world.end([ours, theirs]);
    });
}

#[test]
fn what_a_free_gave_room_is_found() {
    model("what_a_free_gave_room_is_found", None, || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let ours = world.enter();
        let (first, second) = (ours.alloc(HALF), ours.alloc(HALF));
        let other = spawn(move || world.without_cache().free(first));
        // May or may not find it.
        if let Some(pool) = page_heap.adopt(HALF, 0) {
            page_heap.abandon(pool);
        }
        join(other);
        let pool = page_heap.adopt(HALF, 0).expect("an unowned pool with room is found once all is quiet");
        page_heap.abandon(pool);
        ours.free(second);
        world.end([ours]);
    });
}

#[test]
fn the_last_free_against_the_end_of_a_busy_owner() {
    model("the_last_free_against_the_end_of_a_busy_owner", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(HALF), world.enter());
        let last = ours.alloc(HALF);
        let other = theirs.frees_and_collects(last);
        // What the owner does to its pool is seen by the thread that frees the last block.
        let own = ours.alloc(HALF);
        ours.free(own);
        world.leave(ours);
        let theirs = join(other);
        world.expect_no_pool_in_use();
        world.end([theirs]);
    });
}

#[test]
fn the_freeing_thread_allocates_from_what_it_gave_room() {
    model("the_freeing_thread_allocates_from_what_it_gave_room", None, || {
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
