//! For models only: giving a whole page heap back, so that ten thousand executions fit into memory; publishing free pools.
//!
//! Does not know: whether it is still in use.

use crate::page_heap::PageHeap;
use crate::pools::release::publish;
use crate::purge::policy::Scope;
use crate::segments::segment::pool_index;
use crate::segments::vacancy::TRIES;
use strata_core::masks::bits_of;
use strata_core::size_class::SizeClass;

impl PageHeap {
    /// Gives all segments back.
    ///
    /// # Safety
    /// - The page heap, and anything that came from it, is not used again.
    pub unsafe fn dismantle(&self) {
        self.huge().age(Scope::All);
        for segment in self.segments().iter().collect::<std::vec::Vec<_>>() {
            while self.segments().revive_in(segment, &mut TRIES.clone(), &|_| false) {}
            // SAFETY: not used again, by this function's contract.
            unsafe { segment.discard() };
        }
        // SAFETY: not used again, by this function's contract.
        unsafe { self.index.dismantle() };
    }
}
