//! P4: a thread ends, with an active pool and full magazines, while others free into its pools: its blocks are with their pools
//! afterwards, its pools unowned or free, and every free is taken in by the leaver, or by the pool's next owner, or makes the
//! freeing thread the owner.
#![cfg(strata_loom)]

use strata_loom_tests::{Actor, Block, HALF, World, join, model, spawn};

#[test]
fn leaving_against_one_free() {
    model("leaving_against_one_free", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(HALF), world.enter());
        let (first, given) = (ours.alloc(HALF), ours.alloc(HALF));
        ours.free(first);
        let other = theirs.frees_and_collects(given);
        world.leave(ours);
        let theirs = join(other);
        world.expect_no_pool_in_use();
        world.end([theirs]);
    });
}

#[test]
fn leaving_against_two_frees_of_one_thread() {
    model("leaving_against_two_frees_of_one_thread", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(HALF), world.enter());
        let given = [ours.alloc(HALF), ours.alloc(HALF)];
        let other = spawn(move || {
            for block in given {
                theirs.free(block);
                theirs.collect();
            }
            theirs
        });
        world.leave(ours);
        world.end([join(other)]);
    });
}

#[test]
fn leaving_against_two_freeing_threads() {
    model("leaving_against_two_freeing_threads", Some(3), || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(HALF), world.enter());
        let (first, second) = (ours.alloc(HALF), ours.alloc(HALF));
        let leaver = spawn(move || world.leave(ours));
        let other = theirs.frees_and_collects(first);
        // Only two caches fit into the registry of a model: the third thread frees as one without a cache does.
        world.without_cache().free(second);
        join(leaver);
        world.end([join(other)]);
    });
}

/// A thread with a block of each of two pools in its magazine; and the other block of the first pool.
fn with_a_full_magazine(world: World) -> (Actor, Block) {
    let actor = world.enter_with_room(HALF);
    let (first, given, third) = (actor.alloc(HALF), actor.alloc(HALF), actor.alloc(HALF));
    [first, third].into_iter().for_each(|block| actor.free(block));
    (actor, given)
}

#[test]
fn leaving_with_a_full_magazine_against_a_free() {
    model("leaving_with_a_full_magazine_against_a_free", None, || {
        let world = World::new();
        let (ours, given) = with_a_full_magazine(world);
        let theirs = world.enter();
        let other = theirs.frees_and_collects(given);
        world.leave(ours);
        let theirs = join(other);
        world.expect_no_pool_in_use();
        world.end([theirs]);
    });
}

#[test]
fn leaving_with_a_full_magazine_against_an_allocation() {
    model("leaving_with_a_full_magazine_against_an_allocation", Some(4), || {
        let world = World::new();
        let (ours, kept) = with_a_full_magazine(world);
        let theirs = world.enter();
        let leaver = spawn(move || world.leave(ours));
        let block = theirs.alloc(HALF);
        join(leaver);
        [&kept, &block].into_iter().for_each(Block::expect_intact);
        [kept, block].into_iter().for_each(|block| theirs.free(block));
        world.end([theirs]);
    });
}

#[test]
fn both_threads_leave_at_once_with_a_block_of_the_other() {
    model("both_threads_leave_at_once_with_a_block_of_the_other", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_with_room(HALF), world.enter_with_room(HALF));
        let [first, second] = [ours.alloc(HALF), ours.alloc(HALF)];
        // Each has a block of the one pool in its magazine.
        theirs.free(first);
        ours.free(second);
        let other = spawn(move || world.leave(theirs));
        world.leave(ours);
        join(other);
        world.expect_no_pool_in_use();
        world.end([]);
    });
}
