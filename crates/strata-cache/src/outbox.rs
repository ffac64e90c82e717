//! Blocks of other threads' pools, collected by pool until a chain is worth a compare-and-swap.
//!
//! ```text
//!   slot = hash(pool) ─► { pool, head ─► … ─► tail, count }     another pool in the slot: that chain is posted first
//! ```
//!
//! I1  A slot's chain holds at most `chain_limit(class)` blocks: 64 or 16 KiB, whichever is less. So a thread holds back at
//!     most 16 chains: 1,024 blocks or 256 KiB, and keeps at most 16 pools from being given back.
//! I2  Posted chains are found by the owner, or make this thread the owner of a pool that was left meanwhile.
//!
//! Owner: the cache. Flushed on eviction, every so many refills, and at thread exit.
//!
//! Does not know: who the owner is. Idea: remote caches (Liétar et al. 2019, snmalloc).

use crate::cache::Cache;
use strata_core::block::{BlockPtr, Chain, Link};
use strata_core::layout::HEADER_SHIFT;
use strata_core::pool::{Format, Pool, Pushed};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::OUTBOX_EVICTS;
use strata_core::sync::{OwnedPtr, OwnedU32};

/// Chains at a time.
const SLOT_COUNT: usize = if cfg!(strata_loom) { 1 } else { 16 };
/// Blocks in a chain at most.
const CHAIN_BLOCKS: usize = if cfg!(strata_loom) { 2 } else { 64 };
/// Bytes in a chain at most, unless one block is larger.
const CHAIN_BYTES: usize = 16 << 10;

#[derive(Debug)]
struct Slot {
    pool: OwnedPtr<Pool>,
    head: OwnedPtr<Link>,
    tail: OwnedPtr<Link>,
    count: OwnedU32,
}

/// All chains of a cache.
#[derive(Debug)]
pub(crate) struct Outbox {
    slots: [Slot; SLOT_COUNT],
}

impl Outbox {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                slots: strata_core::each_slot!(
                    Slot {
                        pool: OwnedPtr::null(),
                        head: OwnedPtr::null(),
                        tail: OwnedPtr::null(),
                        count: OwnedU32::zero(),
                    };
                    SLOT_COUNT
                ),
            }
        }
    }

    fn slot_of(&self, pool: &Pool) -> &Slot {
        let index = (core::ptr::from_ref(pool).addr() >> HEADER_SHIFT) & (SLOT_COUNT - 1);
        &self.slots[index]
    }
}

impl Slot {
    /// Takes the chain out, with its pool.
    fn take(&self) -> Option<(&'static Pool, Chain)> {
        // SAFETY: a pool in a slot has live blocks, those in the chain, so it is still a pool of its class.
        let pool = unsafe { self.pool.get().as_ref() }?;
        let (head, tail) = (BlockPtr::from_link(self.head.get())?, BlockPtr::from_link(self.tail.get())?);
        self.pool.set(core::ptr::null_mut());
        Some((pool, Chain { head, tail, count: self.count.get() }))
    }

    fn start(&self, pool: &'static Pool, block: BlockPtr) {
        self.pool.set(core::ptr::from_ref(pool).cast_mut());
        self.head.set(block.as_link());
        self.tail.set(block.as_link());
        self.count.set(1);
    }
}

/// How long a chain grows (I1).
fn chain_limit(class: SizeClass) -> u32 {
    (CHAIN_BYTES / class.block_bytes()).clamp(1, CHAIN_BLOCKS) as u32
}

impl Cache {
    /// Puts a block of another thread's pool into the outbox.
    ///
    /// # Safety
    /// - The caller is this cache's thread; the block is of `pool` (of `class`), and the caller's to give back.
    pub(crate) unsafe fn post(&self, pool: &'static Pool, class: SizeClass, block: BlockPtr) {
        let slot = self.outbox.slot_of(pool);
        if slot.pool.get().cast_const() == core::ptr::from_ref(pool) {
            // SAFETY: the caller's block.
            unsafe { block.set_next(slot.head.get()) };
            slot.head.set(block.as_link());
            slot.count.set(slot.count.get() + 1);
        } else {
            if OUTBOX_EVICTS {
                self.flush_slot(slot);
            }
            slot.start(pool, block);
        }
        if slot.count.get() >= chain_limit(class) {
            self.flush_slot(slot);
        }
    }

    /// Posts everything.
    pub(crate) fn flush_outbox(&self) {
        for slot in &self.outbox.slots {
            self.flush_slot(slot);
        }
    }

    fn flush_slot(&self, slot: &Slot) {
        let Some((pool, chain)) = slot.take() else { return };
        // SAFETY: the chain's blocks are this thread's to give back.
        if let Pushed::Claimed = unsafe { pool.remote().push(pool, &chain) }
            && let Format::Blocks(class) = pool.format()
        {
            // SAFETY: claimed just now, and the chain is still ours (I2).
            unsafe { self.take_over(pool, class, chain) };
        }
    }

