//! Free blocks of one pool, last in, first out: what was used last is warm.
//!
//! Owner: the owner of the pool. All-zero bytes are the empty list.
//!
//! Does not know: how many blocks it holds; the pool counts those that are *not* here.

use super::{BlockPtr, Chain, Link};
use crate::sync::OwnedPtr;

/// A stack of free blocks.
#[repr(transparent)]
#[derive(Debug)]
pub struct FreeList {
    head: OwnedPtr<Link>,
}

impl FreeList {
    crate::const_unless_loom! {
        /// The empty list.
        pub fn new() -> Self {
            Self { head: OwnedPtr::null() }
        }
    }

    /// Takes the block that was put last, if `is_block` says that it can be one; otherwise the list stays as it is.
    ///
    /// # Safety
    /// - The caller owns the list, and memory of which `is_block` says so may be read.
    #[inline(always)]
    pub unsafe fn pop_if(&self, is_block: impl FnOnce(BlockPtr) -> bool) -> Option<BlockPtr> {
        let block = BlockPtr::from_link(self.head.get()).filter(|block| is_block(*block))?;
        // SAFETY: blocks on the list are free, and ours with it.
        self.head.set(unsafe { block.next() });
        Some(block)
    }

    /// Puts a block: a load and two stores.
    ///
    /// # Safety
    /// - The caller owns the list and the block.
    #[inline(always)]
    pub unsafe fn push(&self, block: BlockPtr) {
        // SAFETY: the block is the caller's.
        unsafe { block.set_next(self.head.get()) };
        self.head.set(block.as_link());
    }

    /// Puts a whole chain in front.
    ///
    /// # Safety
    /// - The caller owns the list and the chain.
    #[inline]
    pub unsafe fn push_chain(&self, chain: Chain) {
        // SAFETY: the chain's last block is the caller's.
        unsafe { chain.tail.set_next(self.head.get()) };
        self.head.set(chain.head.as_link());
    }

    /// Empties it and returns the first block's link.
    #[inline]
    pub fn take(&self) -> *mut Link {
        let head = self.head.get();
        self.head.set(core::ptr::null_mut());
        head
    }

    /// Replaces the content of an empty list by blocks that are already linked.
    #[inline]
    pub fn replace(&self, head: *mut Link) {
        debug_assert!(self.is_empty());
        self.head.set(head);
    }

    /// Whether there is nothing to pop.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head.get().is_null()
    }

    /// Visits at most `most` blocks, up to the first that `is_block` does not take for one: cold paths only. A list that leads round in
    /// a circle ends there too.
    ///
    /// # Safety
    /// - As for [`pop_if`](Self::pop_if).
    pub unsafe fn each(
        &self,
        most: u32,
        is_block: impl Fn(BlockPtr) -> bool,
        mut visit: impl FnMut(BlockPtr),
    ) {
        let mut link = self.head.get();
        for _ in 0..most {
            let Some(block) = BlockPtr::from_link(link).filter(|block| is_block(*block)) else { break };
            visit(block);
            // SAFETY: blocks on the list are free, and ours with it.
            link = unsafe { block.next() };
        }
    }
}

impl Default for FreeList {
    fn default() -> Self {
        Self::new()
    }
}
