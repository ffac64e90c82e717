//! P11: no state is initialised on first use with others waiting: the root of everything is a constant. What comes into being at
//! its first use are segments (P10) and slabs of caches: two threads that start at once make two, and one is used. A free slot is found
//! along hints, whichever thread clears them at the same time.
#![cfg(strata_loom)]

use strata_loom_tests::{Actor, HALF, World, alone, join, model, spawn};

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
        let others = [(); 2].map(|()| spawn(move || world.enter()));
        let mine = world.enter();
        let actors: Vec<_> = others.map(join).into_iter().chain([mine]).collect();
        alone();
        let mut slots: Vec<_> = actors.iter().map(Actor::slot).collect();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), 3, "a place was given twice");
        assert_eq!(world.runtime().registry.slabs(), 2, "a place was missed");
        world.end(actors);
    });
}

/// All places of a registry's four slabs, each of which leads to the next. A search tries the last one besides.
fn fill(world: World) -> Vec<Actor> {
    let actors: Vec<_> = (0..8).map(|_| world.enter()).collect();
    assert_eq!(world.runtime().registry.slabs(), 4);
    actors
}

/// The thread in place `leaver` ends while another starts, to which all hints to full slabs are news.
fn leaving_against_entering(name: &'static str, leaver: usize) {
    model(name, Some(3), move || {
        let world = World::new();
        let mut actors = fill(world);
        let gone = actors.remove(leaver);
        let leaving = spawn(move || world.leave(gone));
        let entered = world.try_enter();
        join(leaving);
        alone();
        let entered = entered.or_else(|| world.try_enter());
        actors.push(entered.expect("a place is free, and not found"));
        assert!(world.try_enter().is_none(), "a place was given twice");
        world.end(actors);
    });
}

#[test]
fn a_place_that_comes_back_while_the_hints_to_it_are_cleared_is_found() {
    leaving_against_entering("a_place_that_comes_back_while_the_hints_to_it_are_cleared_is_found", 3);
}

#[test]
fn a_place_two_levels_down_comes_back_while_the_hints_to_it_are_cleared() {
    leaving_against_entering("a_place_two_levels_down_comes_back_while_the_hints_to_it_are_cleared", 5);
}
