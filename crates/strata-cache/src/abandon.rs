//! Leaving: a thread ends, and all that its cache owns becomes somebody's or nobody's (protocol 5).
//!
//! | a pool that was …      | becomes                                                               |
//! |------------------------|-----------------------------------------------------------------------|
//! | without live blocks    | free, in its arena                                                    |
//! | partial, with room     | nobody's and on the shelf: the next refill of its class may adopt it  |
//! | full, or nearly        | nobody's: whoever frees into it next becomes its owner                |
//!
//! Frees that arrive meanwhile are taken in by the leaving owner or make the freeing thread the new one: the pool's word
//! decides (`pool/remote.rs` I3).
//!
//! Does not know: when a thread ends; `current` does.

use crate::cache::Cache;
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::ABANDON_POSTS;

impl Cache {
    /// Empties the cache.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is.
    pub unsafe fn abandon(&self) {
        if self.runtime().is_none() {
            return;
        }
        self.give_back_held();
        if ABANDON_POSTS {
            self.flush_outbox();
        }
        for class in SizeClass::all() {
            self.abandon_current(class);
            while let Some(pool) = self.queue(class).first() {
                self.drop_partial(class, pool);
                // SAFETY: ours, out of its queue.
                unsafe { self.directory().leave_pool(pool) };
            }
        }
        debug_assert_eq!(self.partial_pools.get(), 0);
    }

    fn abandon_current(&self, class: SizeClass) {
        let Some((pool, _)) = self.take_current(class) else { return };
        // SAFETY: ours, current no longer, in no queue.
        unsafe { self.directory().leave_pool(pool) };
    }
}
