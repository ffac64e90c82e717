//! P8: bits are claimed by one at a time, all of a run or none, and the claimer sees what the last user did.
#![cfg(strata_loom)]

use std::ptr::NonNull;
use std::sync::Arc;
use strata_core::address::UserPtr;
use strata_core::arena::PoolBits;
use strata_core::layout::POOL_BYTES;
use strata_loom_tests::{Actor, HALF, World, join, model, payload, spawn};

/// What bit `index` stands for: a payload under a made-up address.
fn place(index: u32) -> NonNull<u8> {
    NonNull::new(std::ptr::without_provenance_mut(1 + index as usize * 64)).expect("not null")
}

/// Uses what the bits of `mask` stand for, and gives it back.
fn use_and_release(bits: &PoolBits, mask: u64) {
    let used: Vec<_> = (0..8).filter(|index| mask >> index & 1 == 1).map(place).collect();
    let mark = payload::new_mark();
    used.iter().for_each(|place| payload::write(*place, mark));
    used.iter().for_each(|place| payload::expect(*place, mark));
    bits.release(mask);
}

fn bits_with(free: u64) -> Arc<PoolBits> {
    let bits = Arc::new(PoolBits::none());
    bits.release(free);
    bits
}

fn play(name: &'static str, preemptions: Option<usize>, free: u64, actors: &'static [fn(&PoolBits)]) {
    model(name, preemptions, move || {
        let bits = bits_with(free);
        let (last, others) = actors.split_last().expect("at least one actor");
        let threads: Vec<_> = others
            .iter()
            .map(|actor| {
                let bits = Arc::clone(&bits);
                spawn(move || actor(&bits))
            })
            .collect();
        last(&bits);
        threads.into_iter().for_each(join);
        assert_eq!(bits.glance(), free, "a bit was lost, or won");
    });
}

fn one(bits: &PoolBits) {
    if let Some(index) = bits.claim_lowest() {
        use_and_release(bits, 1 << index);
    }
}

fn two(bits: &PoolBits) {
    if let Some(index) = bits.claim_run(2, 1, u64::MAX) {
        use_and_release(bits, 0b11 << index);
    }
}

fn exactly_the_middle(bits: &PoolBits) {
    if bits.claim_exactly(0b0110) {
        use_and_release(bits, 0b0110);
    }
}

fn whatever_is_there(bits: &PoolBits) {
    if let Some(mask) = bits.claim_among(0b1110) {
        use_and_release(bits, mask);
    }
}

#[test]
fn two_claim_one_bit() {
    play("two_claim_one_bit", None, 0b10, &[one, one]);
}

#[test]
fn three_claim_two_bits() {
    play("three_claim_two_bits", Some(3), 0b110, &[one, one, one]);
}

#[test]
fn a_run_against_single_bits() {
    play("a_run_against_single_bits", None, 0b1110, &[two, one]);
}

#[test]
fn a_run_against_a_run_that_overlaps() {
    play("a_run_against_a_run_that_overlaps", Some(3), 0b1110, &[two, exactly_the_middle, one]);
}

#[test]
fn what_is_free_against_a_run() {
    play("what_is_free_against_a_run", None, 0b1110, &[whatever_is_there, two]);
}

/// A run of two pools, used and given back.
fn large(world: World) {
    let page_heap = &world.runtime().page_heap;
    let (start, _) = page_heap.allocate_large(2 * POOL_BYTES, 16).expect("the simulated OS has memory");
    let mark = payload::new_mark();
    payload::write(start, mark);
    payload::give_up(start, mark);
    // SAFETY: a large allocation: its first byte leads to its first pool.
    let first = unsafe { UserPtr::new(start).pool() };
    // SAFETY: ours, and not used again.
    unsafe { page_heap.free_large(first) };
}

fn small(actor: &Actor) {
    let block = actor.alloc(HALF);
    actor.free(block);
}

#[test]
fn a_large_block_against_a_pool_of_small_ones() {
    model("a_large_block_against_a_pool_of_small_ones", Some(2), || {
        let world = World::new();
        let (ours, theirs) = (world.enter(), world.enter());
        small(&ours);
        let other = spawn(move || {
            small(&theirs);
            theirs
        });
        large(world);
        world.end([ours, join(other)]);
    });
}

#[test]
fn a_large_block_grows_while_others_claim() {
    model("a_large_block_grows_while_others_claim", Some(2), || {
        let world = World::new();
        let page_heap = &world.runtime().page_heap;
        let theirs = world.enter();
        let (start, _) = page_heap.allocate_large(POOL_BYTES, 16).expect("the simulated OS has memory");
        let other = spawn(move || {
            small(&theirs);
            theirs
        });
        // SAFETY: a large allocation: its first byte leads to its first pool.
        let first = unsafe { UserPtr::new(start).pool() };
        // SAFETY: ours.
        if unsafe { page_heap.grow_large(first, 2 * POOL_BYTES) } {
            let (tail, mark) =
                (start.map_addr(|address| address.saturating_add(POOL_BYTES)), payload::new_mark());
            payload::write(tail, mark);
            payload::give_up(tail, mark);
            // SAFETY: ours, and the tail is not used again.
            unsafe { page_heap.shrink_large(first, POOL_BYTES) };
        }
        // SAFETY: ours, and not used again.
        unsafe { page_heap.free_large(first) };
        world.end([join(other)]);
    });
}
