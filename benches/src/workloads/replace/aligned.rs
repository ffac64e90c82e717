//! A block with an alignment of its own, as buffers for direct I/O, vector registers or a page table have one.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use crate::data::Dice;

/// From 16 bytes to 2 KiB, and alignments of 16 to 4,096 bytes.
const LEAST: usize = 16;
const SIZES: usize = 7;
const ALIGNMENTS: usize = 9;

/// Owns its block.
///
/// I1  `start` was allocated with `layout`, is live until the drop, and its first byte is written.
pub(super) struct Aligned {
    start: NonNull<u8>,
    layout: Layout,
}

impl Aligned {
    /// A block whose size and alignment are independent of each other.
    #[inline]
    pub(super) fn random(dice: &mut Dice) -> Self {
        let (bytes, alignment) = (dice.size(LEAST, SIZES), LEAST << dice.roll(ALIGNMENTS));
        Self::new(Layout::from_size_align(bytes, alignment).expect("a small power of two"))
    }

    #[inline]
    fn new(layout: Layout) -> Self {
        // SAFETY: no size is zero.
        let start = unsafe { alloc(layout) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: one byte of a block of at least `LEAST`.
        unsafe { start.write(layout.size() as u8) };
        Self { start, layout }
    }

    #[inline]
    pub(super) fn first(&self) -> u8 {
        // SAFETY: I1.
        unsafe { self.start.read() }
    }
}

impl Drop for Aligned {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: I1.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_lie_where_their_alignment_says() {
        let mut dice = Dice::new(5);
        for _ in 0..1_000 {
            let block = Aligned::random(&mut dice);
            assert_eq!(block.start.addr().get() % block.layout.align(), 0);
            assert_eq!(block.first(), block.layout.size() as u8);
        }
    }
}
