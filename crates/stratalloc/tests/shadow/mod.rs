//! What an allocator must never break, kept beside it: which addresses are whose.
//!
//! ```text
//!   address >> 22  ─►  shard: start ─► end, of each piece of a live block in that region
//! ```
//!
//! A block is entered after `alloc` returned it and taken out before it is given back, so two entries that overlap are two
//! live blocks that do.

use crate::spin::{SpinLock, Turn};
use std::collections::BTreeMap;

const REGION_SHIFT: u32 = 22;
const SHARD_COUNT: usize = 64;

type Pieces = BTreeMap<usize, usize>;

/// All live blocks.
pub(crate) struct Shadow {
    shards: [SpinLock<Pieces>; SHARD_COUNT],
}

impl Shadow {
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| SpinLock::default()) }
    }

    /// A block lives from now on.
    ///
    /// # Panics
    /// If it overlaps another.
    pub(crate) fn enter(&self, address: usize, size: usize) {
        for (start, end) in pieces(address, size) {
            let mut shard = self.shard(start);
            let before = shard.range(..end).next_back();
            if let Some((other, other_end)) = before.filter(|(_, other_end)| **other_end > start) {
                panic!("{address:#x} with {size} bytes overlaps {other:#x}..{other_end:#x}");
            }
            shard.insert(start, end);
        }
    }

    /// A block is about to be given back.
    pub(crate) fn take_out(&self, address: usize, size: usize) {
        for (start, end) in pieces(address, size) {
            assert_eq!(self.shard(start).remove(&start), Some(end));
        }
    }

    /// Live pieces of blocks.
    pub(crate) fn is_empty(&self) -> bool {
        (0..SHARD_COUNT).all(|index| self.shard(index << REGION_SHIFT).is_empty())
    }

    fn shard(&self, address: usize) -> Turn<'_, Pieces> {
        let index = (address >> REGION_SHIFT) % SHARD_COUNT;
        self.shards[index].lock()
    }
}

/// The block, cut at the regions' boundaries.
fn pieces(address: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let end = address + size;
    (address >> REGION_SHIFT..=(end - 1) >> REGION_SHIFT)
        .map(move |region| (address.max(region << REGION_SHIFT), end.min((region + 1) << REGION_SHIFT)))
}
