//! Carving, taking and giving back in one pool.

use super::super::parameters::{Classic, Current};
use super::super::testing::PoolMemory;
use super::*;
use std::vec::Vec;

fn class<P: Parameters>(request: usize) -> ClassIndex {
    ClassIndex::of::<P>(request).unwrap()
}

fn give(pool: PoolRef, block: NonNull<u8>) -> Given {
    // SAFETY: tests give back what they took, once.
    unsafe { pool.give(block) }
}

/// Takes blocks until the pool is full.
fn fill<P: Parameters>(pool: PoolRef, first: NonNull<u8>) -> Vec<NonNull<u8>> {
    let mut blocks = std::vec![first];
    loop {
        match pool.take::<P>() {
            Taken::More(block) => blocks.push(block),
            Taken::Last(block) => {
                blocks.push(block);
                return blocks;
            }
        }
    }
}

#[test]
fn a_new_pool_sets_up_two_blocks_and_touches_no_third() {
    let memory = PoolMemory::<Current>::new(1);
    let pool = memory.pool(0);
    let first = pool.open::<Current>(class::<Current>(32));
    assert_eq!(first, pool.0.cast().map_addr(|a| a.checked_add(48).unwrap()));
    assert_eq!(pool.header().next_offset, 48 + 2 * 32);
    assert_eq!(pool.header().free.addr(), first.addr().get() + 32);
    assert_eq!(pool.used_count(), 1);
}

#[test]
fn one_virgin_block_is_carved_each_time_the_list_runs_dry() {
    let memory = PoolMemory::<Current>::new(1);
    let pool = memory.pool(0);
    pool.open::<Current>(class::<Current>(32));
    for carved in 3..10 {
        let Taken::More(_) = pool.take::<Current>() else { panic!("full") };
        assert_eq!(pool.header().next_offset, 48 + carved * 32);
    }
}

fn a_full_pool_has_handed_out_every_block_once<P: Parameters>() {
    for class in ClassIndex::all::<P>() {
        let memory = PoolMemory::<P>::new(1);
        let pool = memory.pool(0);
        let mut offsets: Vec<_> = fill::<P>(pool, pool.open::<P>(class))
            .iter()
            .map(|block| block.addr().get() & (P::POOL_BYTES - 1))
            .collect();
        offsets.sort_unstable();
        let expected: Vec<_> = (0..class.blocks::<P>()).map(|i| 48 + i * class.bytes::<P>()).collect();
        assert_eq!(offsets, expected);
        assert!(pool.header().free.is_null());
    }
}

#[test]
fn a_full_pool_has_handed_out_every_block_once_in_both_sets() {
    a_full_pool_has_handed_out_every_block_once::<Classic>();
    a_full_pool_has_handed_out_every_block_once::<Current>();
}

#[test]
fn a_block_that_came_back_goes_out_first() {
    let memory = PoolMemory::<Current>::new(1);
    let pool = memory.pool(0);
    let first = pool.open::<Current>(class::<Current>(64));
    let Taken::More(_) = pool.take::<Current>() else { panic!("full") };
    assert_eq!(give(pool, first), Given::StillUsed);
    let Taken::More(again) = pool.take::<Current>() else { panic!("full") };
    assert_eq!(again, first);
}

#[test]
fn giving_back_tells_which_state_was_left() {
    let memory = PoolMemory::<Classic>::new(1);
    let pool = memory.pool(0);
    let blocks = fill::<Classic>(pool, pool.open::<Classic>(class::<Classic>(512)));
    assert_eq!(blocks.len(), 7);
    let given: Vec<_> = blocks.iter().map(|&block| give(pool, block)).collect();
    assert_eq!(given[0], Given::WasFull);
    assert!(given[1..6].iter().all(|given| *given == Given::StillUsed));
    assert_eq!(given[6], Given::NowEmpty);
}

#[test]
fn reopening_for_the_same_class_keeps_the_free_list() {
    let memory = PoolMemory::<Current>::new(1);
    let pool = memory.pool(0);
    let blocks = fill::<Current>(pool, pool.open::<Current>(class::<Current>(512)));
    blocks.iter().for_each(|&block| drop(give(pool, block)));
    assert_eq!(pool.open::<Current>(class::<Current>(512)), *blocks.last().unwrap());
    assert!(pool.header().next_offset > pool.header().last_offset);
}

#[test]
fn reopening_for_another_class_carves_anew() {
    let memory = PoolMemory::<Current>::new(1);
    let pool = memory.pool(0);
    let blocks = fill::<Current>(pool, pool.open::<Current>(class::<Current>(512)));
    blocks.iter().for_each(|&block| drop(give(pool, block)));
    pool.open::<Current>(class::<Current>(16));
    assert_eq!(pool.header().next_offset, 48 + 2 * 16);
    assert_eq!(pool.class(), class::<Current>(16));
}
