//! A class that would take fresh memory gets a pool instead that another class has for nothing.
//!
//! A class's current pool stays when its last block is freed: the next allocation finds it warm. Programs that go through
//! many sizes end with dozens of such pools, each with all its pages resident; and the next size takes fresh ones. So before a
//! cache claims a pool, it looks at some of its own current ones, and turns one without a live block to the new class.
//!
//! D1  Each fresh pool that the cache claims pays for [`TURNS_A_POOL`] turns. A program that goes round through sizes, one block
//!     at a time, would else turn the same pool for each of them; so it has one for each size after the first rounds.
//!
//! Does not know: whether the memory that would be claimed is fresh. Measured in decision 0016.

use crate::cache::Cache;
use strata_core::pool::{Freed, Memory, Pool};
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// Turns that a claimed pool pays for (D1). Models count their pools.
const TURNS_A_POOL: u32 = if cfg!(strata_loom) { 0 } else { 4 };
/// What a cache saves up at most.
const MOST_TURNS: u32 = 64;
/// Classes looked at for one turn: to see whether all of a pool's blocks are free takes a walk along them.
const LOOK_AT: usize = 8;

impl Cache {
    /// A pool of `class`, current nowhere, that was another class's and had no live block.
    pub(crate) fn turn_idle(&self, class: SizeClass) -> Option<&'static Pool> {
        let turns = self.turns.get().checked_sub(1)?;
        let pool = (0..LOOK_AT).find_map(|_| self.take_idle(self.next_to_look_at(), class))?;
        self.turns.set(turns);
        self.directory().close_pool(pool);
        pool.open(class, self.identity(), Memory::Used);
        Some(pool)
    }

    /// A pool was claimed (D1).
    pub(crate) fn pay_for_turns(&self) {
        self.turns.set((self.turns.get() + TURNS_A_POOL).min(MOST_TURNS));
    }

    fn next_to_look_at(&self) -> SizeClass {
        let index = self.looked_at.get() as usize % CLASS_COUNT;
        self.looked_at.set(index as u32 + 1);
        SizeClass::from_index(index)
    }

    /// The current pool of `class`, out of its hands, if nothing in it lives and it is not what is wanted.
    fn take_idle(&self, class: SizeClass, wanted: SizeClass) -> Option<&'static Pool> {
        if class == wanted || self.list(class).free.is_empty() {
            return None;
        }
        match self.take_current(class)? {
            (pool, Freed::Empty) => Some(pool),
            (pool, Freed::StillLive) => {
                self.make_current(class, pool);
                None
            }
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::identity::Runtime;
    use crate::scene::{free, new};
    use std::vec::Vec;
    use strata_core::layout::LARGEST_CLASS_BYTES;

    /// Classes that have nothing to do with each other, nor with lenders.
    fn large_classes() -> impl Iterator<Item = SizeClass> {
        SizeClass::all().filter(|class| class.block_bytes() > 2048)
    }

    #[test]
    fn a_program_that_goes_through_all_sizes_once_has_a_few_pools() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        for class in large_classes() {
            let block = new(cache, class);
            free(cache, block, class);
        }
        let pools = RUNTIME.directory.census().used_pools;
        assert!(pools * 3 <= large_classes().count() as u64, "{pools} pools");
    }

    #[test]
    fn a_program_that_goes_round_through_sizes_has_a_pool_for_each_in_the_end() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let mut refills = Vec::new();
        for _ in 0..20 {
            let before = cache.refills.get();
            for class in large_classes() {
                let block = new(cache, class);
                free(cache, block, class);
            }
            refills.push(cache.refills.get() - before);
        }
        assert_eq!(refills.last(), Some(&0), "{refills:?}");
    }

    #[test]
    fn a_pool_with_a_live_block_stays_what_it_is() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let live: Vec<_> = large_classes().map(|class| (new(cache, class), class)).collect();
        assert_eq!(RUNTIME.directory.census().used_pools, live.len() as u64);
        for (block, class) in live {
            // SAFETY: a live block of a pool.
            let pool = unsafe { block.pool() };
            assert_eq!(pool.format(), strata_core::pool::Format::Blocks(class));
            free(cache, block, class);
        }
    }

    #[test]
    fn a_turned_pool_serves_its_new_class_in_full() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let (first, second) = (SizeClass::of(64), SizeClass::of(LARGEST_CLASS_BYTES));
        let old = new(cache, first);
        free(cache, old, first);
        let blocks = [new(cache, second), new(cache, second)];
        // SAFETY: live blocks of pools.
        let pools = blocks.map(|block| core::ptr::from_ref(unsafe { block.pool() }));
        assert_eq!(pools[0], pools[1]);
        assert_eq!(RUNTIME.directory.census().used_pools, 1);
        blocks.into_iter().for_each(|block| free(cache, block, second));
    }
}
