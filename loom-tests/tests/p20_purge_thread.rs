//! P20: what is released while the purge thread falls asleep or exits is found; and there is one such thread, whose berth is left once.
//!
//! A sleep that never ends is what loom calls a deadlock.
#![cfg(strata_loom)]

use loom::cell::UnsafeCell;
use std::rc::Rc;
use strata_core::layout::POOL_BYTES;
use strata_core::pool::Pool;
use strata_core::sync::Ordering::Relaxed;
use strata_loom_tests::{JoinHandle, World, alone, join, model, spawn};

/// Where the purge thread's thread is kept until it is joined.
type Place = Rc<UnsafeCell<i32>>;

/// A thread that starts a purge thread if there is none, and keeps its handle.
fn start(world: World, place: &Place) -> JoinHandle<()> {
    let place = Rc::clone(place);
    spawn(move || {
        let thread = &world.runtime().page_heap.purge_thread;
        if thread.claim_start() {
            // SAFETY: the one that claimed the start is alone with the place: loom checks.
            place.with_mut(|place| unsafe { *place = 1 });
            thread.started();
            // The thread that was started, a step later.
            let _ = thread.begin();
        }
    })
}

/// Closes; the thread that is to be joined, if there is one.
fn close(world: World, place: &Place) -> Option<i32> {
    // SAFETY: the one that closes is alone with the place: loom checks.
    world.runtime().page_heap.purge_thread.close().then(|| place.with(|place| unsafe { *place }))
}

#[test]
fn what_is_freed_while_the_purge_thread_falls_asleep_is_purged() {
    model("what_is_freed_while_the_purge_thread_falls_asleep_is_purged", None, || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        page_heap.tuning.purge_delay_ms.store(0, Relaxed);
        let (start, _) = page_heap.allocate_large(POOL_BYTES, 1).expect("the simulated OS has memory");
        assert!(page_heap.purge_thread.claim_start());
        let thread = spawn(move || {
            let page_heap = &world.runtime().page_heap;
            assert!(page_heap.purge_thread.begin());
            page_heap.run_purge_thread(|| page_heap.purged_bytes() > 0);
        });
        // SAFETY: the base of a pool of an arena.
        let pool = unsafe { Pool::of_base(start) };
        // SAFETY: ours, and not used again. Only the purge thread makes passes: this thread never comes to a slow path.
        unsafe { page_heap.free_large(pool) };
        join(thread);
        alone();
        assert_eq!(page_heap.snapshot().dirty_pools, 0);
        world.end([]);
    });
}

#[test]
fn two_that_find_no_purge_thread_spawn_one() {
    model("two_that_find_no_purge_thread_spawn_one", None, || {
        let world = World::new();
        let other = spawn(move || world.runtime().page_heap.purge_thread.claim_start());
        let ours = world.runtime().page_heap.purge_thread.claim_start();
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
        assert!(!world.runtime().page_heap.purge_thread.claim_start());
        world.end([]);
    });
}

#[test]
fn what_is_closed_while_no_thread_can_be_started_stays_closed() {
    model("what_is_closed_while_no_thread_can_be_started_stays_closed", None, || {
        let world = World::new();
        let starter = spawn(move || {
            let thread = &world.runtime().page_heap.purge_thread;
            if thread.claim_start() {
                thread.refuse();
            }
        });
        let thread = &world.runtime().page_heap.purge_thread;
        assert!(!thread.close(), "there is no thread");
        join(starter);
        assert!(thread.is_closed());
        world.end([]);
    });
}

#[test]
fn a_successor_is_spawned_against_the_end() {
    model("a_successor_is_spawned_against_the_end", None, || {
        let world = World::new();
        let place = Rc::new(UnsafeCell::new(0));
        let thread = &world.runtime().page_heap.purge_thread;
        assert!(thread.claim_start() && thread.begin());
        let leaver = spawn(move || world.runtime().page_heap.purge_thread.exit());
        let starter = start(world, &place);
        // This thread or its successor's: whichever it is, no other is there.
        let _ = close(world, &place);
        let _ = join(leaver);
        join(starter);
        world.end([]);
    });
}

#[test]
fn a_pass_that_is_scheduled_while_the_purge_thread_exits_is_made() {
    model("a_pass_that_is_scheduled_while_the_purge_thread_exits_is_made", None, || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        page_heap.tuning.purge_delay_ms.store(0, Relaxed);
        assert!(page_heap.purge_thread.claim_start() && page_heap.purge_thread.begin());
        let thread = spawn(move || world.runtime().page_heap.run_purge_thread(|| true));
        // What a freeing thread does last.
        page_heap.schedule_decommit();
        let would_start = page_heap.purge_thread.is_missing();
        join(thread);
        alone();
        assert!(would_start || page_heap.passes() != 0);
        world.end([]);
    });
}
