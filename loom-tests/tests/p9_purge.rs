//! P9: memory goes back to the OS only while the purger holds the claim; what is said to be zero is; and a pool that was
//! freed during a pass is found by the next.
//!
//! A purge is an access to every payload in its range, so a purge of memory that somebody uses is a race that loom reports.
#![cfg(strata_loom)]

use strata_core::layout::POOL_BYTES;
use strata_core::pool::Pool;
use strata_core::sync::Ordering::Relaxed;
use strata_loom_tests::{Actor, HALF, World, alone, join, model, payload, spawn};
use strata_segment::{Directory, PurgeWay};

/// Uses a whole pool and gives it back, dirty.
fn cycle(actor: &Actor) {
    let blocks = [actor.alloc(HALF), actor.alloc(HALF)];
    blocks.into_iter().for_each(|block| actor.free(block));
    actor.collect();
}

/// The same; the second block is carved as it is, so if it is said to be zero, it must be.
fn cycle_zeroed(actor: &Actor) {
    let blocks = [actor.alloc(HALF), actor.alloc_zeroable(HALF)];
    blocks.into_iter().for_each(|block| actor.free(block));
    actor.collect();
}

#[test]
fn purging_against_an_allocation() {
    model("purging_against_an_allocation", Some(2), || {
        let world = World::new();
        let actor = world.enter();
        cycle(&actor);
        let purger = spawn(move || world.runtime().directory.purge_all());
        let block = actor.alloc_zeroable(HALF);
        join(purger);
        block.expect_intact();
        actor.free(block);
        cycle_zeroed(&actor);
        world.end([actor]);
    });
}

#[test]
fn purging_against_purging() {
    model("purging_against_purging", Some(2), || {
        let world = World::new();
        let actor = world.enter();
        cycle(&actor);
        let other = spawn(move || world.runtime().directory.purge_all());
        let bytes = world.runtime().directory.purge_all() + join(other);
        assert_eq!(world.runtime().directory.snapshot().dirty_pools, 0);
        assert!(bytes >= POOL_BYTES as u64, "nobody purged");
        cycle_zeroed(&actor);
        world.end([actor]);
    });
}

#[test]
fn two_purge_while_one_allocates() {
    model("two_purge_while_one_allocates", Some(1), || {
        let world = World::new();
        let directory = &world.runtime().directory;
        let actor = world.enter();
        cycle(&actor);
        let purgers = [(); 2].map(|()| spawn(move || world.runtime().directory.purge_all()));
        let run = directory.claim_pool().expect("the simulated OS has memory");
        let (start, mark) = (run.first.base(), payload::new_mark());
        if run.dirty == 0 {
            payload::expect(start, payload::ZERO);
        }
        payload::write(start, mark);
        let _bytes = purgers.map(join);
        payload::give_up(start, mark);
        directory.release_pool(run.open(HALF, 0));
        world.end([actor]);
    });
}

#[test]
fn lazily_purged_memory_against_an_allocation() {
    model("lazily_purged_memory_against_an_allocation", Some(3), || {
        let world = World::new();
        let directory = &world.runtime().directory;
        directory.tuning.purge.store(PurgeWay::Lazily as u64, Relaxed);
        // Every tick is a pass, and the third one purges.
        directory.tuning.purge_delay_ms.store(0, Relaxed);
        let pool = take(directory);
        payload::write(pool.base(), payload::new_mark());
        give_back(directory, pool);
        (0..2).for_each(|_| directory.tick());
        let purger = spawn(move || world.runtime().directory.tick());
        let run = directory.claim_pool().expect("the simulated OS has memory");
        let (start, mark) = (run.first.base(), payload::new_mark());
        if run.dirty == 0 {
            payload::expect(start, payload::ZERO);
        }
        payload::write(start, mark);
        join(purger);
        payload::give_up(start, mark);
        directory.release_pool(run.open(HALF, 0));
        alone();
        directory.purge_all();
        assert_eq!(directory.snapshot().dirty_pools, 0, "what went lazily goes for good");
        world.end([]);
    });
}

#[test]
fn untouched_memory_against_somebody_who_dirties_it() {
    model("untouched_memory_against_somebody_who_dirties_it", Some(2), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        // There is an arena, all of whose pools are clean.
        cycle(&ours);
        world.runtime().directory.purge_all();
        let other = spawn(move || {
            // The first free goes to the pool at once, which is free again, and dirty.
            theirs.free(theirs.alloc(HALF));
            theirs
        });
        let block = ours.alloc_zeroable(HALF);
        let theirs = join(other);
        block.expect_intact();
        ours.free(block);
        world.end([ours, theirs]);
    });
}

/// A large block of one pool.
fn take(directory: &Directory) -> &'static Pool {
    let (start, _) = directory.allocate_large(POOL_BYTES, 1).expect("the simulated OS has memory");
    // SAFETY: the base of a pool of an arena.
    unsafe { Pool::of_base(start) }
}

/// Gives it back, which is no occasion for a pass.
fn give_back(directory: &Directory, pool: &Pool) {
    // SAFETY: ours, and not used again.
    unsafe { directory.free_large(pool) };
}

#[test]
fn a_pool_freed_during_a_pass_is_found_by_the_next() {
    model("a_pool_freed_during_a_pass_is_found_by_the_next", Some(2), || {
        let world = World::new();
        let directory = &world.runtime().directory;
        // Every tick is a pass.
        directory.tuning.purge_delay_ms.store(0, Relaxed);
        let (early, late) = (take(directory), take(directory));
        give_back(directory, early);
        // The first pass finds it free, the second one idle, the third purges it and leaves nothing.
        (0..2).for_each(|_| directory.tick());
        let purger = spawn(move || world.runtime().directory.tick());
        give_back(directory, late);
        join(purger);
        alone();
        (0..3).for_each(|_| directory.tick());
        assert_eq!(directory.snapshot().dirty_pools, 0, "memory lies free, and no pass will come");
        world.end([]);
    });
}
