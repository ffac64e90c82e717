//! Blocks of one pool on their way from a thread that freed them to the pool's owner.
//!
//! A chain is what remote frees travel in: built privately, pushed by one compare-and-swap, taken by one swap.
//!
//! I1  `count` is the number of blocks from `head` to `tail`, both included; the tail's link is unspecified.
//!
//! Does not know: the pool. Idea: batching remote frees as messages (Liétar et al. 2019, snmalloc).

use super::BlockPtr;

/// Linked free blocks of one pool.
#[derive(Clone, Copy, Debug)]
#[must_use = "a dropped chain is lost memory"]
pub struct Chain {
    /// First block.
    pub head: BlockPtr,
    /// Last block.
    pub tail: BlockPtr,
    /// Number of blocks.
    pub count: u32,
}

impl Chain {
    /// A chain of one.
    #[inline]
    pub const fn of(block: BlockPtr) -> Self {
        Self { head: block, tail: block, count: 1 }
    }

    /// Puts a block in front.
    ///
    /// # Safety
    /// - The block is the caller's and of the same pool.
    #[inline]
    pub unsafe fn prepend(&mut self, block: BlockPtr) {
        // SAFETY: the block is the caller's.
        unsafe { block.set_next(self.head.as_link()) };
        self.head = block;
        self.count += 1;
    }
}
