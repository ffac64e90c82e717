//! P7: what a stack of shared nodes would suffer from (ABA) cannot happen here, since nobody pops single nodes: chains are
//! taken whole by a swap, and everything else that is shared is a bit. What is left of the problem are *stale bits*: an offer
//! on the shelf whose pool was taken, emptied, and serves another class by now.
#![cfg(strata_loom)]

use strata_loom_tests::{Block, HALF, QUARTER, World, join, model, spawn};

#[test]
fn two_offers_are_taken_once_each() {
    model("two_offers_are_taken_once_each", Some(3), || {
        let world = World::new();
        let gone = world.enter();
        let live = [gone.alloc(HALF), gone.alloc(HALF), gone.alloc(HALF), gone.alloc(HALF)];
        let [first, second, third, fourth] = live;
        [second, fourth].into_iter().for_each(|block| gone.free(block));
        world.leave(gone);
        let (ours, theirs) = (world.enter(), world.enter());
        let other = spawn(move || {
            let block = theirs.alloc(HALF);
            (theirs, block)
        });
        let block = ours.alloc(HALF);
        let (theirs, their_block) = join(other);
        let all = [first, third, block, their_block];
        all.iter().for_each(Block::expect_intact);
        all.into_iter().for_each(|block| ours.free(block));
        world.end([ours, theirs]);
    });
}

#[test]
fn an_offer_goes_stale_while_it_is_followed() {
    model("an_offer_goes_stale_while_it_is_followed", Some(2), || {
        let world = World::new();
        let gone = world.enter();
        let live = gone.alloc(HALF);
        world.leave(gone);
        let (ours, theirs) = (world.enter(), world.enter());
        let other = spawn(move || {
            // Becomes the owner by the last free, gives the pool back, opens it for another class, and leaves it.
            theirs.free(live);
            let block = theirs.alloc(QUARTER);
            world.leave(theirs);
            block
        });
        let adopted = [ours.alloc(HALF), ours.alloc(HALF)];
        let quarter = join(other);
        quarter.expect_intact();
        adopted.iter().for_each(Block::expect_intact);
        adopted.into_iter().for_each(|block| ours.free(block));
        ours.free(quarter);
        world.end([ours]);
    });
}

#[test]
fn a_stale_offer_of_another_class_is_seen_through() {
    model("a_stale_offer_of_another_class_is_seen_through", None, || {
        let world = World::new();
        let gone = world.enter();
        let live = gone.alloc(HALF);
        world.leave(gone);
        let (ours, theirs) = (world.enter(), world.enter());
        // The offer for HALF stays on the shelf while the pool comes to serve QUARTER and is nobody's again, with holes.
        theirs.free(live);
        let [first, hole, third, last] = [(); 4].map(|()| theirs.alloc(QUARTER));
        [last, hole].into_iter().for_each(|block| theirs.free(block));
        world.leave(theirs);
        let freeing = world.without_cache();
        let other = spawn(move || freeing.free(first));
        let block = ours.alloc(HALF);
        join(other);
        third.expect_intact();
        block.expect_intact();
        [third, block].into_iter().for_each(|block| ours.free(block));
        world.end([ours]);
    });
}

#[test]
fn an_offer_is_followed_while_the_pool_changes_hands() {
    model("an_offer_is_followed_while_the_pool_changes_hands", Some(3), || {
        let world = World::new();
        let gone = world.enter();
        let (first, second) = (gone.alloc(QUARTER), gone.alloc(QUARTER));
        world.leave(gone);
        let (ours, theirs) = (world.enter(), world.enter());
        let other = spawn(move || {
            // Becomes the owner by a free and leaves: the offer of the first owner leads to what this one did.
            theirs.free(first);
            world.leave(theirs);
        });
        let adopted = ours.alloc(QUARTER);
        join(other);
        second.expect_intact();
        [second, adopted].into_iter().for_each(|block| ours.free(block));
        world.end([ours]);
    });
}

#[test]
fn what_is_left_with_room_is_found() {
    model("what_is_left_with_room_is_found", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let live = ours.alloc(HALF);
        let leaver = spawn(move || world.leave(ours));
        // May or may not find it.
        let first = world.runtime().directory.adopt(HALF);
        join(leaver);
        if let Some(pool) = first {
            // SAFETY: adopted just now, current nowhere.
            unsafe { world.runtime().directory.leave_pool(pool) };
        }
        let second = world.runtime().directory.adopt(HALF);
        let pool = second.expect("nobody's pool with room is on the shelf, once all is quiet");
        // SAFETY: as above.
        unsafe { world.runtime().directory.leave_pool(pool) };
        theirs.free(live);
        world.end([theirs]);
    });
}

#[test]
fn a_free_pool_that_served_a_class_is_offered_to_it_while_another_takes_it() {
    model("a_free_pool_that_served_a_class_is_offered_to_it_while_another_takes_it", None, || {
        let world = World::new();
        let directory = &world.runtime().directory;
        let (ours, theirs) = (world.enter(), world.enter());
        ours.free(ours.alloc(HALF));
        world.leave(ours);
        directory.offer_free_pools(HALF);
        let other = spawn(move || {
            let block = theirs.alloc(QUARTER);
            (theirs, block)
        });
        if let Some(run) = directory.claim_alike(HALF) {
            run.first.open_run(1);
            // SAFETY: claimed above, and used no more.
            unsafe { directory.free_large(run.first) };
        }
        let (theirs, block) = join(other);
        block.expect_intact();
        theirs.free(block);
        world.end([theirs]);
    });
}
