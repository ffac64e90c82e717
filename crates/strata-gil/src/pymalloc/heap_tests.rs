//! Pools and arenas moving through a whole heap, and random work that must add up.

use super::super::parameters::{Classic, Current, SMALL_BYTES};
use super::super::testing::{Random, heap};
use super::*;
use std::vec::Vec;

fn class<P: Parameters>(request: usize) -> ClassIndex {
    ClassIndex::of::<P>(request).unwrap()
}

fn allocate<P: Parameters>(heap: &mut Heap<P>, request: usize) -> NonNull<u8> {
    heap.allocate(class::<P>(request)).unwrap()
}

fn free<P: Parameters>(heap: &mut Heap<P>, block: NonNull<u8>) {
    // SAFETY: tests free what they allocated, once.
    assert_eq!(unsafe { heap.free(block) }, Freed::Ours);
}

fn pool<P: Parameters>(heap: &Heap<P>, block: NonNull<u8>) -> PoolRef {
    heap.pool_of(block).unwrap()
}

/// Allocates until a further arena is needed, and returns the blocks of the arenas so far.
fn fill_arenas<P: Parameters>(heap: &mut Heap<P>, request: usize, arenas: usize) -> Vec<NonNull<u8>> {
    let mut blocks = Vec::new();
    while heap.arena_counts.current < arenas
        || heap.usable.front().is_some()
        || heap.used.front(class::<P>(request)).is_some()
    {
        blocks.push(allocate(heap, request));
    }
    assert_eq!(heap.arena_counts.current, arenas);
    blocks
}

#[test]
fn a_full_pool_leaves_its_circle_and_rejoins_at_the_front() {
    let mut heap = heap::<Classic>();
    let class = class::<Classic>(512);
    let first: Vec<_> = (0..7).map(|_| allocate(&mut heap, 512)).collect();
    assert_eq!(heap.used.front(class), None);
    let second = allocate(&mut heap, 512);
    assert_eq!(heap.used.front(class), Some(pool(&heap, second)));
    free(&mut heap, first[3]);
    assert_eq!(heap.used.front(class), Some(pool(&heap, first[3])));
    assert_eq!(allocate(&mut heap, 512), first[3]);
    assert_eq!(heap.used.front(class), Some(pool(&heap, second)));
}

#[test]
fn an_empty_pool_serves_another_class_next() {
    let mut heap = heap::<Current>();
    let long = allocate(&mut heap, 512);
    let place = pool(&heap, long);
    free(&mut heap, long);
    assert_eq!(heap.used.front(class::<Current>(512)), None);
    let short = allocate(&mut heap, 16);
    assert_eq!(pool(&heap, short), place);
    assert_eq!(heap.usable_size(short), Some(16));
}

fn an_arena_goes_back_when_all_its_pools_are_empty<P: Parameters>() {
    let mut heap = heap::<P>();
    let blocks = fill_arenas(&mut heap, 256, 3);
    let [_, middle, last] = [0, 1, 2].map(|arena| of_arena(&heap, &blocks, arena));
    // The last usable arena stays: so that it is not the middle one, the last is emptied first.
    last.iter().for_each(|&block| free(&mut heap, block));
    let (final_block, rest) = middle.split_last().unwrap();
    rest.iter().for_each(|&block| free(&mut heap, block));
    assert_eq!(heap.arena_counts.current, 3);
    free(&mut heap, *final_block);
    assert_eq!(heap.arena_counts, ArenaCounts { current: 2, highest: 3, total: 3 });
    assert_eq!(heap.stats(0).accounted_bytes(), 2 * P::ARENA_BYTES);
}

fn of_arena<P: Parameters>(heap: &Heap<P>, blocks: &[NonNull<u8>], arena: u32) -> Vec<NonNull<u8>> {
    blocks.iter().copied().filter(|&block| pool(heap, block).arena() == arena).collect()
}

#[test]
fn an_arena_goes_back_when_all_its_pools_are_empty_in_both_sets() {
    an_arena_goes_back_when_all_its_pools_are_empty::<Classic>();
    an_arena_goes_back_when_all_its_pools_are_empty::<Current>();
}

#[test]
fn a_returned_arena_is_foreign() {
    let mut heap = heap::<Current>();
    let blocks = fill_arenas(&mut heap, 512, 2);
    let other = of_arena(&heap, &blocks, 1);
    blocks.iter().filter(|block| !other.contains(block)).for_each(|&block| free(&mut heap, block));
    other.iter().for_each(|&block| free(&mut heap, block));
    assert_eq!(heap.arena_counts.current, 1);
    assert!(other.iter().all(|&block| heap.pool_of(block).is_none()));
}

