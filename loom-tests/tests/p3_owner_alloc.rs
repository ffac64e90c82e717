//! P3: the owner allocates from a pool while others give blocks of it back: nothing is handed out that is still on its way,
//! and nothing that came back stays away.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, QUARTER, World, join, model, spawn};

#[test]
fn allocating_against_a_free_of_the_current_pool() {
    model("allocating_against_a_free_of_the_current_pool", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let (kept, given) = (ours.alloc(HALF), ours.alloc(HALF));
        let other = theirs.frees_and_collects(given);
        let next = ours.alloc(HALF);
        kept.expect_intact();
        let theirs = join(other);
        next.expect_intact();
        [kept, next].into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn two_allocations_against_a_chain_of_two() {
    model("two_allocations_against_a_chain_of_two", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let given = [ours.alloc(HALF), ours.alloc(HALF)];
        let other = theirs.frees(given);
        let taken = [ours.alloc(HALF), ours.alloc(HALF)];
        let theirs = join(other);
        taken.iter().for_each(|block| block.expect_intact());
        taken.into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn two_allocations_against_two_frees() {
    model("two_allocations_against_two_frees", Some(3), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let given = [ours.alloc(HALF), ours.alloc(HALF)];
        let other = spawn(move || {
            for block in given {
                theirs.free(block);
                theirs.collect();
            }
            theirs
        });
        let taken = [ours.alloc(HALF), ours.alloc(HALF)];
        let theirs = join(other);
        taken.iter().for_each(|block| block.expect_intact());
        taken.into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn a_partial_pool_is_collected_while_its_last_blocks_come_back() {
    model("a_partial_pool_is_collected_while_its_last_blocks_come_back", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        // The first pool has one of ours and one of theirs; the second is current, so the first is a partial one.
        let (first, given) = (ours.alloc(HALF), ours.alloc(HALF));
        let current = ours.alloc(HALF);
        ours.free(first);
        let other = theirs.frees_and_collects(given);
        ours.collect();
        let theirs = join(other);
        current.expect_intact();
        ours.free(current);
        world.end([ours, theirs]);
    });
}

#[test]
fn a_pool_of_four_is_carved_while_two_come_back() {
    model("a_pool_of_four_is_carved_while_two_come_back", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let given = [ours.alloc(QUARTER), ours.alloc(QUARTER)];
        let other = theirs.frees(given);
        let taken = [ours.alloc(QUARTER), ours.alloc(QUARTER), ours.alloc(QUARTER)];
        let theirs = join(other);
        taken.iter().for_each(|block| block.expect_intact());
        taken.into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}
