//! P9, huge: what a freed block leaves waits on a shelf: of those who would cut, reuse, join or unmap it one gets it, and sees
//! what its last user did.
#![cfg(strata_loom)]

use strata_core::address::UserPtr;
use strata_core::layout::ARENA_BYTES;
use strata_loom_tests::{World, join, model, payload, spawn};

const BYTES: usize = ARENA_BYTES;

/// Allocates a huge block, writes, looks and frees.
fn cycle(world: World) {
    cycle_of(world, BYTES);
}

fn cycle_of(world: World, bytes: usize) {
    let directory = &world.runtime().directory;
    let (start, _) = directory.allocate_huge(bytes, 16, false).expect("the simulated OS has memory");
    let mark = payload::new_mark();
    payload::write(start, mark);
    payload::give_up(start, mark);
    // SAFETY: a huge allocation of ours, not used again.
    unsafe { directory.free_huge(UserPtr::new(start)) };
}

fn end(world: World) {
    let directory = &world.runtime().directory;
    directory.purge_all();
    let census = directory.census();
    assert_eq!((census.huge_blocks, census.huge_kept_bytes), (0, 0), "a mapping was lost");
    assert_eq!(census.reserved_bytes, 0, "a mapping was unmapped twice, or not at all");
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

#[test]
fn a_reuse_against_the_purge() {
    model("a_reuse_against_the_purge", Some(2), || {
        let world = World::new();
        cycle(world);
        let other = spawn(move || world.runtime().directory.purge_all());
        cycle(world);
        join(other);
        end(world);
    });
}
