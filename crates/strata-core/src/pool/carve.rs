//! Making blocks out of a pool's untouched memory, a batch at a time.
//!
//! A fresh pool costs no memory until its blocks are used: only `carved` of them exist, in address order, and what lies
//! behind has not been touched since the kernel (or the last user) left it. Carving itself touches nothing: the blocks go
//! straight into a magazine.
//!
//! Does not know: whether untouched means zero; the segment layer does.
//! Idea: pools carved on demand (CPython's obmalloc, Marangozov).

use super::{Memory, OwnedPool, Pool};
use crate::block::BlockPtr;
use crate::size_class::SizeClass;
use core::ptr::NonNull;

impl OwnedPool {
    /// Carves up to `wanted` blocks of a pool of `class`, in address order; returns how many. Holes are filled first.
    pub fn carve(&self, class: SizeClass, wanted: u32, mut each: impl FnMut(BlockPtr)) -> u32 {
        if self.span_holes(class) != 0 && self.fill_a_hole(class) {
            // The list was empty, and its links were written just now.
            return self.take(class, wanted, each).unwrap_or(0);
        }
        let carved = self.carved.get();
        let end = (carved + wanted).min(Pool::capacity(class));
        let mut next = self.base().as_ptr().wrapping_byte_add(carved as usize * class.block_bytes());
        for _ in carved..end {
            // SAFETY: within the pool, hence not null.
            let block = BlockPtr::from_address(unsafe { NonNull::new_unchecked(next) });
            // SAFETY: the block lies behind what was carved: not handed out, and the owner's.
            unsafe { block.prepare() };
            each(block);
            next = next.wrapping_byte_add(class.block_bytes());
        }
        self.note_carved(carved, end);
        self.forget_carved_holes(class);
        end - carved
    }

    /// Carves one block for a caller that wants its memory as the kernel left it.
    pub fn carve_untouched(&self, class: SizeClass) -> Option<BlockPtr> {
        debug_assert_eq!(self.uncarved_memory(class), Memory::Zero, "holes are filled first");
        let mut carved = None;
        self.carve(class, 1, |block| carved = Some(block));
        carved
    }

    fn note_carved(&self, from: u32, to: u32) {
        self.carved.set(to);
        self.live.set(self.live.get() + (to - from));
    }
}

impl Pool {
    /// Blocks carved so far, estimated by any thread.
    pub fn glance_carved(&self) -> u32 {
        self.carved.glance()
    }
}
