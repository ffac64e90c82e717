//! P28: the set of sampled blocks: a block that was sampled is found by the thread that frees it, one that was not is never found, and
//! what is kept for a slot has one owner.
#![cfg(strata_loom)]

use std::ptr::{NonNull, without_provenance_mut};
use std::sync::Arc;
use strata_loom_tests::{join, model, payload, spawn};
use strata_recorder::sampled::{Sampled, Slot};

/// What a listener keeps for a slot: a cell that loom checks.
fn record(slot: Slot) -> NonNull<u8> {
    NonNull::new(without_provenance_mut((slot.index() as usize + 1) << 12)).expect("not null")
}

/// A block is sampled, and handed to the program.
fn sample(set: &Sampled, block: u64) {
    let slot = set.insert(block).expect("room");
    payload::write(record(slot), block);
}

/// A sampled block is freed.
fn free_sampled(set: &Sampled, block: u64) {
    let address = NonNull::new(without_provenance_mut(block as usize)).expect("not null");
    assert_ne!(set.filter().marks(address), 0, "a sampled block is not excluded");
    let slot = set.find(block).expect("a sampled block is found");
    payload::expect(record(slot), block);
    set.remove(slot);
}

#[test]
fn a_slot_is_left_and_taken_at_the_same_time() {
    model("a_slot_is_left_and_taken_at_the_same_time", None, || {
        let set = Arc::new(Sampled::new());
        sample(&set, 16);
        let there = Arc::clone(&set);
        let other = spawn(move || {
            sample(&there, 32);
            free_sampled(&there, 32);
        });
        free_sampled(&set, 16);
        join(other);
        assert_eq!((set.find(16), set.find(32)), (None, None));
    });
}

#[test]
fn a_block_that_is_allocated_again_unsampled_is_not_found_while_its_slot_is_taken() {
    model("a_block_that_is_allocated_again_unsampled_is_not_found_while_its_slot_is_taken", None, || {
        let set = Arc::new(Sampled::new());
        sample(&set, 16);
        let there = Arc::clone(&set);
        let other = spawn(move || sample(&there, 32));
        free_sampled(&set, 16);
        assert_eq!(set.find(16), None, "the block has another life by now");
        join(other);
        free_sampled(&set, 32);
    });
}

#[test]
fn two_samples_at_once_take_two_slots() {
    model("two_samples_at_once_take_two_slots", None, || {
        let set = Arc::new(Sampled::new());
        let others = [32, 48].map(|block| {
            let there = Arc::clone(&set);
            spawn(move || sample(&there, block))
        });
        others.into_iter().for_each(join);
        free_sampled(&set, 48);
        free_sampled(&set, 32);
    });
}
