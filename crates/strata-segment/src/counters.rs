//! What the layer counts about itself, each number once; and the footprint, which is computed on request.
//!
//! Does not know: where anything is.

use strata_core::counters::{CompactFlow, Counter, Flow, Flowed};
use strata_core::layout::POOL_BYTES;
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// What the layer counts about itself.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) reserved_bytes: Flow,
    pub(crate) committed_bytes: Flow,
    pub(crate) pinned_bytes: Counter,
    pub(crate) segments: Counter,
    pub(crate) arenas: Counter,
    /// Pools in use, for blocks or in runs; claims and releases that the program sees nothing of are not counted.
    pub(crate) pools: Flow,
    pub(crate) large_blocks: Flow,
    pub(crate) large_bytes: Flow,
    pub(crate) huge_blocks: Flow,
    pub(crate) huge_bytes: Flow,
    pub(crate) purged_bytes: Counter,
    pub(crate) purged_pools: Counter,
    pub(crate) purge_calls: Counter,
    pub(crate) passes: Counter,
}

impl Counters {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                reserved_bytes: Flow::zero(),
                committed_bytes: Flow::zero(),
                pinned_bytes: Counter::zero(),
                segments: Counter::zero(),
                arenas: Counter::zero(),
                pools: Flow::zero(),
                large_blocks: Flow::zero(),
                large_bytes: Flow::zero(),
                huge_blocks: Flow::zero(),
                huge_bytes: Flow::zero(),
                purged_bytes: Counter::zero(),
                purged_pools: Counter::zero(),
                purge_calls: Counter::zero(),
                passes: Counter::zero(),
            }
        }
    }

    /// Pools were claimed for blocks or a run.
    pub(crate) fn count_claimed(&self, pools: u32) {
        self.pools.add(pools.into());
    }

    /// Pools of blocks or of a run were released.
    pub(crate) fn count_released(&self, pools: u32) {
        self.pools.subtract(pools.into());
    }

    /// Bytes of pools and of huge blocks in use.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.pools.get() * POOL_BYTES as u64 + self.huge_bytes.get()
    }

    /// A run of so many pools serves a large block from now on.
    pub(crate) fn count_large(&self, pools: u32) {
        self.large_blocks.add(1);
        self.large_bytes.add(bytes_of(pools));
    }

    /// A large block has another length from now on.
    pub(crate) fn count_resized(&self, from: u32, to: u32) {
        self.large_bytes.change(bytes_of(from), bytes_of(to));
    }

    /// A run of so many pools serves no large block any more.
    pub(crate) fn count_large_gone(&self, pools: u32) {
        self.large_blocks.subtract(1);
        self.large_bytes.subtract(bytes_of(pools));
    }

    /// From now on the peaks are what there is now.
    pub(crate) fn reset_peaks(&self) {
        let bytes = [&self.reserved_bytes, &self.committed_bytes, &self.large_bytes, &self.huge_bytes];
        bytes
            .into_iter()
            .chain([&self.pools, &self.large_blocks, &self.huge_blocks])
            .for_each(Flow::reset_peak);
    }

    /// The pools of an arena in this mask were given back.
    pub(crate) fn count_purged_pools(&self, pools: u64) {
        self.purged_bytes.add(u64::from(pools.count_ones()) * POOL_BYTES as u64);
        self.purged_pools.add(pools.count_ones().into());
    }
}

/// Pools in use, by size class: counted as they are opened and closed.
#[derive(Debug)]
pub(crate) struct ClassPools {
    classes: [CompactFlow; KEPT_CLASSES],
}

/// Classes that are counted; in models none, each execution of which has words of its own.
const KEPT_CLASSES: usize = if cfg!(strata_loom) { 0 } else { CLASS_COUNT };

impl ClassPools {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { classes: strata_core::each_slot!(CompactFlow::zero(); KEPT_CLASSES) }
        }
    }

    /// A pool was opened for a class, or all of a span.
    pub(crate) fn count_opened(&self, class: SizeClass) {
        self.of(class).into_iter().for_each(|pools| pools.add(class.span_pools()));
    }

    /// A pool of a class was closed, or all of a span.
    pub(crate) fn count_closed(&self, class: SizeClass) {
        self.of(class).into_iter().for_each(|pools| pools.subtract(class.span_pools()));
    }

    /// Pools of a class in use.
    #[inline]
    pub(crate) fn current(&self, class: SizeClass) -> u32 {
        self.of(class).map_or(0, CompactFlow::get)
    }

    /// What is counted of a class.
    pub(crate) fn read(&self, class: SizeClass) -> Flowed {
        self.of(class).map_or(Flowed::default(), CompactFlow::read)
    }

    /// From now on the peaks are what there is now.
    pub(crate) fn reset_peaks(&self) {
        self.classes.iter().for_each(CompactFlow::reset_peak);
    }

    fn of(&self, class: SizeClass) -> Option<&CompactFlow> {
        self.classes.get(class.index())
    }
}

/// Bytes of so many pools.
pub(crate) fn bytes_of(pools: u32) -> u64 {
    u64::from(pools) * POOL_BYTES as u64
}

/// What came and went, layer by layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// Bytes of addresses.
    pub reserved_bytes: Flowed,
    /// Bytes that may be touched.
    pub committed_bytes: Flowed,
    /// Pools in use.
    pub pools: Flowed,
    /// Runs of large blocks.
    pub large_blocks: Flowed,
    /// Their bytes.
    pub large_bytes: Flowed,
    /// Huge blocks.
    pub huge_blocks: Flowed,
    /// The bytes of their mappings.
    pub huge_bytes: Flowed,
}

impl Flows {
    pub(crate) fn of(counters: &Counters) -> Self {
        Self {
            reserved_bytes: counters.reserved_bytes.read(),
            committed_bytes: counters.committed_bytes.read(),
            pools: counters.pools.read(),
            large_blocks: counters.large_blocks.read(),
            large_bytes: counters.large_bytes.read(),
            huge_blocks: counters.huge_blocks.read(),
            huge_bytes: counters.huge_bytes.read(),
        }
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
