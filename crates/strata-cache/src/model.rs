//! What only models ask for: a runtime that can be given back, so that ten thousand executions fit into memory.
//!
//! Does not know: whether anybody still uses it.

use crate::registry::Runtime;

impl Runtime {
    /// Gives everything back: segments, and the caches themselves.
    ///
    /// # Safety
    /// - Nobody uses the runtime, its caches, or any memory of theirs again.
    pub unsafe fn dismantle(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.page_heap.dismantle() };
        // SAFETY: as above.
        unsafe { self.registry.dismantle() };
    }
}
