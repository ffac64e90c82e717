//! P10: a segment is complete before any thread finds it; of two that are made at once one is used and the other given back, or,
//! where it was not made for want of memory, takes the next place.
#![cfg(strata_loom)]

use strata_core::layout::{ARENA_BYTES, ARENAS_PER_SEGMENT};
use strata_loom_tests::{Block, HALF, World, alone, join, model, spawn};
use strata_os::machine::HugetlbPage;
use strata_os::simulated::set_hugetlb_pages;

fn expect_found(world: World, block: &Block) {
    block.expect_intact();
    assert!(
        world.runtime().page_heap.contains(block.place().addr().get()),
        "the segment of a live block was lost"
    );
}

#[test]
fn two_first_allocations() {
    model("two_first_allocations", Some(3), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let other = spawn(move || {
            let block = theirs.alloc(HALF);
            expect_found(world, &block);
            (theirs, block)
        });
        let block = ours.alloc(HALF);
        expect_found(world, &block);
        let (theirs, their_block) = join(other);
        expect_found(world, &block);
        expect_found(world, &their_block);
        ours.free(their_block);
        theirs.free(block);
        world.end([ours, theirs]);
    });
}

#[test]
fn a_look_up_while_the_first_segment_comes() {
    model("a_look_up_while_the_first_segment_comes", Some(3), || {
        let world = World::new();
        let actor = world.enter();
        let other = spawn(move || {
            let snapshot = world.runtime().page_heap.snapshot();
            assert!(snapshot.used_pools <= 1 && snapshot.arenas <= 1);
        });
        let block = actor.alloc(HALF);
        join(other);
        expect_found(world, &block);
        actor.free(block);
        world.end([actor]);
    });
}

#[test]
fn two_take_the_last_pool_and_add_an_arena() {
    model("two_take_the_last_pool_and_add_an_arena", Some(2), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let held = [(); 2].map(|()| page_heap.claim_pool().expect("the simulated OS has memory"));
        let (ours, theirs) = (world.enter(), world.enter());
        let other = spawn(move || {
            let block = theirs.alloc(HALF);
            (theirs, block)
        });
        let block = ours.alloc(HALF);
        let (theirs, their_block) = join(other);
        expect_found(world, &block);
        expect_found(world, &their_block);
        ours.free(their_block);
        theirs.free(block);
        held.into_iter().for_each(|run| page_heap.release_pool(run.open(HALF, 0)));
        world.end([ours, theirs]);
    });
}

#[test]
fn a_pool_is_claimed_of_an_arena_that_another_thread_adds() {
    model("a_pool_is_claimed_of_an_arena_that_another_thread_adds", Some(2), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let claim = || page_heap.claim_pool().expect("the simulated OS has memory").open(HALF, 0);
        let held = [(); 3].map(|()| claim());
        let other = spawn(move || page_heap.release_pool(claim()));
        let mine = claim();
        join(other);
        alone();
        held.into_iter().chain([mine]).for_each(|pool| page_heap.release_pool(pool));
        world.end([]);
    });
}

#[test]
fn a_reservation_comes_while_a_thread_needs_its_first_segment() {
    model("a_reservation_comes_while_a_thread_needs_its_first_segment", Some(2), || {
        let world = World::new();
        let actor = world.enter();
        let segment = (ARENA_BYTES * ARENAS_PER_SEGMENT) as u64;
        let reserver = spawn(move || {
            let page_heap = &world.runtime().page_heap;
            set_hugetlb_pages(HugetlbPage::TwoMiB, ARENAS_PER_SEGMENT as u64);
            assert_eq!(page_heap.reserve_hugetlb(HugetlbPage::TwoMiB, segment).bytes, segment);
            assert!(page_heap.snapshot().arenas >= ARENAS_PER_SEGMENT as u64, "a segment that is not found");
        });
        let block = actor.alloc(HALF);
        expect_found(world, &block);
        join(reserver);
        let snapshot = world.runtime().page_heap.snapshot();
        assert_eq!(snapshot.pinned_bytes, segment);
        assert!(snapshot.segments <= 2 && snapshot.used_pools == 1);
        actor.free(block);
        world.end([actor]);
    });
}
