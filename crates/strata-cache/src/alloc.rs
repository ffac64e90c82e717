//! The fast path of an allocation: pop a block of the class's magazine.
//!
//! With a constant size and link-time optimisation this is seven instructions: the thread word (2), the count (1), one less and
//! the test (2), the new count (1), the slot (1).
//!
//! Does not know: what to do when the magazine is empty; `refill` does.

use crate::cache::Cache;
use strata_core::block::BlockPtr;
use strata_core::pool::Memory;
use strata_core::size_class::SizeClass;

impl Cache {
    /// A block of `class`; its contents are unspecified. `None`: out of memory.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is.
    #[inline(always)]
    pub unsafe fn alloc(&self, class: SizeClass) -> Option<BlockPtr> {
        match self.magazine(class).pop() {
            Some(block) => Some(block),
            // SAFETY: the same contract.
            None => unsafe { self.refill(class.block_bytes()) },
        }
    }

    /// A block of `class` for `size` bytes, and whether it is known to be zero: when the magazine is empty, untouched memory is taken as it is.
    ///
    /// # Safety
    /// - As for [`alloc`](Self::alloc).
    #[inline(never)]
    pub unsafe fn alloc_zeroable(&self, class: SizeClass, size: usize) -> Option<(BlockPtr, Memory)> {
        match self.magazine(class).pop() {
            Some(block) => Some((block, Memory::Used)),
            // SAFETY: the same contract.
            None => unsafe { self.refill_zeroable(class, size) },
        }
    }
}
