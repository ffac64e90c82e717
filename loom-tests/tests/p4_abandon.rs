//! P4: a thread ends while others free into its pools: every free is taken in by the leaver, or makes the freeing thread
//! the owner, or finds the pool's next owner.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, World, join, model, spawn};

#[test]
fn leaving_against_one_free() {
    model("leaving_against_one_free", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (first, given) = (ours.alloc(HALF), ours.alloc(HALF));
        ours.free(first);
        let other = theirs.frees_and_collects(given);
        world.leave(ours);
        world.end([join(other)]);
    });
}

#[test]
fn leaving_against_two_frees_of_one_thread() {
    model("leaving_against_two_frees_of_one_thread", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
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
        let (ours, theirs) = (world.enter(), world.enter());
        let (first, second) = (ours.alloc(HALF), ours.alloc(HALF));
        let leaver = spawn(move || world.leave(ours));
        let other = theirs.frees_and_collects(first);
        // Only two caches fit into the registry of a model: the third thread frees as one without a cache does.
        world.without_cache().free(second);
        join(leaver);
        world.end([join(other)]);
    });
}

#[test]
fn both_threads_leave_at_once_with_a_block_of_the_other() {
    model("both_threads_leave_at_once_with_a_block_of_the_other", Some(3), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (our_block, their_block) = (ours.alloc(HALF), theirs.alloc(HALF));
        let other = spawn(move || {
            theirs.free(our_block);
            world.leave(theirs);
        });
        ours.free(their_block);
        world.leave(ours);
        join(other);
        world.end([]);
    });
}
