//! P5: a pool of nobody's with room is on the shelf: of all that would adopt it or free into it, one becomes its owner.
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
    model("adopting_against_the_free_of_the_live_block", None, || {
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
fn two_adopt_while_a_third_frees() {
    model("two_adopt_while_a_third_frees", Some(2), || {
        let (world, live) = World::with_a_left_pool();
        let (ours, theirs) = (world.enter(), world.enter());
        // Only two caches fit into the registry of a model: the third thread frees as one without a cache does.
        let adopters = [ours, theirs].map(|actor| {
            spawn(move || {
                let block = actor.alloc(HALF);
                block.expect_intact();
                (actor, block)
            })
        });
        world.without_cache().free(live);
        let [(ours, first), (theirs, second)] = adopters.map(join);
        first.expect_intact();
        second.expect_intact();
        ours.free(first);
        theirs.free(second);
        world.end([ours, theirs]);
    });
}
