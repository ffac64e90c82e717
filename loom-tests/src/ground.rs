//! One arena without an owner, with one pool opened: for the verbs below a cache.
//!
//! Does not know: segments, caches.

use crate::payload;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use strata_core::address::{ArenaPtr, PoolIndex};
use strata_core::arena::{self, ArenaHead};
use strata_core::block::BlockPtr;
use strata_core::layout::ARENA_BYTES;
use strata_core::pool::{Format, OwnedPool, Pool};
use strata_core::size_class::SizeClass;

/// An arena for one execution.
#[derive(Debug)]
pub struct Ground {
    arena: ArenaPtr,
}

fn layout() -> Layout {
    Layout::from_size_align(ARENA_BYTES, ARENA_BYTES).expect("a power of two")
}

impl Ground {
    /// A fresh arena, all of whose pools are idle.
    pub fn new() -> Self {
        // SAFETY: the size is not zero.
        let memory = unsafe { alloc_zeroed(layout()) };
        let Some(base) = NonNull::new(memory) else { handle_alloc_error(layout()) };
        // SAFETY: aligned, and zero; it lives longer than the execution's threads, which are joined before it is dropped.
        let arena = unsafe { ArenaPtr::new(base) };
        // SAFETY: ours, zero.
        unsafe { arena::init(arena, ArenaHead::of_pools(std::ptr::null(), 0)) };
        Self { arena }
    }

    /// Pool `index`.
    pub fn pool(&self, index: usize) -> &'static Pool {
        let index = PoolIndex::new(index).expect("pool 0 is the metadata's");
        // SAFETY: an initialised arena.
        unsafe { self.arena.pool(index) }
    }

    /// Pool 1 with blocks of `class`, and `count` of its blocks, handed out.
    pub fn pool_with(&self, class: SizeClass, count: usize) -> (OwnedPool, Vec<BlockPtr>) {
        // SAFETY: the pool is idle, and not shared.
        let pool = unsafe { self.pool(1).open(class, 0, 0) };
        let blocks = (0..count)
            .map(|_| pool.carve_untouched(class).expect("more blocks than the pool holds"))
            .collect();
        (pool, blocks)
    }
}

impl Default for Ground {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // SAFETY: from `new`, with this layout.
        unsafe { dealloc(self.arena.as_non_null().as_ptr(), layout()) };
    }
}

/// All blocks on a pool's list, each checked as its new owner would.
pub fn blocks_of(pool: &OwnedPool) -> Vec<BlockPtr> {
    let mut blocks = Vec::new();
    let Format::Blocks(class) = pool.format() else { panic!("a pool without blocks") };
    let taken = pool.take(class, u32::MAX, |block| {
        payload::write(block.as_non_null(), payload::new_mark());
        blocks.push(block);
    });
    assert!(taken.is_ok());
    blocks
}
