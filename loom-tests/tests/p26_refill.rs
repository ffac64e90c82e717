//! P26: pools are held for a batch: a refill, a flush and a purge pass that want the same pool find it one after the other, and
//! what each did is there for the next.
#![cfg(strata_loom)]

use strata_loom_tests::{Actor, Block, HALF, QUARTER, World, join, model, spawn};

/// An unowned pool with a live block, one in the magazine of the actor, and a free page; and the live block.
fn with_a_pool_in_use() -> (World, Actor, Block) {
    let world = World::new();
    let (flushing, gone) = (world.enter_with_room(QUARTER), world.enter());
    let [live, ready, third, fourth] = [(); 4].map(|()| gone.alloc(QUARTER));
    world.leave(gone);
    [third, fourth].into_iter().for_each(|block| world.without_cache().free(block));
    flushing.free(ready);
    (world, flushing, live)
}

#[test]
fn a_refill_against_a_flush() {
    model("a_refill_against_a_flush", None, || {
        let (world, theirs, live) = with_a_pool_in_use();
        let ours = world.enter();
        let other = theirs.collects();
        let block = ours.alloc(QUARTER);
        let theirs = join(other);
        [&block, &live].into_iter().for_each(Block::expect_intact);
        [block, live].into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn all_three_at_once() {
    model("all_three_at_once", Some(2), || {
        let (world, theirs, live) = with_a_pool_in_use();
        let ours = world.enter();
        let other = theirs.collects();
        let pass = spawn(move || world.purge());
        let block = ours.alloc(QUARTER);
        let theirs = join(other);
        join(pass);
        [&block, &live].into_iter().for_each(Block::expect_intact);
        [block, live].into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn a_flush_against_a_purge_pass() {
    model("a_flush_against_a_purge_pass", None, || {
        let (world, theirs, live) = with_a_pool_in_use();
        let other = theirs.collects();
        world.purge();
        let theirs = join(other);
        live.expect_intact();
        // All but the live block come out of the pool again, those in the hole as well.
        let blocks = [(); 3].map(|()| theirs.alloc(QUARTER));
        live.expect_intact();
        blocks.into_iter().chain([live]).for_each(|block| theirs.free(block));
        world.end([theirs]);
    });
}

#[test]
fn a_magazine_is_emptied_after_a_purge_pass_while_another_frees() {
    model("a_magazine_is_emptied_after_a_purge_pass_while_another_frees", None, || {
        let world = World::new();
        let ours = world.enter();
        // The first free goes to the pool, and has the magazine take one block from now on.
        ours.free(ours.alloc(HALF));
        let (ready, given) = (ours.alloc(HALF), ours.alloc(HALF));
        ours.free(ready);
        // Two passes that find nothing changed in the magazine of HALF: with the refills of QUARTER it is emptied.
        world.purge();
        let first = ours.alloc(QUARTER);
        world.purge();
        let other = spawn(move || world.without_cache().free(given));
        let second = ours.alloc(QUARTER);
        join(other);
        [first, second].into_iter().for_each(|block| world.without_cache().free(block));
        world.expect_no_pool_in_use();
        world.end([ours]);
    });
}

#[test]
fn two_refills_of_one_pool_get_other_blocks() {
    model("two_refills_of_one_pool_get_other_blocks", Some(4), || {
        let (world, theirs, live) = with_a_pool_in_use();
        let ours = world.enter();
        theirs.collect();
        let other = spawn(move || {
            let block = theirs.alloc(QUARTER);
            (theirs, block)
        });
        let block = ours.alloc(QUARTER);
        let (theirs, their_block) = join(other);
        [&block, &their_block, &live].into_iter().for_each(Block::expect_intact);
        [block, their_block, live].into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}
