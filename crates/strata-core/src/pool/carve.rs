//! Making blocks out of a pool's untouched memory, about a page at a time.
//!
//! A fresh pool costs no memory until its blocks are used: only `carved` of them exist, in address order, and what lies
//! behind has not been touched since the kernel (or the last user) left it.
//!
//! Does not know: whether untouched means zero; the segment layer does.
//! Idea: lazily carved pools (CPython's obmalloc, Marangozov).

use super::Pool;
use crate::block::{BlockPtr, Link};
use crate::layout::GRANULE_SHIFT;
use crate::size_class::SizeClass;

/// How much memory one carving touches at most, unless one block is larger: a page.
const CARVE_BYTES: usize = 4096;

impl Pool {
    /// Carves about a page of blocks and returns them linked in address order, or `None` when none are left. Holes are filled
    /// first.
    ///
    /// # Safety
    /// - The caller owns the pool, which holds blocks of `class`.
    pub unsafe fn carve(&self, class: SizeClass) -> Option<*mut Link> {
        if self.holes() != 0 {
            // SAFETY: the same contract.
            if let Some(link) = unsafe { self.carve_hole(class) } {
                return Some(link);
            }
        }
        let (bytes, carved) = (class.block_bytes(), self.carved.get());
        let batch = (CARVE_BYTES / bytes).max(1) as u32;
        let end = (carved + batch).min(Self::capacity(class));
        let mut link = core::ptr::null_mut();
        for index in (carved..end).rev() {
            let block = self.block_at_granule(((index as usize * bytes) >> GRANULE_SHIFT) as u16);
            // SAFETY: the block lies behind what was carved: nobody has it, and it is the owner's.
            unsafe { block.prepare() };
            // SAFETY: as above.
            unsafe { block.set_next(link) };
            link = block.as_link();
        }
        self.note_carved(carved, end);
        self.fill_carved(class);
        (end > carved).then_some(link)
    }

    /// Carves one block and leaves its memory untouched, for callers that want it as the kernel left it.
    ///
    /// # Safety
    /// - The caller owns the pool, which holds blocks of `class`.
    pub unsafe fn carve_untouched(&self, class: SizeClass) -> Option<BlockPtr> {
        debug_assert_eq!(self.holes(), 0, "holes are filled first");
        let carved = self.carved.get();
        if carved == Self::capacity(class) {
            return None;
        }
        let block = self.block_at_granule(((carved as usize * class.block_bytes()) >> GRANULE_SHIFT) as u16);
        // SAFETY: as in `carve`.
        unsafe { block.prepare() };
        self.note_carved(carved, carved + 1);
        Some(block)
    }

    fn note_carved(&self, from: u32, to: u32) {
        self.carved.set(to);
        self.live.set(self.live.get() + (to - from));
    }

    /// Whether blocks are left to carve that never were.
    #[inline]
    pub fn can_carve(&self, class: SizeClass) -> bool {
        self.carved.get() < Self::capacity(class)
    }

    /// Blocks carved so far.
    #[inline]
    pub fn carved(&self) -> u32 {
        self.carved.get()
    }

    /// Blocks carved so far, as anybody may guess them.
    pub fn glance_carved(&self) -> u32 {
        self.carved.glance()
    }
}
