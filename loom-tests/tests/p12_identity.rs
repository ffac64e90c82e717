//! P12: a cache's slot is used again by another thread: its predecessor's pools are not its own, although they were held
//! under the same name.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, World, join, model, spawn};

#[test]
fn entering_against_leaving() {
    model("entering_against_leaving", Some(3), || {
        let world = World::new();
        let ours = world.enter_with_room(HALF);
        // What it has to empty: a magazine, and an active pool.
        let (block, ready) = (ours.alloc(HALF), ours.alloc(HALF));
        ours.free(ready);
        let slot = ours.slot();
        let leaver = spawn(move || world.leave(ours));
        // Gets the leaver's slot, or the other one.
        let next = world.enter();
        next.free(block);
        let own = next.alloc(HALF);
        own.expect_intact();
        join(leaver);
        assert!(slot != 0);
        next.free(own);
        world.end([next]);
    });
}

#[test]
fn the_slot_of_a_thread_that_has_left_and_its_blocks() {
    model("the_slot_of_a_thread_that_has_left_and_its_blocks", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let slot = ours.slot();
        let (first, second) = (ours.alloc(HALF), ours.alloc(HALF));
        let other = theirs.frees_and_collects(second);
        world.leave(ours);
        // The same slot draws again, while the pool of the first user is still about.
        let next = world.enter();
        assert!(next.is_in_the_slot_of(slot));
        next.free(first);
        next.collect();
        world.end([next, join(other)]);
    });
}

#[test]
fn a_slot_changes_hands_while_others_free_into_its_pools() {
    model("a_slot_changes_hands_while_others_free_into_its_pools", Some(2), || {
        let world = World::new();
        let ours = world.enter_busy(HALF);
        let (first, second) = (ours.alloc(HALF), ours.alloc(HALF));
        let changing = spawn(move || {
            world.leave(ours);
            let next = world.enter();
            let block = next.alloc(HALF);
            next.free(first);
            (next, block)
        });
        world.without_cache().free(second);
        let (next, block) = join(changing);
        block.expect_intact();
        next.free(block);
        world.end([next]);
    });
}
