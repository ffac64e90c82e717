//! P20: whatever is released while the janitor falls asleep or leaves is found; and there is one of him, whose berth is left once.
//!
//! A sleep that nobody ends is what loom calls a deadlock.
#![cfg(strata_loom)]

use loom::cell::UnsafeCell;
use std::rc::Rc;
use strata_core::layout::POOL_BYTES;
use strata_core::pool::Pool;
use strata_core::sync::Ordering::Relaxed;
use strata_loom_tests::{JoinHandle, World, alone, join, model, spawn};

/// Where the janitor's thread is kept until it is joined.
type Place = Rc<UnsafeCell<i32>>;

/// A thread that hires a janitor if there is none, and keeps his thread.
fn start(world: World, place: &Place) -> JoinHandle<()> {
    let place = Rc::clone(place);
    spawn(move || {
        let janitor = &world.runtime().directory.janitor;
        if janitor.hire() {
            // SAFETY: whoever hires is alone with the place: loom looks.
            place.with_mut(|place| unsafe { *place = 1 });
            janitor.started();
            // The thread that was started, a step later.
            let _ = janitor.begin();
        }
    })
}

/// Closes; the thread that is to be joined, if there is one.
fn close(world: World, place: &Place) -> Option<i32> {
    // SAFETY: whoever closes is alone with the place: loom looks.
    world.runtime().directory.janitor.close().then(|| place.with(|place| unsafe { *place }))
}

#[test]
fn what_is_freed_while_the_janitor_falls_asleep_is_purged() {
    model("what_is_freed_while_the_janitor_falls_asleep_is_purged", None, || {
        let world = World::new();
        let directory = &world.runtime().directory;
        directory.tuning.purge_delay_ms.store(0, Relaxed);
        let (start, _) = directory.allocate_large(POOL_BYTES, 1).expect("the simulated OS has memory");
        assert!(directory.janitor.hire());
        let janitor = spawn(move || {
            let directory = &world.runtime().directory;
            assert!(directory.janitor.begin());
            directory.keep_house(|| directory.purged_bytes() > 0);
        });
        // SAFETY: the base of a pool of an arena.
        let pool = unsafe { Pool::of_base(start) };
        // SAFETY: ours, and not used again. Only the janitor looks: this thread never comes to a slow path.
        unsafe { directory.free_large(pool) };
        join(janitor);
        alone();
        assert_eq!(directory.census().dirty_pools, 0);
        world.end([]);
    });
}

#[test]
fn two_who_find_no_janitor_hire_one() {
    model("two_who_find_no_janitor_hire_one", None, || {
        let world = World::new();
        let other = spawn(move || world.runtime().directory.janitor.hire());
        let ours = world.runtime().directory.janitor.hire();
        let theirs = join(other);
        assert!(ours != theirs);
        world.end([]);
    });
}

#[test]
fn who_closes_is_alone_with_the_threads_place() {
    model("who_closes_is_alone_with_the_threads_place", None, || {
        let world = World::new();
        let place = Rc::new(UnsafeCell::new(0));
        let starter = start(world, &place);
        if let Some(thread) = close(world, &place) {
            assert_eq!(thread, 1, "the one that was started");
        }
        join(starter);
        assert!(!world.runtime().directory.janitor.hire());
        world.end([]);
    });
}

#[test]
fn what_is_closed_while_no_thread_can_be_started_stays_closed() {
    model("what_is_closed_while_no_thread_can_be_started_stays_closed", None, || {
        let world = World::new();
        let starter = spawn(move || {
            let janitor = &world.runtime().directory.janitor;
            if janitor.hire() {
                janitor.refuse();
            }
        });
        let janitor = &world.runtime().directory.janitor;
        assert!(!janitor.close(), "there is no thread");
        join(starter);
        assert!(janitor.is_closed());
        world.end([]);
    });
}

#[test]
fn a_successor_is_hired_against_the_end() {
    model("a_successor_is_hired_against_the_end", None, || {
        let world = World::new();
        let place = Rc::new(UnsafeCell::new(0));
        let janitor = &world.runtime().directory.janitor;
        assert!(janitor.hire() && janitor.begin());
        let leaver = spawn(move || world.runtime().directory.janitor.go_home());
        let starter = start(world, &place);
        // His thread or its successor's: whichever it is, nobody else is there.
        let _ = close(world, &place);
        let _ = join(leaver);
        join(starter);
        world.end([]);
    });
}

#[test]
fn a_look_that_is_set_while_the_janitor_leaves_has_somebody() {
    model("a_look_that_is_set_while_the_janitor_leaves_has_somebody", None, || {
        let world = World::new();
        let directory = &world.runtime().directory;
        directory.tuning.purge_delay_ms.store(0, Relaxed);
        assert!(directory.janitor.hire() && directory.janitor.begin());
        let janitor = spawn(move || world.runtime().directory.keep_house(|| true));
        // What whoever frees does last.
        directory.keep_looking();
        let would_hire = directory.janitor.is_missing();
        join(janitor);
        alone();
        assert!(would_hire || directory.looks() != 0);
        world.end([]);
    });
}
