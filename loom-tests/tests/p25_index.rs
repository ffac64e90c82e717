//! P25: a segment that has what is wanted is found along the hints, whichever thread clears them at the same time; and the index grows
//! while two need it to.
#![cfg(strata_loom)]

use strata_core::layout::{ARENA_BYTES, ARENAS_PER_SEGMENT, LARGEST_RUN_POOLS, POOLS_PER_ARENA};
use strata_loom_tests::{HALF, World, alone, join, model, spawn};
use strata_os::machine::HugetlbPage;
use strata_os::simulated::set_hugetlb_pages;

/// Of an arena's three pools two.
const RUN: u32 = LARGEST_RUN_POOLS as u32;
const POOLS_PER_SEGMENT: usize = ARENAS_PER_SEGMENT * (POOLS_PER_ARENA - 1);

#[test]
fn a_pool_that_comes_back_while_the_last_is_taken_is_found() {
    model("a_pool_that_comes_back_while_the_last_is_taken_is_found", Some(3), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let take = || page_heap.claim_pool().expect("the simulated OS has memory");
        let held: Vec<_> = (0..POOLS_PER_SEGMENT - 1).map(|_| take()).collect();
        let back = held[0];
        let other = spawn(move || page_heap.release_pool(back.open(HALF, 0)));
        let last = take();
        join(other);
        alone();
        let found = take();
        assert_eq!(page_heap.snapshot().segments, 1, "a free pool is missed");
        held[1..].iter().chain([&last, &found]).for_each(|run| page_heap.release_pool(run.open(HALF, 0)));
        world.end([]);
    });
}

#[test]
fn a_run_that_comes_back_while_a_search_finds_none_is_found() {
    model("a_run_that_comes_back_while_a_search_finds_none_is_found", Some(2), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let take = || {
            let run = page_heap.claim(RUN, 1).expect("the simulated OS has memory");
            run.first.open_run(RUN);
            run.first
        };
        let free = |first| {
            // SAFETY: the run of this model, given back once.
            unsafe { page_heap.free_large(first) };
        };
        // One in each arena.
        let held: Vec<_> = (0..ARENAS_PER_SEGMENT).map(|_| take()).collect();
        let back = held[0];
        let other = spawn(move || free(back));
        let found = take();
        join(other);
        alone();
        let segments = page_heap.snapshot().segments;
        let left = segments as usize * ARENAS_PER_SEGMENT - held.len();
        let more: Vec<_> = (0..left).map(|_| take()).collect();
        assert_eq!(page_heap.snapshot().segments, segments, "a free run is missed");
        held[1..].iter().chain([&found]).chain(&more).for_each(|first| free(*first));
        world.end([]);
    });
}

#[test]
fn two_need_the_second_chunk() {
    model("two_need_the_second_chunk", Some(1), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let segment = (ARENA_BYTES * ARENAS_PER_SEGMENT) as u64;
        set_hugetlb_pages(HugetlbPage::TwoMiB, 3 * ARENAS_PER_SEGMENT as u64);
        // The first chunk has two slots.
        assert_eq!(page_heap.reserve_hugetlb(HugetlbPage::TwoMiB, 2 * segment).bytes, 2 * segment);
        let held: Vec<_> =
            (0..2 * POOLS_PER_SEGMENT).map(|_| page_heap.claim_pool().expect("reserved")).collect();
        let reserver = spawn(move || {
            assert_eq!(page_heap.reserve_hugetlb(HugetlbPage::TwoMiB, segment).bytes, segment);
        });
        let mine = page_heap.claim_pool().expect("the simulated OS has memory");
        join(reserver);
        alone();
        let snapshot = page_heap.snapshot();
        assert_eq!(snapshot.pinned_bytes, 3 * segment, "a segment that is not found");
        assert_eq!(snapshot.used_pools as usize, held.len() + 1);
        let found = page_heap.claim_pool().expect("there are free ones");
        assert_eq!(page_heap.snapshot().segments, snapshot.segments, "free pools are missed");
        held.iter().chain([&mine, &found]).for_each(|run| page_heap.release_pool(run.open(HALF, 0)));
        world.end([]);
    });
}
