//! P17: a heap is deleted, by a thread that freed some of its blocks, while others free the rest: every pool goes back, and the
//! next heap in the same slot takes none of it for its own.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, World, alone, join, model, spawn};

#[test]
fn a_heap_is_deleted_while_another_thread_frees() {
    model("a_heap_is_deleted_while_another_thread_frees", None, || {
        let world = World::new();
        let (own, heap) = (world.enter_with_room(HALF), world.new_heap());
        let (first, second) = (heap.alloc(HALF), heap.alloc(HALF));
        // By the ordinary free: it waits in this thread's magazine.
        own.free(first);
        // Only two caches fit into the registry of a model: the other thread frees as one without a cache does.
        let other = spawn(move || world.without_cache().free(second));
        world.delete(heap, &own);
        join(other);
        alone();
        world.expect_no_pool_in_use();
        world.end([own]);
    });
}

#[test]
fn what_is_left_of_a_heap_outlives_it() {
    model("what_is_left_of_a_heap_outlives_it", None, || {
        let world = World::new();
        let (own, heap) = (world.enter(), world.new_busy_heap(HALF));
        let (kept, given) = (heap.alloc(HALF), heap.alloc(HALF));
        let other = spawn(move || {
            given.expect_intact();
            world.without_cache().free(given);
        });
        world.delete(heap, &own);
        kept.expect_intact();
        own.free(kept);
        join(other);
        world.end([own]);
    });
}

#[test]
fn the_next_heap_in_the_same_slot_while_a_block_of_the_last_comes_back() {
    model("the_next_heap_in_the_same_slot_while_a_block_of_the_last_comes_back", Some(3), || {
        let world = World::new();
        let (own, heap) = (world.enter(), world.new_heap());
        let slot = heap.slot();
        let (first, second) = (heap.alloc(HALF), heap.alloc(HALF));
        let other = spawn(move || world.without_cache().free(second));
        world.delete(heap, &own);
        let next = world.new_heap();
        assert!(next.is_in_the_slot_of(slot));
        let block = next.alloc(HALF);
        next.free(first);
        block.expect_intact();
        own.free(block);
        join(other);
        world.delete(next, &own);
        world.end([own]);
    });
}

#[test]
fn a_heap_moves_to_another_thread_while_its_blocks_are_freed_here() {
    model("a_heap_moves_to_another_thread_while_its_blocks_are_freed_here", Some(3), || {
        let world = World::new();
        let (own, heap) = (world.enter(), world.new_heap());
        let (first, second) = (heap.alloc(HALF), heap.alloc(HALF));
        let other = spawn(move || {
            heap.free(first);
            let block = heap.alloc(HALF);
            block.expect_intact();
            heap.free(block);
            world.delete(heap, &world.without_cache());
        });
        own.free(second);
        own.collect();
        join(other);
        world.end([own]);
    });
}
