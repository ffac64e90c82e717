//! P24: the addresses of free arenas go back while others allocate: nothing that lives goes, and what went comes again, zero.
#![cfg(strata_loom)]

use strata_loom_tests::{HALF, World, join, model, spawn};

/// A world with an arena in which something was used and nothing lives.
fn with_a_free_arena() -> (World, strata_loom_tests::Actor) {
    let world = World::new();
    let actor = world.enter();
    let block = actor.alloc(HALF);
    actor.free(block);
    actor.collect();
    (world, actor)
}

#[test]
fn addresses_go_back_while_a_thread_allocates() {
    model("addresses_go_back_while_a_thread_allocates", Some(2), || {
        let (world, theirs) = with_a_free_arena();
        let other = spawn(move || {
            let block = theirs.alloc_zeroable(HALF);
            block.expect_intact();
            (theirs, block)
        });
        world.runtime().directory.give_up_addresses();
        let (theirs, block) = join(other);
        block.expect_intact();
        theirs.free(block);
        world.end([theirs]);
    });
}

#[test]
fn two_give_up_at_once_and_it_all_comes_again() {
    model("two_give_up_at_once_and_it_all_comes_again", Some(2), || {
        let (world, actor) = with_a_free_arena();
        let other = spawn(move || world.runtime().directory.give_up_addresses());
        let mine = world.runtime().directory.give_up_addresses();
        let theirs = join(other);
        assert!(mine + theirs > 0);
        let blocks = [(); 3].map(|()| actor.alloc_zeroable(HALF));
        blocks.into_iter().for_each(|block| actor.free(block));
        world.end([actor]);
    });
}
