//! P9, huge: what a freed block leaves waits in a cache: of those who would cut, reuse, join or unmap it one gets it, and sees
//! what its last user did.
#![cfg(strata_loom)]

use std::sync::Arc;
use strata_core::address::UserPtr;
use strata_core::arena::ArenaHead;
use strata_core::layout::{ARENA_BYTES, HEADER_TABLE_BYTES};
use strata_loom_tests::{World, join, model, payload, spawn};
use strata_segment::Resized;

const BYTES: usize = ARENA_BYTES;

/// Allocates a huge block, writes, checks and frees.
fn cycle(world: World) {
    cycle_of(world, BYTES);
}

fn cycle_of(world: World, bytes: usize) {
    let page_heap = &world.runtime().page_heap;
    let (start, _) = page_heap.allocate_huge(bytes, 16, false).expect("the simulated OS has memory");
    let mark = payload::new_mark();
    payload::write(start, mark);
    payload::give_up(start, mark);
    // SAFETY: a huge allocation of ours, not used again.
    unsafe { page_heap.free_huge(UserPtr::new(start)) };
}

fn end(world: World) {
    let page_heap = &world.runtime().page_heap;
    page_heap.purge_all();
    let snapshot = page_heap.snapshot();
    assert_eq!((snapshot.huge_blocks, snapshot.huge_kept_bytes), (0, 0), "a mapping was lost");
    assert_eq!(snapshot.reserved_bytes, 0, "a mapping was unmapped twice, or not at all");
    world.end([]);
}

#[test]
fn two_reuse_one_mapping() {
    model("two_reuse_one_mapping", Some(2), || {
        let world = World::new();
        cycle(world);
        let other = spawn(move || cycle(world));
        cycle(world);
        join(other);
        end(world);
    });
}

#[test]
fn two_cut_what_one_block_left() {
    model("two_cut_what_one_block_left", Some(1), || {
        let world = World::new();
        cycle_of(world, 4 * BYTES);
        let other = spawn(move || cycle(world));
        cycle(world);
        join(other);
        end(world);
    });
}

/// A block of this many arenas, its header included.
fn huge(world: World, arenas: usize) -> UserPtr {
    let bytes = arenas * ARENA_BYTES - HEADER_TABLE_BYTES;
    let (start, _) =
        world.runtime().page_heap.allocate_huge(bytes, 16, false).expect("the simulated OS has memory");
    UserPtr::new(start)
}

fn free(world: World, block: UserPtr) {
    // SAFETY: a huge allocation of ours, not used again.
    unsafe { world.runtime().page_heap.free_huge(block) };
}

/// The program uses what begins at the end of the first arena of `block`.
fn use_second_arena(block: UserPtr) {
    let second = block.as_non_null().map_addr(|start| start.saturating_add(ARENA_BYTES));
    let mark = payload::new_mark();
    payload::write(second, mark);
    payload::give_up(second, mark);
}

#[test]
fn growing_over_what_waits_behind_while_it_is_used_and_another_extent_comes() {
    model("growing_over_what_waits_behind_while_it_is_used_and_another_extent_comes", Some(2), || {
        let world = World::new();
        // One mapping: a block, what is left of a second one, and a third.
        free(world, huge(world, 4));
        let [first, second, third] = [1, 1, 2].map(|arenas| huge(world, arenas));
        free(world, second);
        let grower = spawn(move || {
            let page_heap = &world.runtime().page_heap;
            let old = ARENA_BYTES - HEADER_TABLE_BYTES;
            // SAFETY: a huge allocation of ours.
            let grown = match unsafe { page_heap.resize_huge(first, old, old + ARENA_BYTES) } {
                Resized::Moved(moved) => UserPtr::new(moved),
                Resized::InPlace => first,
                Resized::Refused => return first,
            };
            use_second_arena(grown);
            grown
        });
        let taken = huge(world, 1);
        let mark = payload::new_mark();
        payload::write(taken.as_non_null(), mark);
        free(world, third);
        payload::give_up(taken.as_non_null(), mark);
        [join(grower), taken].into_iter().for_each(|block| free(world, block));
        end(world);
    });
}

#[test]
fn a_reuse_against_the_purge() {
    model("a_reuse_against_the_purge", Some(2), || {
        let world = World::new();
        cycle(world);
        let other = spawn(move || world.runtime().page_heap.purge_all());
        cycle(world);
        join(other);
        end(world);
    });
}

/// A mistake of the program, which must not make two owners of one mapping: the thread that comes second ends the process.
#[test]
fn two_threads_free_one_block() {
    model("two_threads_free_one_block", None, || {
        let head = Arc::new(ArenaHead::of_huge(ARENA_BYTES, HEADER_TABLE_BYTES, 0));
        let there = Arc::clone(&head);
        let other = spawn(move || there.end_payload(HEADER_TABLE_BYTES));
        let ours = head.end_payload(HEADER_TABLE_BYTES);
        assert!(ours != join(other), "both free it, or neither");
    });
}
