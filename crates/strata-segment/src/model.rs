//! What only models ask for: giving a whole directory back, so that ten thousand executions fit into memory.
//!
//! Does not know: whether anybody still uses it.

use crate::directory::Directory;
use crate::purge::Which;

impl Directory {
    /// Gives all segments back.
    ///
    /// # Safety
    /// - Nobody uses the directory, or anything that came from it, again.
    pub unsafe fn dismantle(&self) {
        // SAFETY: the shelf handed it over; nobody else knows it.
        self.huge_shelf.age(Which::All, |head| unsafe { self.unmap_huge(head) });
        for segment in self.segments() {
            // SAFETY: the caller's promise.
            unsafe { segment.discard() };
        }
    }
}
