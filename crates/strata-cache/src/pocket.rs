//! Blocks of a page or so that go round: freed into full pools, and handed out again before their pools hear of it.
//!
//! ```text
//!   free ── its pool is nobody's? ──► pocket of the class ──► refill
//!               └── no room, or the thread only frees: the pool becomes ours (`free`)
//! ```
//!
//! A pool has some dozens of such blocks, or only two, so that one which is freed at random is mostly of a full pool. To become
//! its owner for one block, and to leave it when that block is gone again, takes two compare-and-swaps and two turns of queues.
//!
//! K1  A block in a pocket is live to its pool, whoever owns that by now; it leaves as if the program freed it then.
//! K2  A pocket holds [`MOST_OF_A_CLASS`] blocks, all together [`MOST_TOGETHER`] bytes. They are emptied after each look, when memory
//!     is short, when the thread ends, and once it freed into [`PASSED`] full pools more and wanted no block meanwhile; then
//!     they stay shut until it wants one. So a thread that only frees keeps nothing here.
//! K3  Such blocks are whole cache lines, so that no two threads share one because a block went from one to the other.
//!
//! Does not know: what a pool does with its blocks. Measured: decision 0018.

use crate::cache::Cache;
use strata_core::block::{BlockPtr, FreeList};
use strata_core::layout::POOL_BYTES;
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_core::sync::OwnedU32;

/// Blocks of fewer bytes have no pocket: their pools are full, and no longer, too rarely.
const LEAST_BYTES: usize = POOL_BYTES / 32;

/// The first class that has one.
const FIRST: usize = SizeClass::of(LEAST_BYTES).index();
/// Classes that have one; in models, none: to other threads a block in a pocket is one that the program has (K1).
pub(crate) const POCKET_COUNT: usize = if cfg!(strata_loom) { 0 } else { CLASS_COUNT - FIRST };

/// Blocks in a pocket.
const MOST_OF_A_CLASS: u32 = 8;
/// Bytes in all pockets of a thread: four pools.
const MOST_TOGETHER: u32 = 4 * POOL_BYTES as u32;
/// Frees that found no room since a block was last wanted, from which on pockets are shut.
const PASSED: u32 = 32;
/// Blocks taken from pockets between two turns of housekeeping, some of which looks at the clock.
const TURN: u32 = 16;

/// The blocks of one class that go round.
#[derive(Debug)]
pub(crate) struct Pocket {
    free: FreeList,
    count: OwnedU32,
}

impl Pocket {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { free: FreeList::new(), count: OwnedU32::zero() }
        }
    }
}

/// What is known of all pockets of a thread.
#[derive(Debug)]
pub(crate) struct Pockets {
    bytes: OwnedU32,
    passed: OwnedU32,
    taken: OwnedU32,
}

impl Pockets {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { bytes: OwnedU32::zero(), passed: OwnedU32::zero(), taken: OwnedU32::zero() }
        }
    }

    fn are_shut(&self) -> bool {
        self.passed.get() >= PASSED
    }
}

impl Cache {
    fn pocket(&self, class: SizeClass) -> Option<&Pocket> {
        self.pockets.get(class.index().checked_sub(FIRST)?)
    }

    /// A block of the class's pocket.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is.
    #[inline]
    pub(crate) unsafe fn take_pocketed(&self, class: SizeClass) -> Option<BlockPtr> {
        let pocket = self.pocket(class)?;
        self.all_pockets.passed.set(0);
        // SAFETY: the owner's list.
        let block = unsafe { pocket.free.pop() }?;
        pocket.count.set(pocket.count.get() - 1);
        self.all_pockets.bytes.set(self.all_pockets.bytes.get() - class.block_bytes() as u32);
        let taken = self.all_pockets.taken.get().wrapping_add(1);
        self.all_pockets.taken.set(taken);
        if taken.is_multiple_of(TURN) {
            self.housekeeping();
        }
        Some(block)
    }

    /// Keeps a block, if there is room for it; whether it did.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is; the block is of `class`, and the caller's to give back.
    #[inline]
    pub(crate) unsafe fn pocket_block(&self, class: SizeClass, block: BlockPtr) -> bool {
        let Some(pocket) = self.pocket(class) else { return false };
        let bytes = self.all_pockets.bytes.get() + class.block_bytes() as u32;
        if pocket.count.get() >= MOST_OF_A_CLASS || bytes > MOST_TOGETHER || self.all_pockets.are_shut() {
            self.note_passed();
            return false;
        }
        // SAFETY: the owner's list, and a block of the caller's.
        unsafe { pocket.free.push(block) };
        pocket.count.set(pocket.count.get() + 1);
        self.all_pockets.bytes.set(bytes);
        true
    }

    /// A block of a full pool found no room.
    fn note_passed(&self) {
        if self.all_pockets.are_shut() {
            return;
        }
        self.all_pockets.passed.set(self.all_pockets.passed.get() + 1);
        if self.all_pockets.are_shut() {
            self.empty_pockets();
        }
    }

    /// Gives all that is in pockets back to its pools.
    #[cold]
    #[inline(never)]
    pub(crate) fn empty_pockets(&self) {
        if self.all_pockets.bytes.get() == 0 {
            return;
        }
        self.all_pockets.bytes.set(0);
        for pocket in &self.pockets {
            pocket.count.set(0);
            // SAFETY: the owner's list, as this cache is the caller's.
            while let Some(block) = unsafe { pocket.free.pop() } {
                // SAFETY: ours, in no pocket any more.
                unsafe { self.give_held(block) };
            }
        }
    }

