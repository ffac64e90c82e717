//! What only models ask for: giving a whole page heap back, so that ten thousand executions fit into memory; offers of free pools.
//!
//! Does not know: whether anybody still uses it.

use crate::page_heap::PageHeap;
use crate::pools::release::publish;
use crate::purge::policy::Scope;
use crate::segments::vacancy::TRIES;
use crate::{masks::bits_of, segments::segment::pool_index};
use strata_core::size_class::SizeClass;

impl PageHeap {
    /// Gives all segments back.
    ///
    /// # Safety
    /// - Nobody uses the page heap, or anything that came from it, again.
    pub unsafe fn dismantle(&self) {
        self.huge().age(Scope::All);
        for segment in self.segments().iter().collect::<std::vec::Vec<_>>() {
            while self.segments().revive_in(segment, &mut TRIES.clone(), &|_| false) {}
            // SAFETY: the caller's promise.
            unsafe { segment.discard() };
        }
        // SAFETY: as above.
        unsafe { self.index.dismantle() };
    }

    /// Has all free pools be those that `class` gave back, as `release_pool` does natively.
    pub fn offer_free_pools(&self, class: SizeClass) {
        for segment in self.segments().iter() {
            for arena in segment.committed_arenas() {
                for index in bits_of(segment.free_with_memory(arena)) {
                    // SAFETY: a pool of an initialised arena.
                    publish(class, unsafe { segment.arena(arena).pool(pool_index(index)) });
                }
            }
        }
    }
}
