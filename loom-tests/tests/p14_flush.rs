//! P14: a flush sorts what a magazine held by pool: each pool gets its blocks as one chain, whichever thread owns it, adopts it or has it
//! inspected at the same time, and no block is lost or goes to another's pool.
#![cfg(strata_loom)]

use strata_loom_tests::{Actor, Block, HALF, QUARTER, World, join, model, spawn};

#[test]
fn a_chain_of_two_against_the_owners_refill() {
    model("a_chain_of_two_against_the_owners_refill", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(HALF), world.enter_with_room(HALF));
        let given = [ours.alloc(HALF), ours.alloc(HALF)];
        given.into_iter().for_each(|block| theirs.free(block));
        let other = theirs.collects();
        let block = ours.alloc(HALF);
        let theirs = join(other);
        block.expect_intact();
        ours.free(block);
        world.end([ours, theirs]);
    });
}

#[test]
fn a_chain_of_two_against_allocations() {
    model("a_chain_of_two_against_allocations", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter_with_room(QUARTER));
        let [kept, first, second, third] = [(); 4].map(|()| ours.alloc(QUARTER));
        [first, second].into_iter().for_each(|block| theirs.free(block));
        let other = theirs.collects();
        let taken = [ours.alloc(QUARTER), ours.alloc(QUARTER)];
        let theirs = join(other);
        [kept, third].into_iter().chain(taken).for_each(|block| {
            block.expect_intact();
            ours.free(block);
        });
        world.end([ours, theirs]);
    });
}

/// A thread in whose magazine a block of each of two unowned pools waits, the first of which is full and the second has room; and
/// the live blocks of the two.
fn with_a_mixed_batch(world: World, owner: &Actor) -> (Actor, [Block; 4]) {
    let flushing = world.enter_with_room(QUARTER);
    let [first, second, third, fourth] = [(); 4].map(|()| owner.alloc(QUARTER));
    let [fifth, sixth] = [(); 2].map(|()| owner.alloc(QUARTER));
    [second, fifth].into_iter().for_each(|block| flushing.free(block));
    // The owner is busy with the class by now, and has the second pool as its active one.
    owner.collect();
    (flushing, [first, third, fourth, sixth])
}

#[test]
fn a_mixed_batch_against_adoption() {
    model("a_mixed_batch_against_adoption", None, || {
        let world = World::new();
        let ours = world.enter();
        let (theirs, kept) = with_a_mixed_batch(world, &ours);
        let other = theirs.collects();
        let block = ours.alloc(QUARTER);
        let theirs = join(other);
        kept.iter().chain([&block]).for_each(Block::expect_intact);
        kept.into_iter().chain([block]).for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn a_mixed_batch_against_the_purge_pass() {
    model("a_mixed_batch_against_the_purge_pass", Some(4), || {
        let world = World::new();
        let ours = world.enter();
        let (theirs, kept) = with_a_mixed_batch(world, &ours);
        let other = theirs.collects();
        world.purge();
        let theirs = join(other);
        let block = ours.alloc(QUARTER);
        kept.iter().chain([&block]).for_each(Block::expect_intact);
        kept.into_iter().chain([block]).for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn two_flush_into_the_same_two_pools() {
    model("two_flush_into_the_same_two_pools", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_with_room(HALF), world.enter_with_room(HALF));
        let [first, second, third, fourth] = [(); 4].map(|()| ours.alloc(HALF));
        [first, third].into_iter().for_each(|block| theirs.free(block));
        [second, fourth].into_iter().for_each(|block| ours.free(block));
        let other = theirs.collects();
        ours.collect();
        let theirs = join(other);
        world.expect_no_pool_in_use();
        world.end([ours, theirs]);
    });
}

#[test]
fn the_older_half_of_a_full_magazine_goes_while_its_pool_is_adopted() {
    model("the_older_half_of_a_full_magazine_goes_while_its_pool_is_adopted", Some(5), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter_with_room(HALF));
        let [oldest, kept, next, last] = [(); 4].map(|()| ours.alloc(HALF));
        [oldest, next].into_iter().for_each(|block| theirs.free(block));
        let other = theirs.frees([last]);
        let block = ours.alloc(HALF);
        let theirs = join(other);
        [&block, &kept].into_iter().for_each(Block::expect_intact);
        let ready = theirs.alloc(HALF);
        [block, kept, ready].into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn two_flush_to_one_another() {
    model("two_flush_to_one_another", None, || {
        let world = World::new();
        // Their next refills leave them an active pool each.
        let (ours, theirs) = (world.enter_with_room(HALF), world.enter_with_room(HALF));
        let [our_block, for_them] = [ours.alloc(HALF), ours.alloc(HALF)];
        let [their_block, for_us] = [theirs.alloc(HALF), theirs.alloc(HALF)];
        theirs.free(for_them);
        ours.free(for_us);
        let other = theirs.collects();
        ours.collect();
        let theirs = join(other);
        [&our_block, &their_block].into_iter().for_each(Block::expect_intact);
        ours.free(their_block);
        theirs.free(our_block);
        world.end([ours, theirs]);
    });
}

#[test]
fn a_free_without_a_size_against_a_refill() {
    model("a_free_without_a_size_against_a_refill", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let (ours, theirs) = (world.enter(), world.enter());
        let other = spawn(move || {
            theirs.free_unsized(live);
            theirs
        });
        let block = ours.alloc(HALF);
        let theirs = join(other);
        block.expect_intact();
        theirs.free_unsized(block);
        world.end([ours, theirs]);
    });
}