    /// Blocks that seem to be in the pocket of a class: a statistic.
    pub(crate) fn pocketed_blocks(&self, class: SizeClass) -> u32 {
        self.pocket(class).map_or(0, |pocket| pocket.count.glance())
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::identity::Runtime;
    use crate::scene;
    use std::vec::Vec;
    use strata_core::address::UserPtr;

    const BYTES: usize = 16384;
    const BLOCKS_A_POOL: usize = strata_core::layout::POOL_BYTES / BYTES;

    fn class() -> SizeClass {
        SizeClass::of(BYTES)
    }

    fn new(cache: &Cache) -> UserPtr {
        scene::new(cache, class())
    }

    fn free(cache: &Cache, block: UserPtr) {
        scene::free(cache, block, class());
    }

    /// So many full pools of nobody's, by the addresses of their blocks, and one more that is current.
    fn fill_pools(cache: &Cache, count: usize) -> Vec<UserPtr> {
        (0..=count * BLOCKS_A_POOL).map(|_| new(cache)).collect()
    }

    fn runtime() -> &'static Runtime {
        let runtime: &'static Runtime = std::boxed::Box::leak(std::boxed::Box::new(Runtime::new()));
        runtime.directory.set_purge_delay(u64::MAX);
        runtime
    }

    #[test]
    fn a_block_of_a_full_pool_is_handed_out_again_and_its_pool_stays_nobodys() {
        let cache = runtime().enter().unwrap();
        let blocks = fill_pools(cache, 2);
        // What is left of the current pool goes out first.
        let _rest: Vec<_> = (1..BLOCKS_A_POOL).map(|_| new(cache)).collect();
        // SAFETY: a block of a pool.
        let pool = unsafe { blocks[0].pool() };
        free(cache, blocks[0]);
        assert!(pool.owner().is_null());
        assert_eq!(cache.ready_blocks(class()), 1);
        assert_eq!(std::format!("{:?}", new(cache)), std::format!("{:?}", blocks[0]));
        assert_eq!(cache.partial_pools.get(), 0);
    }

    #[test]
    fn a_thread_that_only_frees_keeps_nothing() {
        let runtime = runtime();
        let (owner, other) = (runtime.enter().unwrap(), runtime.enter().unwrap());
        let blocks = fill_pools(owner, PASSED as usize + 2);
        blocks.into_iter().for_each(|block| free(other, block));
        assert_eq!(other.all_pockets.bytes.get(), 0);
        assert!(other.all_pockets.are_shut());
        other.flush_outbox();
        // SAFETY: the caches of a test have one user.
        unsafe { owner.collect() };
        assert_eq!(runtime.directory.census().used_pools, 0);
    }

    #[test]
    fn pockets_that_are_shut_open_when_a_block_is_wanted() {
        let cache = runtime().enter().unwrap();
        let mut blocks = fill_pools(cache, PASSED as usize + 4);
        let last = blocks.split_off((PASSED as usize + 2) * BLOCKS_A_POOL);
        blocks.into_iter().for_each(|block| free(cache, block));
        assert!(cache.all_pockets.are_shut());
        let _wanted: Vec<_> = (0..BLOCKS_A_POOL).map(|_| new(cache)).collect();
        assert!(!cache.all_pockets.are_shut());
        free(cache, last[0]);
        assert_eq!(cache.all_pockets.bytes.get(), BYTES as u32);
    }

    #[test]
    fn whoever_deletes_a_heap_has_none_of_its_blocks_in_his_pockets() {
        let runtime = runtime();
        let (heap, own) = (runtime.enter().unwrap(), runtime.enter().unwrap());
        let blocks = fill_pools(heap, 2);
        blocks.into_iter().for_each(|block| free(own, block));
        assert!(own.all_pockets.bytes.get() > 0);
        // SAFETY: the caches of a test have one user.
        unsafe { runtime.delete(heap, own) };
        assert_eq!(runtime.directory.census().used_pools, 0);
    }

    #[test]
    fn a_look_empties_the_pockets() {
        let runtime = runtime();
        let cache = runtime.enter().unwrap();
        let blocks = fill_pools(cache, 2);
        free(cache, blocks[0]);
        assert_eq!(cache.all_pockets.bytes.get(), BYTES as u32);
        runtime.directory.purge_all();
        cache.sweep_after_a_look();
        assert_eq!(cache.all_pockets.bytes.get(), 0);
        assert_eq!(cache.partial_pools.get(), 1);
    }

    #[test]
    fn a_block_whose_pool_has_another_owner_by_now_goes_there() {
        let runtime = runtime();
        let (cache, other) = (runtime.enter().unwrap(), runtime.enter().unwrap());
        let blocks = fill_pools(cache, 1);
        free(cache, blocks[0]);
        // SAFETY: a block of a pool.
        let pool = unsafe { blocks[1].pool() };
        other.all_pockets.passed.set(PASSED);
        free(other, blocks[1]);
        assert!(pool.is_owned_by(other.identity()));
        cache.empty_pockets();
        cache.flush_outbox();
        // SAFETY: the caches of a test have one user.
        unsafe { other.collect() };
        assert_eq!(pool.live(), BLOCKS_A_POOL as u32 - 2);
    }
}
