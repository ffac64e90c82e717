//! What only models ask for: giving a whole directory back, so that ten thousand executions fit into memory.
//!
//! Does not know: whether anybody still uses it.

use crate::directory::Directory;
use core::ptr;
use strata_core::sync::Ordering::Relaxed;

impl Directory {
    /// Gives all segments back.
    ///
    /// # Safety
    /// - Nobody uses the directory, or anything that came from it, again.
    #[doc(hidden)]
    pub unsafe fn dismantle(&self) {
        self.purge_all();
        for slot in &self.slots {
            // SAFETY: published, so it is one; the caller's promise.
            if let Some(segment) =
                unsafe { ptr::NonNull::new(slot.swap(ptr::null_mut(), Relaxed)).map(|s| s.as_ref()) }
            {
                // SAFETY: the caller's promise.
                unsafe { segment.discard() };
            }
        }
    }
}
