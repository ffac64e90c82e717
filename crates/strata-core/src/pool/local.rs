//! What the owner does with its pool: taking and giving blocks without any atomic read-modify-write.
//!
//! A pool that a cache allocates from is its *current* one: all its free blocks move to the cache's list at once
//! (`lend`), frees of its blocks go there too (through `sink`), and what is left moves back when the cache turns to another
//! pool (`settle`). All other pools of the cache keep their own list.
//!
//! Does not know: which pool is current; the thread cache decides.

use super::{Pool, Taken};
use crate::block::{BlockPtr, Chain, FreeList, Link};
use crate::size_class::SizeClass;

/// What `live` is held at while the pool is current: so far above zero that no count of frees reaches it (I2).
pub const LIVE_WHILE_CURRENT: u32 = 1 << 30;

/// What a local free found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a pool without live blocks has to be retired"]
pub enum Freed {
    /// Other blocks are still live.
    StillLive,
    /// That was the last live block.
    Empty,
}

impl Pool {
    /// Frees a block of the caller's own pool: to the current list or to the pool's.
    ///
    /// # Safety
    /// - The caller owns the pool; the block is of it, and the caller's.
    #[inline(always)]
    pub unsafe fn free_local(&self, block: BlockPtr) -> Freed {
        // SAFETY: the owner's sink points to this pool's list, or to the list of the owner's cache.
        let sink = unsafe { &*self.sink.get() };
        // SAFETY: the caller's promise.
        unsafe { sink.push(block) };
        let live = self.live.get() - 1;
        self.live.set(live);
        if live == 0 { Freed::Empty } else { Freed::StillLive }
    }

    /// Takes one block of a pool that is not current. `None`: none is free without carving.
    ///
    /// # Safety
    /// - The caller owns the pool, and it is not current.
    pub unsafe fn take(&self) -> Option<BlockPtr> {
        // SAFETY: the owner's list.
        let block = unsafe { self.free.pop() }?;
        self.live.set(self.live.get() + 1);
        self.set_ground(self.ground().in_use());
        Some(block)
    }

    /// Adds blocks that others gave back.
    ///
    /// # Safety
    /// - The caller owns the pool, it is not current, and `taken` came from its remote word.
    pub unsafe fn accept(&self, taken: Taken) -> Freed {
        // SAFETY: the blocks are the owner's now, linked and null-terminated.
        unsafe { append(taken.head, self.free.take(), &self.free) };
        let live = self.live.get() - taken.count;
        self.live.set(live);
        if live == 0 { Freed::Empty } else { Freed::StillLive }
    }

    /// Adds a chain that the caller brought along.
    ///
    /// # Safety
    /// - The caller owns the pool, which is not current, and the chain of its blocks.
    pub unsafe fn accept_chain(&self, chain: Chain) -> Freed {
        // SAFETY: the caller's promise.
        unsafe { self.free.push_chain(chain) };
        let live = self.live.get() - chain.count;
        self.live.set(live);
        if live == 0 { Freed::Empty } else { Freed::StillLive }
    }

    /// Lends all free blocks to the owner's `list`, which is empty: the pool becomes current.
    pub fn lend(&self, list: &FreeList) {
        list.replace(self.free.take());
        self.sink.set(core::ptr::from_ref(list).cast_mut());
        self.live.set(LIVE_WHILE_CURRENT);
        self.set_ground(self.ground().in_use());
    }

    /// Takes back what is left on the owner's `list`: the pool is current no longer.
    ///
    /// # Safety
    /// - The caller owns the pool and lent its blocks to `list`.
    pub unsafe fn settle(&self, list: &FreeList) -> Freed {
        // SAFETY: the list holds this pool's blocks only, all the owner's.
        let free = unsafe { list.count() };
        self.free.replace(list.take());
        self.sink.set(core::ptr::from_ref(&self.free).cast_mut());
        let live = self.carved.get() - free - self.hole_blocks();
        self.live.set(live);
        if live == 0 { Freed::Empty } else { Freed::StillLive }
    }

    /// The current pool's count ran down to nothing by frees through `sink`: it starts high again.
    pub fn stay_current(&self) {
        self.live.set(LIVE_WHILE_CURRENT);
    }

    /// Free blocks of a pool that is not current, carved or not.
    #[inline]
    pub fn room(&self, class: SizeClass) -> u32 {
        Self::capacity(class) - self.live.get()
    }

    /// Whether a pool of `class` (not current) has so much room that turning to it pays: a sixteenth of its blocks.
    ///
    /// A pool with one free block would be full again after one allocation; each turn costs two compare-and-swaps.
    #[inline]
    pub fn has_room(&self, class: SizeClass) -> bool {
        self.room(class) >= (Self::capacity(class) / 16).max(1)
    }

    /// Whether the pool (not current) has blocks to give, without carving.
    #[inline]
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Live blocks, as the owner of a pool that is not current sees them.
    #[inline]
    pub fn live(&self) -> u32 {
        self.live.get()
    }

    /// Live blocks of a pool that is not current, as anybody may guess them.
    pub fn glance_live(&self) -> u32 {
        self.live.glance()
    }

    /// The list that the pool's blocks are on when nobody lends them: for the new owner after a claim.
    pub fn reset_sink(&self) {
        self.sink.set(core::ptr::from_ref(&self.free).cast_mut());
    }
}

/// Puts the null-terminated list `first` and then `second` on the empty `list`.
///
/// # Safety
/// - All blocks are the caller's.
unsafe fn append(first: *mut Link, second: *mut Link, list: &FreeList) {
    let mut last = first;
    if !second.is_null() {
        while let Some(block) = BlockPtr::from_link(last) {
            // SAFETY: the caller's block.
            let next = unsafe { block.next() };
            if next.is_null() {
                // SAFETY: the caller's block.
                unsafe { block.set_next(second) };
                break;
            }
            last = next;
        }
    }
    list.replace(if first.is_null() { second } else { first });
}
