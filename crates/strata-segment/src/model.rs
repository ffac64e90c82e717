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
        self.huge_shelf.age(Which::All, &self.unmapping());
        for segment in self.segments() {
            // SAFETY: the caller's promise.
            unsafe { segment.discard() };
        }
    }
}
