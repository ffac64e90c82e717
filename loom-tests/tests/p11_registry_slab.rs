//! P11: no state is initialised on first use with others waiting: the root of everything is a constant. What comes into being at
//! its first use are segments (P10) and slabs of caches: two threads that start at once make two, and one is used.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, World, join, model, spawn};

#[test]
fn two_first_threads() {
    model("two_first_threads", None, || {
        let world = World::new();
        let other = spawn(move || world.enter());
        let ours = world.enter();
        let theirs = join(other);
        assert!(!ours.is_in_the_slot_of(theirs.slot()), "two threads have one cache");
        world.end([ours, theirs]);
    });
}

#[test]
fn two_first_threads_allocate() {
    model("two_first_threads_allocate", Some(2), || {
        let world = World::new();
        let other = spawn(move || {
            let theirs = world.enter();
            let block = theirs.alloc(HALF);
            (theirs, block)
        });
        let ours = world.enter();
        let block = ours.alloc(HALF);
        let (theirs, their_block) = join(other);
        block.expect_intact();
        their_block.expect_intact();
        ours.free(block);
        theirs.free(their_block);
        world.end([ours, theirs]);
    });
}

#[test]
fn three_threads_and_two_places() {
    model("three_threads_and_two_places", Some(2), || {
        let world = World::new();
        let others = [(); 2].map(|()| spawn(move || world.try_enter()));
        let mine = world.try_enter();
        let actors: Vec<_> = others.map(join).into_iter().chain([mine]).flatten().collect();
        assert_eq!(actors.len(), 2, "a place was given twice, or lost");
        world.end(actors);
    });
}
