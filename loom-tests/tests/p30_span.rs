//! P30: a span, pools that serve blocks of one class together, is claimed and given back whole, and wherever its blocks lie they go
//! to the books of its first pool.
#![cfg(strata_loom)]

use strata_loom_tests::{Block, HALF, SPAN, World, join, model, spawn};

#[test]
fn the_blocks_of_a_span_come_back_from_two_threads() {
    model("the_blocks_of_a_span_come_back_from_two_threads", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        // The third begins in the second pool.
        let [first, second, third] = [(); 3].map(|()| ours.alloc(SPAN));
        let other = theirs.frees_and_collects(third);
        [first, second].into_iter().for_each(|block| ours.free(block));
        ours.collect();
        world.end([ours, join(other)]);
    });
}

#[test]
fn a_span_goes_back_while_others_want_its_pools() {
    model("a_span_goes_back_while_others_want_its_pools", Some(3), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        // Nothing of it lies in the third pool, which is as the kernel gave it.
        let [first, second] = [(); 2].map(|()| ours.alloc(SPAN));
        let other = spawn(move || {
            let blocks = [(); 2].map(|()| theirs.alloc_zeroable(HALF));
            (theirs, blocks)
        });
        [first, second].into_iter().for_each(|block| ours.free(block));
        ours.collect();
        let (theirs, blocks) = join(other);
        blocks.iter().for_each(Block::expect_intact);
        blocks.into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}
