//! P5: an unowned pool with room is in the bitmap of its class: of all that would adopt it or free into it, one becomes its
//! owner.
#![cfg(strata_loom)]

use strata_loom_tests::{Block, HALF, World, join, model, spawn};

#[test]
fn adopting_against_adopting() {
    model("adopting_against_adopting", None, || {
        let (world, live) = World::with_a_left_pool();
        let (ours, theirs) = (world.enter(), world.enter());
        let other = spawn(move || {
            let block = theirs.alloc(HALF);
            (theirs, block)
        });
        let block = ours.alloc(HALF);
        let (theirs, their_block) = join(other);
        [&block, &their_block, &live].into_iter().for_each(Block::expect_intact);
        ours.free(their_block);
        [block, live].into_iter().for_each(|block| theirs.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn adopting_against_the_free_of_the_live_block() {
    model("adopting_against_the_free_of_the_live_block", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let (ours, theirs) = (world.enter(), world.enter());
        let other = theirs.frees_and_collects(live);
        let block = ours.alloc(HALF);
        let theirs = join(other);
        block.expect_intact();
        ours.free(block);
        world.end([ours, theirs]);
    });
}

#[test]
fn adopting_twice_against_a_flush_into_the_pool() {
    model("adopting_twice_against_a_flush_into_the_pool", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let (ours, theirs) = (world.enter(), world.enter_with_room(HALF));
        theirs.free(live);
        let other = theirs.collects();
        let blocks = [ours.alloc(HALF), ours.alloc(HALF)];
        let theirs = join(other);
        blocks.iter().for_each(Block::expect_intact);
        blocks.into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn two_adopt_while_a_third_frees() {
    model("two_adopt_while_a_third_frees", Some(2), || {
        let (world, live) = World::with_a_left_pool();
        let page_heap = &world.runtime().page_heap;
        // Below the caches: each checks the pool that it gets, and abandons it.
        let adopters = [(); 2].map(|()| {
            spawn(move || {
                if let Some(pool) = page_heap.adopt(HALF, 0) {
                    assert!(pool.live() <= 1, "its only live block, if that is not back");
                    page_heap.abandon(pool);
                }
            })
        });
        world.without_cache().free(live);
        adopters.into_iter().for_each(join);
        world.expect_no_pool_in_use();
        world.end([]);
    });
}

/// Where memory is scarce pools are adopted without their bits; others adopt the same pool by its bit, take its free block, and
/// abandon it full.
#[test]
fn adopting_what_is_scarce_against_adopting() {
    model("adopting_what_is_scarce_against_adopting", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let (ours, page_heap) = (world.enter(), &world.runtime().page_heap);
        let other = spawn(move || {
            if let Some(pool) = page_heap.adopt_scarce(HALF) {
                assert!(pool.live() == 1, "the thread that adopts it has its free block");
                page_heap.abandon(pool);
            }
        });
        let block = ours.alloc(HALF);
        join(other);
        [&block, &live].into_iter().for_each(Block::expect_intact);
        [block, live].into_iter().for_each(|block| ours.free(block));
        world.end([ours]);
    });
}

#[test]
fn adopting_what_is_scarce_against_the_free_of_the_live_block() {
    model("adopting_what_is_scarce_against_the_free_of_the_live_block", None, || {
        let (world, live) = World::with_a_left_pool();
        let page_heap = &world.runtime().page_heap;
        let other = spawn(move || {
            if let Some(pool) = page_heap.adopt_scarce(HALF) {
                page_heap.abandon(pool);
            }
        });
        world.without_cache().free(live);
        join(other);
        world.expect_no_pool_in_use();
        world.end([]);
    });
}
