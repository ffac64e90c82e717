//! A magazine that takes blocks and gives none: its count and limit are so large that pushes find room as ever, and pops take the slow path.
//!
//! Does not know: why (`profile`).

use super::{CLOSED, Magazine, number_in};
use core::ptr::NonNull;
use strata_core::block::BlockPtr;

impl Magazine<'_> {
    /// Has every pop take the slow path, and lets pushes make it `most` deep, which is at most its depth.
    pub(crate) fn close(&self, most: u32) {
        let head = self.head();
        head.count.set(head.count.get() | CLOSED);
        // SAFETY: the owner's.
        unsafe { head.limit.set(CLOSED + most as usize) };
    }

    /// Has pops take its blocks again, and every push take the slow path, if it is closed.
    pub(crate) fn open(&self) {
        if self.is_closed() {
            let head = self.head();
            head.count.set(number_in(head.count.get()));
            // SAFETY: the owner's.
            unsafe { head.limit.set(0) };
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.head().count.get() >= CLOSED
    }

    /// Takes the block that was put last, also of a closed one.
    pub(crate) fn take_newest(&self) -> Option<BlockPtr> {
        let head = self.head();
        let last = number_in(head.count.get()).checked_sub(1)?;
        head.count.set(head.count.get() - 1);
        // SAFETY: slots below `count` hold blocks.
        let block = unsafe { NonNull::new_unchecked(self.slot(last).get()) };
        Some(BlockPtr::from_address(block))
    }

    /// The blocks above the oldest `first`, which stay where they are.
    pub(crate) fn above(self, first: u32) -> impl Iterator<Item = BlockPtr> {
        (first as usize..number_in(self.head().count.get())).map(move |index| {
            // SAFETY: slots below `count` hold blocks.
            let block = unsafe { NonNull::new_unchecked(self.slot(index).get()) };
            BlockPtr::from_address(block)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::DEPTH;
    use super::super::tests::{block, magazine};
    use std::vec::Vec;

    #[test]
    fn a_closed_magazine_takes_blocks_and_gives_none() {
        let magazine = magazine(3, 1..=2);
        magazine.close(4);
        assert_eq!((magazine.pop(), magazine.count(), magazine.is_closed()), (None, 2, true));
        // SAFETY: the magazine is this test's.
        let pushed = [3, 4, 5].map(|number| unsafe { magazine.push(block(number)) });
        assert_eq!(pushed, [true, true, false]);
        assert_eq!(magazine.above(2).collect::<Vec<_>>(), [block(3), block(4)]);
        assert_eq!(magazine.glance(DEPTH).count(), 4);
        assert_eq!(magazine.take_newest(), Some(block(4)));
        magazine.open();
        let taken: Vec<_> = core::iter::from_fn(|| magazine.pop()).collect();
        assert_eq!((taken, magazine.is_closed()), ([block(3), block(2), block(1)].into(), false));
        // Empty, it is closed all the same.
        magazine.close(1);
        assert_eq!(magazine.pop(), None);
        // SAFETY: the magazine is this test's.
        assert!(unsafe { magazine.push(block(6)) });
    }
}
