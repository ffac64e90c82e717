//! P6: the last block of a pool is freed by one thread while another leaves it and a third would adopt it: its memory goes
//! back once, and not before.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, World, join, model, spawn};

#[test]
fn the_last_free_against_the_owners_end() {
    model("the_last_free_against_the_owners_end", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let last = ours.alloc(HALF);
        let other = spawn(move || {
            theirs.free(last);
            theirs.collect();
            // Whatever became of the pool, the freeing thread can allocate again.
            let next = theirs.alloc(HALF);
            (theirs, next)
        });
        world.leave(ours);
        let (theirs, next) = join(other);
        next.expect_intact();
        theirs.free(next);
        world.end([theirs]);
    });
}

#[test]
fn the_last_free_against_an_adopter() {
    model("the_last_free_against_an_adopter", Some(2), || {
        let world = World::new();
        let gone = world.enter();
        let last = gone.alloc(HALF);
        world.leave(gone);
        let (ours, theirs) = (world.enter(), world.enter());
        let other = spawn(move || {
            theirs.free(last);
            let next = theirs.alloc(HALF);
            (theirs, next)
        });
        let adopted = [ours.alloc(HALF), ours.alloc(HALF)];
        let (theirs, next) = join(other);
        next.expect_intact();
        adopted.iter().for_each(|block| block.expect_intact());
        adopted.into_iter().for_each(|block| theirs.free(block));
        ours.free(next);
        world.end([ours, theirs]);
    });
}

#[test]
fn end_last_free_and_adoption_at_once() {
    model("end_last_free_and_adoption_at_once", Some(2), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let last = ours.alloc(HALF);
        let leaver = spawn(move || world.leave(ours));
        let adopter = spawn(move || {
            let block = theirs.alloc(HALF);
            (theirs, block)
        });
        world.without_cache().free(last);
        join(leaver);
        let (theirs, block) = join(adopter);
        block.expect_intact();
        theirs.free(block);
        world.end([theirs]);
    });
}
