//! For models only: a runtime that can be given back, so that ten thousand executions fit into memory.
//!
//! Does not know: whether the runtime is still in use.

use crate::registry::Runtime;

impl Runtime {
    /// Gives everything back: segments, and the caches themselves.
    ///
    /// # Safety
    /// - The runtime, its caches, and their memory are not used again.
    pub unsafe fn dismantle(&self) {
        // SAFETY: not used again, by this function's contract.
        unsafe { self.page_heap.dismantle() };
        // SAFETY: not used again, by this function's contract.
        unsafe { self.registry.slabs.dismantle() };
    }
}
