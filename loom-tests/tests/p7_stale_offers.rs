//! P7: what a stack of shared nodes would suffer from (ABA) cannot happen here, since single nodes are never popped: chains are
//! taken whole by a swap, and everything else that is shared is a bit. What is left of the problem are *stale bits*: one in the
//! bitmap whose pool was taken, emptied, and serves another class by now; and *lost* ones, taken by a thread that does not get
//! the pool.
#![cfg(strata_loom)]

use strata_loom_tests::{Block, HALF, QUARTER, World, alone, join, model, spawn};

#[test]
fn two_offers_are_taken_once_each() {
    model("two_offers_are_taken_once_each", None, || {
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
        // The bit of HALF stays set while the pool comes to serve QUARTER and is unowned again.
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
            // Adopts the pool, and abandons it: the bit that the first owner set leads to what this one did.
            let third = theirs.alloc(QUARTER);
            theirs.free(first);
            world.leave(theirs);
            third
        });
        let adopted = ours.alloc(QUARTER);
        let third = join(other);
        let blocks = [second, third, adopted];
        blocks.iter().for_each(Block::expect_intact);
        blocks.into_iter().for_each(|block| ours.free(block));
        world.end([ours]);
    });
}

#[test]
fn what_is_left_with_room_is_found() {
    model("what_is_left_with_room_is_found", None, || {
        let world = World::new();
        let (ours, theirs) = (world.enter_busy(HALF), world.enter());
        let page_heap = &world.runtime().page_heap;
        let live = ours.alloc(HALF);
        let leaver = spawn(move || world.leave(ours));
        // May or may not find it.
        let first = page_heap.adopt(HALF, 0);
        join(leaver);
        if let Some(pool) = first {
            page_heap.abandon(pool);
        }
        let pool = page_heap.adopt(HALF, 0).expect("an unowned pool with room is found once all is quiet");
        page_heap.abandon(pool);
        theirs.free(live);
        world.end([theirs]);
    });
}

#[test]
fn what_is_left_beside_another_pool_is_found() {
    model("what_is_left_beside_another_pool_is_found", None, || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let ours = world.enter_busy(HALF);
        let live = ours.alloc(HALF);
        let gone = world.enter();
        let other = gone.alloc(HALF);
        world.leave(gone);
        // The summary leads to the arena already: it is the bit alone that says that the pool is unowned.
        let leaver = spawn(move || world.leave(ours));
        let first = [page_heap.adopt(HALF, 0), page_heap.adopt(HALF, 0)];
        join(leaver);
        first.into_iter().flatten().for_each(|pool| page_heap.abandon(pool));
        let both = [(); 2].map(|()| page_heap.adopt(HALF, 0).expect("both are found once all is quiet"));
        both.into_iter().for_each(|pool| page_heap.abandon(pool));
        [live, other].into_iter().for_each(|block| world.without_cache().free(block));
        world.end([]);
    });
}

#[test]
fn a_stale_bit_is_taken_while_the_pool_of_another_class_is_looked_for() {
    model("a_stale_bit_is_taken_while_the_pool_of_another_class_is_looked_for", Some(3), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let actor = world.enter();
        let half = actor.alloc(HALF);
        world.without_cache().free(half);
        let quarter = actor.alloc(QUARTER);
        // Both bits lead to the one pool, which is of QUARTER.
        let other = spawn(move || assert!(page_heap.adopt(HALF, 0).is_none(), "a pool of another class"));
        if let Some(pool) = page_heap.adopt(QUARTER, 0) {
            page_heap.abandon(pool);
        }
        join(other);
        let pool = page_heap.adopt(QUARTER, 0).expect("an unowned pool with room is found once all is quiet");
        page_heap.abandon(pool);
        quarter.expect_intact();
        actor.free(quarter);
        world.end([actor]);
    });
}

#[test]
fn the_bit_of_a_free_pool_is_taken_while_the_pool_is_claimed_and_left_with_room() {
    model("the_bit_of_a_free_pool_is_taken_while_the_pool_is_claimed_and_left_with_room", Some(3), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let gone = world.enter();
        let last = gone.alloc(HALF);
        world.leave(gone);
        // The pool is free, and its bit stays.
        world.without_cache().free(last);
        let other = spawn(move || {
            let run = page_heap.claim_pool().expect("a free pool");
            let pool = run.open(HALF, 0);
            assert_eq!(pool.carve(HALF, 1, |_| ()), 1);
            page_heap.abandon(pool);
            run.first
        });
        let found = page_heap.adopt(HALF, 0);
        let pool = join(other);
        alone();
        let pool = found
            .or_else(|| page_heap.adopt(HALF, 0))
            .filter(|found| std::ptr::eq(&raw const **found, pool))
            .expect("an unowned pool with room is found once all is quiet");
        page_heap.abandon(pool);
        world.dismantle();
    });
}
