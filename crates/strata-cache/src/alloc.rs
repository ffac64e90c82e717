//! The fast path of an allocation: pop a block of a class.
//!
//! With a constant size and link-time optimisation this is seven instructions: the thread word (2), the list's head (1), the
//! test (2), the block's link (1), the list's new head (1).
//!
//! Does not know: what to do when the list is empty; `refill` does.

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
        // SAFETY: the owner's list (I1 of `cache`).
        match unsafe { self.list(class).free.pop() } {
            Some(block) => Some(block),
            // SAFETY: the same contract.
            None => unsafe { self.refill(class) },
        }
    }

    /// A block of `class` and whether it is known to be zero: when the list is empty, untouched memory is taken as it is.
    ///
    /// # Safety
    /// - As for [`alloc`](Self::alloc).
    #[inline(never)]
    pub unsafe fn alloc_zeroable(&self, class: SizeClass) -> Option<(BlockPtr, Memory)> {
        let list = self.list(class);
        if list.free.is_empty()
            && let Some(pool) = list.pool()
            && pool.uncarved_memory() == Memory::Zero
        {
            // SAFETY: the current pool is ours and of this class.
            if let Some(block) = unsafe { pool.carve_untouched(class) } {
                // Whoever takes memory as it is may leave it so: what comes next is not taken ahead.
                self.fresh.forget_class(class);
                return Some((block, Memory::Zero));
            }
        }
        // SAFETY: the same contract.
        unsafe { self.alloc(class) }.map(|block| (block, Memory::Used))
    }
}
