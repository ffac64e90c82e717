//! P22: an unowned pool gives back its free pages: they go only while the purge pass owns the pool, and no block is lost or handed
//! out twice, whichever thread frees into the pool, adopts it or makes another pass at the same time.
//!
//! A purge is an access to every payload in its range, so a purge of memory in use is a race that loom reports.
#![cfg(strata_loom)]

use strata_loom_tests::{Block, HALF, QUARTER, World, join, model, spawn};

#[test]
fn a_pass_against_adopting() {
    model("a_pass_against_adopting", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let actor = world.enter();
        let pass = spawn(move || world.purge());
        let block = actor.alloc(HALF);
        join(pass);
        [&block, &live].into_iter().for_each(Block::expect_intact);
        [block, live].into_iter().for_each(|block| actor.free(block));
        actor.collect();
        world.end([actor]);
    });
}

#[test]
fn a_pass_against_the_free_of_the_live_block() {
    model("a_pass_against_the_free_of_the_live_block", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let actor = world.enter();
        let pass = spawn(move || world.purge());
        actor.free(live);
        actor.collect();
        join(pass);
        world.expect_no_pool_in_use();
        world.end([actor]);
    });
}

#[test]
fn a_pass_against_a_pass() {
    model("a_pass_against_a_pass", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let pass = spawn(move || world.purge());
        world.purge();
        join(pass);
        live.expect_intact();
        let actor = world.enter();
        // The block in the hole comes out of it again.
        let block = actor.alloc(HALF);
        [block, live].into_iter().for_each(|block| actor.free(block));
        actor.collect();
        world.end([actor]);
    });
}

#[test]
fn a_thread_without_a_cache_frees_during_a_pass() {
    model("a_thread_without_a_cache_frees_during_a_pass", None, || {
        let world = World::new();
        let gone = world.enter();
        let [first, second, third, fourth] = [(); 4].map(|()| gone.alloc(QUARTER));
        // The second page is free, and half of the first.
        [third, fourth].into_iter().for_each(|block| gone.free(block));
        world.leave(gone);
        let pass = spawn(move || world.purge());
        world.without_cache().free(second);
        join(pass);
        first.expect_intact();
        let actor = world.enter();
        let blocks = [(); 3].map(|()| actor.alloc(QUARTER));
        first.expect_intact();
        blocks.into_iter().chain([first]).for_each(|block| actor.free(block));
        actor.collect();
        world.end([actor]);
    });
}

#[test]
fn a_pool_that_is_looked_for_during_a_pass_is_found_after_it() {
    model("a_pool_that_is_looked_for_during_a_pass_is_found_after_it", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let page_heap = &world.runtime().page_heap;
        let pass = spawn(move || world.purge());
        // Takes the bit; the pool itself it may find owned by the pass, which sets the bit again.
        if let Some(pool) = page_heap.adopt(HALF, 0) {
            page_heap.abandon(pool);
        }
        join(pass);
        live.expect_intact();
        let pool = page_heap.adopt(HALF, 0).expect("an unowned pool with room is found once all is quiet");
        page_heap.abandon(pool);
        world.without_cache().free(live);
        world.end([]);
    });
}

#[test]
fn a_pass_follows_a_stale_bit_to_a_pool_of_another_class() {
    model("a_pass_follows_a_stale_bit_to_a_pool_of_another_class", Some(4), || {
        let world = World::new();
        let actor = world.enter();
        // The bit of HALF stays set while the pool is given back and opened for QUARTER: its first block is free, the second lives.
        let half = actor.alloc(HALF);
        world.without_cache().free(half);
        let [first, second, third] = [(); 3].map(|()| actor.alloc(QUARTER));
        world.without_cache().free(first);
        let pass = spawn(move || world.purge());
        world.without_cache().free(third);
        join(pass);
        second.expect_intact();
        actor.free(second);
        world.end([actor]);
    });
}
