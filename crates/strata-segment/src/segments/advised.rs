//! Arenas that may get huge pages, of which more may be in memory than was touched.
//!
//! H1  An arena whose bit in `advised` is set may have huge pages. Before any of its memory is purged, the kernel is told to
//!     give no more: its own daemon would fill the gaps again within minutes.
//! H2  In such an arena even pools that were never used may hold memory, since touching one brings its neighbours in; so all of its
//!     free pools are purged, and the bit goes once no free pool is left out.
//!
//! Does not know: which arenas get some, and why; `thp` does.

use super::segment::Segment;
use strata_core::layout::{ARENA_BYTES, POOL_BYTES};
use strata_core::sync::Ordering::Relaxed;
use strata_os::machine::{self, HUGE_PAGE_BYTES};
use strata_os::memory;

/// Whether arenas hold huge pages at all: those of models do not, so all of this is skipped there.
pub(crate) const FIT_ARENAS: bool = ARENA_BYTES >= HUGE_PAGE_BYTES;

impl Segment {
    /// Whether an arena may get huge pages.
    pub(crate) fn is_advised(&self, arena: u32) -> bool {
        // Relaxed, here and below: about the kernel's pages, not about their contents.
        self.advised.load(Relaxed) >> arena & 1 == 1
    }

    pub(crate) fn set_advised(&self, arena: u32) {
        self.advised.fetch_or(1 << arena, Relaxed);
    }

    pub(super) fn clear_advised(&self, arena: u32) {
        self.advised.fetch_and(!(1 << arena), Relaxed);
    }

    /// Free pools that may hold memory (H2).
    pub(crate) fn free_with_memory(&self, arena: u32) -> u64 {
        let free = self.pools[arena as usize].glance();
        if FIT_ARENAS && self.is_advised(arena) { free } else { free & self.dirty(arena) }
    }

    /// Some of an arena's memory, which the caller owns, is about to be purged: no more huge pages there (H1).
    pub(crate) fn shun_huge_pages(&self, arena: u32) {
        if FIT_ARENAS && self.is_advised(arena) {
            if self.pools[arena as usize].glance() == 0 {
                self.clear_advised(arena);
            }
            // SAFETY: committed, as a pool of it is claimed; advice changes no contents.
            unsafe { memory::advise_small_pages(self.arena(arena).as_non_null(), ARENA_BYTES) };
            self.purge_behind_metadata(arena);
        }
    }

    /// What lies between an arena's metadata and its first pool came with their huge page, and is never used.
    fn purge_behind_metadata(&self, arena: u32) {
        let used = self.metadata_bytes(arena).next_multiple_of(machine::page_size());
        if used < POOL_BYTES {
            let behind = self.arena(arena).metadata_place(used).cast();
            // SAFETY: committed, whole pages, in no pool that can be claimed and behind everything that is read or written.
            let _ = unsafe { memory::purge(behind, POOL_BYTES - used) };
        }
    }
}
