//! P3: the owner allocates from a pool while others give blocks of it back: nothing is handed out that is still on its way,
//! and nothing that came back stays away.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, QUARTER, World, join, model, spawn};

#[test]
fn allocating_against_a_free_of_the_active_pool() {
    model("allocating_against_a_free_of_the_active_pool", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(HALF), world.enter());
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
        let (ours, theirs) = (world.enter_busy(HALF), world.enter_with_room(HALF));
        let given = [ours.alloc(HALF), ours.alloc(HALF)];
        given.into_iter().for_each(|block| theirs.free(block));
        let other = theirs.collects();
        let taken = [ours.alloc(HALF), ours.alloc(HALF)];
        let theirs = join(other);
        taken.iter().for_each(|block| block.expect_intact());
        taken.into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn two_allocations_against_two_frees() {
    model("two_allocations_against_two_frees", Some(2), || {
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
fn the_owner_frees_into_its_active_pool_while_others_do() {
    model("the_owner_frees_into_its_active_pool_while_others_do", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(HALF), world.enter());
        let (first, given) = (ours.alloc(HALF), ours.alloc(HALF));
        let other = theirs.frees_and_collects(given);
        // The magazine takes nothing at first: the block goes to the pool without an exchange.
        ours.free(first);
        ours.collect();
        let theirs = join(other);
        world.expect_no_pool_in_use();
        world.end([ours, theirs]);
    });
}

#[test]
fn a_pool_of_four_is_carved_while_two_come_back() {
    model("a_pool_of_four_is_carved_while_two_come_back", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(QUARTER), world.enter_with_room(QUARTER));
        let given = [ours.alloc(QUARTER), ours.alloc(QUARTER)];
        given.into_iter().for_each(|block| theirs.free(block));
        let other = theirs.collects();
        let taken = [ours.alloc(QUARTER), ours.alloc(QUARTER), ours.alloc(QUARTER)];
        let theirs = join(other);
        taken.iter().for_each(|block| block.expect_intact());
        taken.into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}
