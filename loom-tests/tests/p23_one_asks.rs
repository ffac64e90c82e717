//! P23: of threads that need memory at the same time one asks for it; the others find what it got, and no thread is refused
//! meanwhile.
//!
//! How many calls were made, and which of them fail, is the process's affair, so the models of this file take turns.
#![cfg(strata_loom)]

use std::sync::{Mutex, PoisonError};
use strata_loom_tests::{HALF, World, join, model, spawn};
use strata_os::simulated::{calls, fail_from, fail_never};

static TURN: Mutex<()> = Mutex::new(());

/// Calls for the first segment: its addresses, and the memory of its first arena.
const CALLS_FOR_A_SEGMENT: u64 = 2;

#[test]
fn two_that_start_at_once_take_one_segment() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    model("two_that_start_at_once_take_one_segment", Some(3), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        let before = calls();
        let other = spawn(move || {
            let block = theirs.alloc(HALF);
            (theirs, block)
        });
        let block = ours.alloc(HALF);
        let (theirs, their_block) = join(other);
        assert_eq!(calls() - before, CALLS_FOR_A_SEGMENT, "a thread asked that should have waited");
        block.expect_intact();
        ours.free(their_block);
        theirs.free(block);
        world.end([ours, theirs]);
    });
}

#[test]
fn nobody_is_refused_while_another_gets_the_last_segment() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    model("nobody_is_refused_while_another_gets_the_last_segment", Some(3), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        fail_never();
        fail_from(1 + CALLS_FOR_A_SEGMENT, u64::MAX);
        let other = spawn(move || {
            let block = theirs.try_alloc(HALF).expect("there is a pool for each");
            (theirs, block)
        });
        let block = ours.try_alloc(HALF).expect("there is a pool for each");
        let (theirs, their_block) = join(other);
        fail_never();
        ours.free(their_block);
        theirs.free(block);
        world.end([ours, theirs]);
    });
}
