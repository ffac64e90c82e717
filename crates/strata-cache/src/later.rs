//! Blocks that were freed into pools of nobody's, here and there, wait a moment for their cache lines.
//!
//! ```text
//!   free ──► asked for, [n], [n+1], … ──sixteen frees later──► its pool
//! ```
//!
//! To give such a block back writes into it and then takes compare-and-swaps, which wait until the write is done: as long as the
//! memory takes, for each block. If the line was asked for sixteen frees ago, it is there.
//!
//! L1  A block that waits is live to its pool, whoever owns that by now; it leaves as if the program freed it then.
//! L2  They are let go after each look, when memory is short, when the thread ends or deletes a heap.
//!
//! Does not know: whether it pays; `spree` does. Decision 0021.

use crate::cache::Cache;
use core::ptr::NonNull;
use strata_core::address::UserPtr;
use strata_core::block::BlockPtr;
use strata_core::pool::Format;
use strata_core::size_class::SizeClass;
use strata_core::sync::{OwnedPtr, OwnedU32};

/// Blocks that wait.
const PLACES: usize = 16;

/// A ring of blocks; a place that is empty is null.
#[derive(Debug)]
pub(crate) struct Later {
    blocks: [OwnedPtr<u8>; PLACES],
    turn: OwnedU32,
}

impl Later {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { blocks: strata_core::each_slot!(OwnedPtr::null(); PLACES), turn: OwnedU32::zero() }
        }
    }

    /// Puts a block into the next place, and hands out what waited there.
    fn exchange(&self, block: BlockPtr) -> Option<BlockPtr> {
        let turn = self.turn.get();
        self.turn.set((turn + 1) % PLACES as u32);
        let place = self.blocks.get(turn as usize)?;
        let waited = NonNull::new(place.get());
        place.set(block.as_non_null().as_ptr());
        waited.map(BlockPtr::from_address)
    }

    /// Empties the places; writes nothing where nothing waits, as a stand-in cannot be written.
    fn drain(&self) -> impl Iterator<Item = BlockPtr> {
        self.blocks.iter().filter_map(|place| {
            let waited = NonNull::new(place.get())?;
            place.set(core::ptr::null_mut());
            Some(BlockPtr::from_address(waited))
        })
    }

    /// Blocks of a class that seem to wait: a statistic.
    pub(crate) fn glance_count(&self, class: SizeClass) -> u32 {
        let waiting = self.blocks.iter().filter_map(|place| NonNull::new(place.glance()));
        // SAFETY: a block of a pool, whose header is never unmapped.
        let format = |block: NonNull<u8>| unsafe { UserPtr::new(block).pool() }.format();
        waiting.filter(|block| format(*block) == Format::Blocks(class)).count() as u32
    }
}

impl Cache {
    /// Gives a block back to its pool, but not now: one that waited goes in its stead.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is; the block is of a pool, and the caller's to give back.
    pub(crate) unsafe fn give_later(&self, block: BlockPtr) {
        block.prefetch();
        if let Some(waited) = self.later.exchange(block) {
            // SAFETY: ours since it was given, and it waits no longer.
            unsafe { self.give_held(waited) };
        }
    }

    /// Nothing waits any longer.
    pub(crate) fn give_all_that_waits(&self) {
        for waited in self.later.drain() {
            // SAFETY: as above.
            unsafe { self.give_held(waited) };
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::identity::Runtime;
    use crate::scene::{free, new};
    use crate::spree::SPREE_POOLS;
    use std::vec::Vec;

    const BYTES: usize = 1024;
    const BLOCKS_A_POOL: usize = strata_core::layout::POOL_BYTES / BYTES;
    const POOLS: usize = 300;

    fn class() -> SizeClass {
        SizeClass::of(BYTES)
    }

    fn waiting(cache: &Cache) -> u32 {
        cache.later.glance_count(class())
    }

    /// Frees one block of each pool, then another of each, and so on: of many more pools than a cache among others keeps.
    fn free_here_and_there(cache: &Cache, blocks: &[UserPtr]) {
        for start in 0..BLOCKS_A_POOL {
            blocks.iter().skip(start).step_by(BLOCKS_A_POOL).for_each(|block| free(cache, *block, class()));
        }
    }

    #[test]
    fn blocks_freed_here_and_there_wait_a_moment_and_all_are_given_back_in_the_end() {
        static RUNTIME: Runtime = Runtime::new();
        let [cache, _] = core::array::from_fn(|_| RUNTIME.enter().unwrap());
        let blocks: Vec<_> = (0..POOLS * BLOCKS_A_POOL).map(|_| new(cache, class())).collect();
        free_here_and_there(cache, &blocks);
        assert_eq!(waiting(cache), PLACES as u32);
        // SAFETY: the caches of a test have one user.
        unsafe { cache.collect() };
        assert_eq!(waiting(cache), 0);
        assert_eq!(RUNTIME.directory.census().classes[class().index()].live_blocks, 0);
    }

    #[test]
    fn whoever_frees_pool_by_pool_waits_for_nothing() {
        static RUNTIME: Runtime = Runtime::new();
        let [cache, _] = core::array::from_fn(|_| RUNTIME.enter().unwrap());
        let blocks: Vec<_> =
            (0..2 * SPREE_POOLS as usize * BLOCKS_A_POOL).map(|_| new(cache, class())).collect();
        blocks.into_iter().rev().for_each(|block| free(cache, block, class()));
        assert_eq!(waiting(cache), 0);
    }
}
