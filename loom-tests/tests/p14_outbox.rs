//! P14: blocks of other threads' pools travel in chains: none is spliced while it is built, none is lost when another pool's
//! comes in its way or its thread ends.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, QUARTER, World, join, model, spawn};

#[test]
fn a_chain_of_two_against_the_owners_round() {
    model("a_chain_of_two_against_the_owners_round", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        // The pool is the current one still, so it has an owner, and the second free posts both.
        let given = [ours.alloc(HALF), ours.alloc(HALF)];
        let other = theirs.frees(given);
        ours.collect();
        world.end([ours, join(other)]);
    });
}

#[test]
fn a_chain_of_two_against_allocations() {
    model("a_chain_of_two_against_allocations", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let [kept, first, second, third] = [(); 4].map(|()| ours.alloc(QUARTER));
        let other = theirs.frees([first, second]);
        let taken = [ours.alloc(QUARTER), ours.alloc(QUARTER)];
        let theirs = join(other);
        [kept, third].into_iter().chain(taken).for_each(|block| {
            block.expect_intact();
            ours.free(block);
        });
        world.end([ours, theirs]);
    });
}

#[test]
fn blocks_of_two_pools_share_one_slot() {
    model("blocks_of_two_pools_share_one_slot", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (half, quarter) = (ours.alloc(HALF), ours.alloc(QUARTER));
        let other = spawn(move || {
            theirs.free(half);
            theirs.free(quarter);
            world.leave(theirs);
        });
        let next = ours.alloc(HALF);
        ours.collect();
        join(other);
        next.expect_intact();
        ours.free(next);
        world.end([ours]);
    });
}

#[test]
fn a_chain_in_the_way_of_another_pools() {
    model("a_chain_in_the_way_of_another_pools", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (kept, first) = (ours.alloc(HALF), ours.alloc(HALF));
        // The first pool is full and left; taking a block of it back makes it ours again, as a partial one.
        let second = ours.alloc(HALF);
        ours.free(kept);
        let other = spawn(move || {
            theirs.free(first);
            theirs.free(second);
            world.leave(theirs);
        });
        let next = ours.alloc(HALF);
        join(other);
        next.expect_intact();
        ours.free(next);
        world.end([ours]);
    });
}

#[test]
fn two_post_to_one_another() {
    model("two_post_to_one_another", Some(2), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (for_them, for_us) =
            ([ours.alloc(HALF), ours.alloc(HALF)], [theirs.alloc(HALF), theirs.alloc(HALF)]);
        let other = spawn(move || {
            for_them.into_iter().for_each(|block| theirs.free(block));
            let block = theirs.alloc(HALF);
            (theirs, block)
        });
        for_us.into_iter().for_each(|block| ours.free(block));
        let block = ours.alloc(HALF);
        let (theirs, their_block) = join(other);
        block.expect_intact();
        their_block.expect_intact();
        ours.free(their_block);
        theirs.free(block);
        world.end([ours, theirs]);
    });
}
