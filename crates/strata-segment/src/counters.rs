//! What the layer counts about itself, each number once; and the footprint, which is computed on request.
//!
//! Does not know: where anything is.

use strata_core::counters::Counter;
use strata_core::layout::POOL_BYTES;

/// What the layer counts about itself.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) reserved_bytes: Counter,
    pub(crate) committed_bytes: Counter,
    pub(crate) pinned_bytes: Counter,
    pub(crate) segments: Counter,
    pub(crate) arenas: Counter,
    pub(crate) huge_blocks: Counter,
    pub(crate) huge_bytes: Counter,
    pub(crate) purged_bytes: Counter,
    pub(crate) purged_pools: Counter,
    pub(crate) purge_calls: Counter,
    pub(crate) passes: Counter,
}

impl Counters {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                reserved_bytes: Counter::zero(),
                committed_bytes: Counter::zero(),
                pinned_bytes: Counter::zero(),
                segments: Counter::zero(),
                arenas: Counter::zero(),
                huge_blocks: Counter::zero(),
                huge_bytes: Counter::zero(),
                purged_bytes: Counter::zero(),
                purged_pools: Counter::zero(),
                purge_calls: Counter::zero(),
                passes: Counter::zero(),
            }
        }
    }

    /// The pools of an arena in this mask were given back.
    pub(crate) fn count_purged_pools(&self, pools: u64) {
        self.purged_bytes.add(u64::from(pools.count_ones()) * POOL_BYTES as u64);
        self.purged_pools.add(pools.count_ones().into());
    }
}

/// Memory on the allocator's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes that may be in memory: in use, or free and not given back; of explicit huge pages only those in use.
    pub held_bytes: u64,
    /// Bytes among those that are free: what [`PageHeap::purge_all`](crate::PageHeap::purge_all) would give back now.
    pub idle_bytes: u64,
}