    /// Blocks that seem to wait in the outbox, chain by chain: a statistic, exact when the owner is quiet.
    pub fn glance_posted(&self) -> impl Iterator<Item = (SizeClass, u32)> {
        self.outbox.slots.iter().filter_map(|slot| {
            // SAFETY: pool headers are never unmapped, whatever the slot held.
            let pool = unsafe { slot.pool.glance().as_ref() }?;
            match pool.glance_format() {
                Format::Blocks(class) => Some((class, slot.count.glance().min(Pool::capacity(class)))),
                Format::Idle | Format::Run(_) => None,
            }
        })
    }

    /// Blocks that wait in the outbox.
    #[cfg(test)]
    pub(crate) fn posted_blocks(&self) -> u32 {
        self.outbox.slots.iter().filter(|slot| !slot.pool.get().is_null()).map(|slot| slot.count.get()).sum()
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn chains_are_bounded_in_blocks_and_bytes() {
        for class in SizeClass::all() {
            let limit = chain_limit(class) as usize;
            assert!((1..=CHAIN_BLOCKS).contains(&limit));
            assert!(limit == 1 || limit * class.block_bytes() <= CHAIN_BYTES);
        }
    }

    use crate::identity::Runtime;
    use crate::scene::{free, new};
    use std::vec::Vec;
    use strata_core::address::UserPtr;

    fn pool_of(block: UserPtr) -> &'static Pool {
        // SAFETY: a block of a pool.
        unsafe { block.pool() }
    }

    #[test]
    fn a_chain_waits_until_it_is_worth_the_exchange() {
        static RUNTIME: Runtime = Runtime::new();
        let (owner, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        let class = SizeClass::of(1024);
        let limit = chain_limit(class);
        let blocks: Vec<_> = (0..limit).map(|_| new(owner, class)).collect();
        let pool = pool_of(blocks[0]);
        for (index, block) in blocks.into_iter().enumerate() {
            assert_eq!((other.posted_blocks(), pool.remote().glance().count()), (index as u32, 0));
            free(other, block, class);
        }
        assert_eq!((other.posted_blocks(), pool.remote().glance().count()), (0, limit));
    }

    #[test]
    fn a_chain_for_another_pool_in_the_same_slot_is_posted_first() {
        static RUNTIME: Runtime = Runtime::new();
        let (owner, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        // Twenty pools of sixteen blocks: more pools than slots.
        let class = SizeClass::of(4096);
        let blocks: Vec<_> = (0..20 * 16).map(|_| new(owner, class)).collect();
        let slot = |block: &UserPtr| core::ptr::from_ref(other.outbox.slot_of(pool_of(*block))).addr();
        let first = *blocks.last().unwrap();
        let same_slot = |block: &&UserPtr| {
            slot(block) == slot(&first) && !core::ptr::eq(pool_of(**block), pool_of(first))
        };
        let second = *blocks.iter().find(same_slot).unwrap();
        free(other, first, class);
        assert_eq!(pool_of(first).remote().glance().count(), 0);
        // SAFETY: ours to give back.
        let block = unsafe { second.block() };
        // SAFETY: a block of this pool, of this class.
        unsafe { other.post(pool_of(second), class, block) };
        assert_eq!(pool_of(first).remote().glance().count(), 1);
        assert_eq!(other.posted_blocks(), 1);
    }

    #[test]
    fn a_chain_for_a_pool_that_was_left_meanwhile_makes_the_poster_its_owner() {
        static RUNTIME: Runtime = Runtime::new();
        let (owner, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        let class = SizeClass::of(1024);
        let (stays, goes) = (new(owner, class), new(owner, class));
        free(other, goes, class);
        // SAFETY: the test uses the owner's cache no more.
        unsafe { RUNTIME.leave(owner) };
        assert!(!pool_of(stays).is_owned_by(other.identity()));
        other.flush_outbox();
        assert!(pool_of(stays).is_owned_by(other.identity()));
        assert_eq!((pool_of(stays).live(), other.partial_pools.get()), (1, 1));
    }

    /// What an empty pool costs on its way back: its bit, the summary above it, the fence, the purge clock.
    const EXCHANGES_OF_A_RELEASE: usize = 4;

    #[test]
    fn remote_frees_in_runs_cost_at_most_a_tenth_of_an_exchange_each() {
        static RUNTIME: Runtime = Runtime::new();
        let (owner, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        let class = SizeClass::of(48);
        // Four pools that were left full, and one that its owner still allocates from.
        let blocks: Vec<_> = (0..4 * Pool::capacity(class) + 640).map(|_| new(owner, class)).collect();
        let word = |block: UserPtr| std::format!("{:?}", pool_of(block).remote().glance());
        let mut exchanges = 5 * EXCHANGES_OF_A_RELEASE;
        for block in &blocks {
            let before = word(*block);
            free(other, *block, class);
            exchanges += usize::from(word(*block) != before);
        }
        other.flush_outbox();
        exchanges += 1;
        // The owner takes everything in with its next refills: at most one exchange for each that was made.
        exchanges *= 2;
        assert!(exchanges * 10 <= blocks.len(), "{exchanges} exchanges for {} frees", blocks.len());
    }
}
