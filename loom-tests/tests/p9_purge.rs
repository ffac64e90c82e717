//! P9: memory goes back to the OS only while the purger holds the claim; what is said to be zero is; and a pool that was
//! freed during a pass is found by the next.
//!
//! A purge is an access to every payload in its range, so a purge of memory in use is a race that loom reports.
#![cfg(strata_loom)]

use strata_core::layout::POOL_BYTES;
use strata_core::pool::Pool;
use strata_core::sync::Ordering::Relaxed;
use strata_loom_tests::{Actor, HALF, World, alone, join, model, payload, spawn};
use strata_segment::{PageHeap, PurgeWay};

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
        let purger = spawn(move || world.runtime().page_heap.purge_all());
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
        let other = spawn(move || world.runtime().page_heap.purge_all());
        let bytes = world.runtime().page_heap.purge_all() + join(other);
        assert_eq!(world.runtime().page_heap.snapshot().dirty_pools, 0);
        assert!(bytes >= POOL_BYTES as u64, "nothing was purged");
        cycle_zeroed(&actor);
        world.end([actor]);
    });
}

#[test]
fn two_purge_while_one_allocates() {
    model("two_purge_while_one_allocates", Some(1), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let actor = world.enter();
        cycle(&actor);
        let purgers = [(); 2].map(|()| spawn(move || world.runtime().page_heap.purge_all()));
        let run = page_heap.claim_pool().expect("the simulated OS has memory");
        let (start, mark) = (run.first.base(), payload::new_mark());
        if run.dirty == 0 {
            payload::expect(start, payload::ZERO);
        }
        payload::write(start, mark);
        let _bytes = purgers.map(join);
        payload::give_up(start, mark);
        page_heap.release_pool(run.open(HALF, 0));
        world.end([actor]);
    });
}

#[test]
fn lazily_purged_memory_against_an_allocation() {
    model("lazily_purged_memory_against_an_allocation", Some(3), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        page_heap.tuning.purge.store(PurgeWay::LazyFree as u64, Relaxed);
        // Every tick is a pass, and the third one purges.
        page_heap.tuning.purge_delay_ms.store(0, Relaxed);
        let pool = take(page_heap);
        payload::write(pool.base(), payload::new_mark());
        give_back(page_heap, pool);
        (0..2).for_each(|_| page_heap.tick());
        let purger = spawn(move || world.runtime().page_heap.tick());
        let run = page_heap.claim_pool().expect("the simulated OS has memory");
        let (start, mark) = (run.first.base(), payload::new_mark());
        if run.dirty == 0 {
            payload::expect(start, payload::ZERO);
        }
        payload::write(start, mark);
        join(purger);
        payload::give_up(start, mark);
        page_heap.release_pool(run.open(HALF, 0));
        alone();
        page_heap.purge_all();
        assert_eq!(page_heap.snapshot().dirty_pools, 0, "what was purged with MADV_FREE is purged for good");
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
        world.runtime().page_heap.purge_all();
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
fn take(page_heap: &PageHeap) -> &'static Pool {
    let (start, _) = page_heap.allocate_large(POOL_BYTES, 1).expect("the simulated OS has memory");
    // SAFETY: the base of a pool of an arena.
    unsafe { Pool::of_base(start) }
}

/// Gives it back, which is no occasion for a pass.
fn give_back(page_heap: &PageHeap, pool: &Pool) {
    // SAFETY: ours, and not used again.
    unsafe { page_heap.free_large(pool) };
}

#[test]
fn a_pool_freed_during_a_pass_is_found_by_the_next() {
    model("a_pool_freed_during_a_pass_is_found_by_the_next", Some(2), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        // Every tick is a pass.
        page_heap.tuning.purge_delay_ms.store(0, Relaxed);
        let (early, late) = (take(page_heap), take(page_heap));
        give_back(page_heap, early);
        // The first pass finds it free, the second one idle, the third purges it and leaves nothing.
        (0..2).for_each(|_| page_heap.tick());
        let purger = spawn(move || world.runtime().page_heap.tick());
        give_back(page_heap, late);
        join(purger);
        alone();
        (0..3).for_each(|_| page_heap.tick());
        assert_eq!(page_heap.snapshot().dirty_pools, 0, "memory lies free, and no pass will come");
        world.end([]);
    });
}
