//! P22: a pool that nobody owns is swept: its free pages go back only while the sweeper owns it, and no block is lost or
//! handed out twice, whoever frees into the pool, adopts it or sweeps it at the same time.
//!
//! A purge is an access to every payload in its range, so a purge of memory that somebody uses is a race that loom reports.
#![cfg(strata_loom)]

use strata_loom_tests::{Block, HALF, QUARTER, World, join, model, spawn};

fn sweep(world: World) {
    world.runtime().directory.purge_all();
}

#[test]
fn sweeping_against_adopting() {
    model("sweeping_against_adopting", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let actor = world.enter();
        let sweeper = spawn(move || sweep(world));
        let block = actor.alloc(HALF);
        join(sweeper);
        [&block, &live].into_iter().for_each(Block::expect_intact);
        [block, live].into_iter().for_each(|block| actor.free(block));
        actor.collect();
        world.end([actor]);
    });
}

#[test]
fn sweeping_against_the_free_of_the_live_block() {
    model("sweeping_against_the_free_of_the_live_block", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let actor = world.enter();
        let sweeper = spawn(move || sweep(world));
        actor.free(live);
        actor.collect();
        join(sweeper);
        actor.collect();
        world.end([actor]);
    });
}

#[test]
fn sweeping_against_sweeping() {
    model("sweeping_against_sweeping", Some(3), || {
        let (world, live) = World::with_a_left_pool();
        let sweeper = spawn(move || sweep(world));
        sweep(world);
        join(sweeper);
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
fn a_thread_without_a_cache_frees_while_another_sweeps() {
    model("a_thread_without_a_cache_frees_while_another_sweeps", Some(3), || {
        let world = World::new();
        let gone = world.enter();
        let [first, second, third, fourth] = [(); 4].map(|()| gone.alloc(QUARTER));
        // The second page is free, and half of the first.
        [third, fourth].into_iter().for_each(|block| gone.free(block));
        world.leave(gone);
        let sweeper = spawn(move || sweep(world));
        world.without_cache().free(second);
        join(sweeper);
        first.expect_intact();
        let actor = world.enter();
        let blocks = [(); 3].map(|()| actor.alloc(QUARTER));
        first.expect_intact();
        blocks.into_iter().chain([first]).for_each(|block| actor.free(block));
        actor.collect();
        world.end([actor]);
    });
}
