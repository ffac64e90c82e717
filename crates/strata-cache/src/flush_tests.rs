//! Tests of `flush`.

use super::*;
use crate::scene::{free, new, runtime};
use std::vec::Vec;
use strata_core::address::UserPtr;

fn held_bytes(cache: &Cache) -> u32 {
    SizeClass::all().map(|class| cache.magazine(class).count() * class.block_bytes() as u32).sum()
}

fn collect(cache: &Cache) {
    // SAFETY: the caches of a test have one user.
    unsafe { cache.collect() };
}

#[test]
fn a_magazine_becomes_deeper_by_need_up_to_a_bound() {
    let cache = runtime().enter().unwrap();
    for class in [48, 2048, 32 << 10].map(SizeClass::of) {
        let mut deepest = 0;
        for _ in 0..8 {
            let blocks: Vec<_> = (0..300).map(|_| new(cache, class)).collect();
            for block in blocks {
                free(cache, block, class);
                deepest = deepest.max(cache.magazine(class).count());
            }
        }
        assert_eq!(deepest, most(class), "{class:?}");
    }
}

#[test]
fn larger_blocks_that_are_freed_and_not_taken_again_are_not_kept() {
    let cache = runtime().enter().unwrap();
    let class = SizeClass::of(2048);
    let blocks: Vec<_> = (0..300).map(|_| new(cache, class)).collect();
    cache.close(class);
    blocks.into_iter().for_each(|block| free(cache, block, class));
    assert_eq!(cache.magazine(class).count(), 0);
}

#[test]
fn what_a_thread_holds_is_bounded_whatever_it_frees() {
    let runtime = runtime();
    let (cache, other) = (runtime.enter().unwrap(), runtime.enter().unwrap());
    for round in 0..3 {
        let blocks: Vec<_> = SizeClass::all()
            .flat_map(|class| (0..100).map(move |_| class))
            .map(|class| (new(other, class), class))
            .collect();
        blocks.into_iter().for_each(|(block, class)| free(cache, block, class));
        assert!(u64::from(held_bytes(cache)) <= MOST_SHARE, "{} in round {round}", held_bytes(cache));
    }
    collect(cache);
    collect(other);
    assert_eq!(runtime.page_heap.snapshot().used_pools, 0);
}

#[test]
fn threads_of_a_small_program_hold_little_together_and_one_what_the_others_leave() {
    let runtime = runtime();
    let caches: Vec<_> = (0..16).map(|_| runtime.enter().unwrap()).collect();
    for cache in &caches {
        for class in (0..4).flat_map(|_| SizeClass::all()) {
            let blocks: Vec<_> = (0..20).map(|_| new(cache, class)).collect();
            blocks.into_iter().for_each(|block| free(cache, block, class));
        }
    }
    let share = FEW_ALL_BYTES / caches.len() as u64;
    assert!(u64::from(caches[0].granted_bytes.get()) > 2 * share);
    let all = runtime.registry.granted_bytes.get();
    assert!((FEW_ALL_BYTES / 2..=2 * FEW_ALL_BYTES).contains(&all), "{all}");
    caches.iter().for_each(|cache| collect(cache));
    assert_eq!(runtime.registry.granted_bytes.get(), 0);
}

#[test]
fn a_thread_with_much_in_use_may_have_half_of_it_ready() {
    let cache = runtime().enter().unwrap();
    let classes = || SizeClass::all().filter(|class| class.block_bytes() > 8 << 10);
    let kept: Vec<_> = (0..40).flat_map(|_| classes()).map(|class| (new(cache, class), class)).collect();
    for class in (0..10).flat_map(|_| classes()) {
        let blocks: Vec<_> = (0..20).map(|_| new(cache, class)).collect();
        blocks.into_iter().for_each(|block| free(cache, block, class));
    }
    let granted = u64::from(cache.granted_bytes.get());
    assert!((MOST_SHARE + 1..=MOST_OWN).contains(&granted), "{granted}");
    kept.into_iter().for_each(|(block, class)| free(cache, block, class));
    collect(cache);
    assert_eq!(cache.granted_bytes.get(), 0);
}

#[test]
fn a_thread_that_touches_each_size_once_holds_little() {
    let cache = runtime().enter().unwrap();
    for class in SizeClass::all() {
        let block = new(cache, class);
        free(cache, block, class);
    }
    assert!(held_bytes(cache) < 32 << 10, "{}", held_bytes(cache));
}

#[test]
fn a_class_that_holds_little_is_not_emptied_for_one_that_needs_more() {
    let (cache, little) = (runtime().enter().unwrap(), SizeClass::of(128));
    let blocks: Vec<_> = (0..4).map(|_| new(cache, little)).collect();
    blocks.into_iter().for_each(|block| free(cache, block, little));
    let before = cache_count(cache, little);
    for class in (0..10).flat_map(|_| SizeClass::all()).filter(|class| class.block_bytes() > 4096) {
        let blocks: Vec<_> = (0..20).map(|_| new(cache, class)).collect();
        blocks.into_iter().for_each(|block| free(cache, block, class));
    }
    assert_eq!(cache_count(cache, little), before);
}

#[test]
fn a_small_block_whose_neighbours_another_thread_has_is_given_back() {
    let runtime = runtime();
    let (owner, other) = (runtime.enter().unwrap(), runtime.enter().unwrap());
    let class = SizeClass::of(16);
    let (_kept, given) = (new(owner, class), new(owner, class));
    free(other, given, class);
    assert_eq!(cache_count(other, class), 0);
    let own = new(other, class);
    free(other, own, class);
    assert_ne!(cache_count(other, class), 0, "blocks of its own stay");
}

fn cache_count(cache: &Cache, class: SizeClass) -> u32 {
    cache.magazine(class).count()
}

#[test]
fn blocks_freed_in_runs_cost_few_exchanges() {
    let runtime = runtime();
    let (owner, other) = (runtime.enter().unwrap(), runtime.enter().unwrap());
    let class = SizeClass::of(48);
    let blocks: Vec<_> = (0..4 * Pool::capacity(class)).map(|_| new(owner, class)).collect();
    collect(owner);
    let word = |block: UserPtr| {
        // SAFETY: a block of a pool.
        std::format!("{:?}", unsafe { block.pool() }.remote().glance())
    };
    let mut exchanges = 0;
    let all = blocks.clone();
    for block in blocks.chunks(64) {
        let before: Vec<_> =
            all.iter().step_by(Pool::capacity(class) as usize).map(|block| word(*block)).collect();
        block.iter().for_each(|block| free(other, *block, class));
        let after = all.iter().step_by(Pool::capacity(class) as usize).map(|block| word(*block));
        exchanges += 4 * before.into_iter().zip(after).filter(|(before, after)| before != after).count();
    }
    assert!(exchanges * 10 <= all.len(), "{exchanges} exchanges for {} frees", all.len());
}