#[test]
fn the_last_arena_stays_so_that_its_border_does_not_thrash() {
    let mut heap = heap::<Classic>();
    for _ in 0..100 {
        let block = allocate(&mut heap, 64);
        free(&mut heap, block);
    }
    assert_eq!(heap.arena_counts, ArenaCounts { current: 1, highest: 1, total: 1 });
    let blocks = fill_arenas(&mut heap, 64, 1);
    for _ in 0..100 {
        let beyond = allocate(&mut heap, 64);
        free(&mut heap, beyond);
    }
    assert_eq!(heap.arena_counts, ArenaCounts { current: 2, highest: 2, total: 2 });
    blocks.into_iter().for_each(|block| free(&mut heap, block));
    assert_eq!(heap.arena_counts.current, 1);
}

#[test]
fn the_fullest_arena_serves_first() {
    let mut heap = heap::<Classic>();
    let blocks = fill_arenas(&mut heap, 512, 2);
    // Two pools of arena 0, one of arena 1.
    let [first, second] = [0, 1].map(|arena| of_arena(&heap, &blocks, arena));
    first[..14].iter().for_each(|&block| free(&mut heap, block));
    second[..7].iter().for_each(|&block| free(&mut heap, block));
    let [a, b] = [64, 128].map(|request| allocate(&mut heap, request));
    assert_eq!([a, b].map(|block| pool(&heap, block).arena()), [1, 0]);
}

fn foreign_pointers_are_recognised<P: Parameters>() {
    let mut heap = heap::<P>();
    let on_stack = 7_u64;
    let boxed = std::boxed::Box::new(7_u64);
    let strangers = [NonNull::from(&on_stack).cast::<u8>(), NonNull::from(&*boxed).cast()];
    assert!(strangers.iter().all(|&stranger| heap.pool_of(stranger).is_none()));
    let ours = allocate(&mut heap, 40);
    assert!(strangers.iter().all(|&stranger| heap.usable_size(stranger).is_none()));
    assert_eq!(heap.usable_size(ours), Some(class::<P>(40).bytes::<P>()));
}

#[test]
fn foreign_pointers_are_recognised_in_both_sets() {
    foreign_pointers_are_recognised::<Classic>();
    foreign_pointers_are_recognised::<Current>();
}

#[test]
fn a_foreign_page_that_names_an_arena_is_still_foreign() {
    let mut heap = heap::<Classic>();
    let ours = allocate(&mut heap, 40);
    assert_eq!(pool(&heap, ours).arena(), 0);
    // Zeroed memory reads as "arena 0", which exists.
    let stranger = memory::map(65_536, ANY_PAGE).unwrap();
    assert_eq!(heap.usable_size(stranger), None);
}

/// Random work with a marker in each block: no block is given twice, and the statistics add up all along.
fn random_churn_keeps_contents_and_adds_up<P: Parameters>(seed: u64) {
    let mut heap = heap::<P>();
    let mut random = Random::new(seed);
    let mut live: Vec<(NonNull<u8>, usize, u8)> = Vec::new();
    for step in 0..60_000_usize {
        let bias = if step / 10_000 % 2 == 0 { 75 } else { 25 };
        if live.is_empty() || random.below(100) < bias {
            live.push(marked(&mut heap, 1 + random.below(SMALL_BYTES), step as u8));
        } else {
            let (block, request, mark) = live.swap_remove(random.below(live.len()));
            assert!(holds(block, request, mark));
            free(&mut heap, block);
        }
        if step % 1000 == 0 {
            adds_up(&heap, &live);
        }
    }
    live.drain(..).for_each(|(block, ..)| free(&mut heap, block));
    assert_eq!(heap.arena_counts.current, 1);
    assert_eq!(heap.stats(0).allocated_bytes(), 0);
}

fn marked<P: Parameters>(heap: &mut Heap<P>, request: usize, mark: u8) -> (NonNull<u8>, usize, u8) {
    let block = allocate(heap, request);
    assert_eq!(block.addr().get() % P::ALIGNMENT_BYTES, 0);
    // SAFETY: the block just allocated.
    unsafe { block.write_bytes(mark, request) };
    (block, request, mark)
}

fn holds(block: NonNull<u8>, request: usize, mark: u8) -> bool {
    // SAFETY: a live block, wholly written.
    let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), request) };
    bytes.iter().all(|&byte| byte == mark)
}

fn adds_up<P: Parameters>(heap: &Heap<P>, live: &[(NonNull<u8>, usize, u8)]) {
    let stats = heap.stats(0);
    assert_eq!(stats.accounted_bytes(), stats.mapped_bytes());
    assert_eq!(stats.blocks_in_use(), live.len());
    let bytes: usize = live.iter().map(|&(_, request, _)| class::<P>(request).bytes::<P>()).sum();
    assert_eq!(stats.allocated_bytes(), bytes);
}

#[test]
fn random_churn_keeps_contents_and_adds_up_in_both_sets() {
    for seed in 0..4 {
        random_churn_keeps_contents_and_adds_up::<Classic>(seed);
        random_churn_keeps_contents_and_adds_up::<Current>(seed);
    }
}
