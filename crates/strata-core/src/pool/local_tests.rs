//! What a pool finds out about free blocks that the program freed twice or wrote to.

use super::*;
use crate::address::{ArenaPtr, PoolIndex};
use crate::arena::{self, ArenaHead};
use crate::block::Link;
use crate::layout::{ARENA_BYTES, POOL_BYTES};
use core::ptr::{null_mut, without_provenance_mut};
use std::alloc::{Layout, alloc_zeroed};
use std::vec::Vec;

const CLASS: SizeClass = SizeClass::of(3000);

/// A pool of an arena that is never given back, and all of its blocks.
fn carved() -> (OwnedPool, Vec<BlockPtr>) {
    let layout = Layout::from_size_align(ARENA_BYTES, ARENA_BYTES).unwrap();
    // SAFETY: the size is not zero.
    let base = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
    // SAFETY: aligned, zero, never freed.
    let arena = unsafe { ArenaPtr::new(base) };
    // SAFETY: ours, zero.
    unsafe { arena::init(arena, ArenaHead::of_pools(core::ptr::null(), 0)) };
    // SAFETY: initialised.
    let pool = unsafe { arena.pool(PoolIndex::new(1).unwrap()) };
    // SAFETY: claimed by nobody else.
    let owned = unsafe { pool.open(CLASS, 0, 0) };
    let mut blocks = Vec::new();
    owned.carve(CLASS, u32::MAX / 2, |block| blocks.push(block));
    (owned, blocks)
}

fn put(pool: &OwnedPool, block: BlockPtr) -> Freed {
    // SAFETY: a block of the pool, whatever the program did.
    unsafe { pool.put(Chain::of(block)) }
}

fn take(pool: &OwnedPool, wanted: u32) -> Result<u32, Spoilt> {
    pool.take(CLASS, wanted, |_| ())
}

#[test]
fn a_list_that_leads_round_in_a_circle_is_found_out_when_more_is_taken_than_there_is() {
    let (pool, blocks) = carved();
    assert_eq!([put(&pool, blocks[3]), put(&pool, blocks[3])], [Freed::StillLive; 2]);
    assert_eq!(take(&pool, 2), Ok(2), "so far the counts add up");
    assert_eq!(take(&pool, 1), Err(Spoilt));
}

#[test]
fn a_link_that_leads_out_of_the_pool_or_into_a_block_that_ends_outside_is_not_followed() {
    let last = |blocks: &[BlockPtr]| blocks[blocks.len() - 1].as_link();
    let wild: [fn(&[BlockPtr]) -> *mut Link; 5] = [
        |_| without_provenance_mut(0x4141_4141_4141_4140),
        |blocks| blocks[0].as_link().wrapping_byte_sub(16),
        |blocks| blocks[0].as_link().wrapping_byte_add(POOL_BYTES),
        |blocks| blocks[5].as_link().wrapping_byte_add(1),
        |blocks| blocks[blocks.len() - 1].as_link().wrapping_byte_add(16),
    ];
    for wild in wild {
        let (pool, blocks) = carved();
        assert_eq!([put(&pool, blocks[1]), put(&pool, blocks[2])], [Freed::StillLive; 2]);
        // SAFETY: a free block of ours.
        unsafe { blocks[1].set_next(wild(&blocks)) };
        assert_eq!(take(&pool, 3), Err(Spoilt));
    }
    let (pool, blocks) = carved();
    assert_eq!([put(&pool, blocks[1]), put(&pool, blocks[2])], [Freed::StillLive; 2]);
    // SAFETY: a free block of ours. It leads to another block of the pool.
    unsafe { blocks[1].set_next(last(&blocks)) };
    assert_eq!(take(&pool, 2), Ok(2));
}

#[test]
fn a_chain_that_ends_too_soon_is_found_out_when_it_is_taken_in() {
    for wild in [null_mut(), without_provenance_mut(0x4141_4141_4141_4140)] {
        let (pool, blocks) = carved();
        assert_eq!(put(&pool, blocks[0]), Freed::StillLive);
        let mut chain = Chain::of(blocks[1]);
        // SAFETY: blocks of the pool, and ours.
        unsafe { chain.prepend(blocks[2]) };
        let place = NonNull::from(&*pool);
        // SAFETY: pools are never unmapped.
        let header: &'static Pool = unsafe { place.as_ref() };
        // SAFETY: blocks of the pool, and ours.
        let given = unsafe { header.give(CLASS, &chain) };
        assert!(matches!(given, Given::Queued));
        // SAFETY: a free block of ours.
        unsafe { blocks[2].set_next(wild) };
        assert_eq!(pool.collect(), Freed::TooMany);
    }
}

#[test]
fn every_block_of_every_class_lies_where_one_may_begin_and_none_lies_behind_the_last() {
    let (pool, _) = carved();
    for class in SizeClass::all() {
        let places = pool.places(class);
        let at = |index: usize| {
            let block = pool.base().as_ptr().wrapping_byte_add(index * class.block_bytes());
            places.have(BlockPtr::from_address(NonNull::new(block).unwrap()))
        };
        let capacity = Pool::capacity(class) as usize;
        assert!((0..capacity).all(at) && !at(capacity), "{class:?}");
    }
}
