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
}
