//! What an allocator holds and how it is used, by layer and size class: one struct, whatever filled it in.
//!
//! ```text
//!   reserved ⊇ committed = arenas (pools in use │ dirty │ clean │ metadata) + huge blocks + freed huge blocks
//!   pools in use = pools of blocks + runs of large blocks
//!   a class's carved blocks = live + ready in magazines + free
//! ```
//!
//! Totals count what passes between layers: pools claimed, blocks that went from pools to magazines, by the batch. What turns over
//! inside a magazine passes no counter, and what programs asked for is not counted: that would cost the fast path more than the
//! rest of it. So the most blocks that were live or ready at once is what threads said by the batch, to within 32 KiB each.
//!
//! Does not know: how anything is counted; the form of a table or of a text for machines.

use crate::calls::CallCounts;
use crate::flow::{Flow, Flows};
use core::fmt;
use strata_core::layout::POOL_BYTES;
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// The version of [`Stats`]: of its fields and what they mean.
pub const STATS_VERSION: u32 = 3;

/// One size class, with the blocks that serve smaller classes (a class's first few).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ClassStats {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Pools in use for the class.
    pub pools: u64,
    /// Blocks that exist: the rest of their pools has not been touched, or went back to the system.
    pub carved_blocks: u64,
    /// Blocks that the program has.
    pub live_blocks: u64,
    /// Blocks that are ready in threads' magazines.
    pub ready_blocks: u64,
    /// Its pools: the most there were, and all that were opened and closed.
    pub pool_flow: Flow,
    /// Blocks that went from pools into magazines since the start, by the batch. What turns over inside a magazine is not among them.
    pub taken_blocks: u64,
    /// Blocks that went from magazines back to pools.
    pub returned_blocks: u64,
    /// The most blocks that were outside of pools at once, live or ready: sampled, to within 32 KiB for each thread.
    pub peak_blocks: u64,
}

impl ClassStats {
    /// Blocks that are free in their pools.
    pub fn free_blocks(&self) -> u64 {
        self.carved_blocks.saturating_sub(self.live_blocks + self.ready_blocks)
    }

    /// Bytes of the blocks that the program has.
    pub fn live_bytes(&self) -> u64 {
        self.live_blocks * self.block_bytes
    }

    /// Bytes of the blocks in magazines.
    pub fn ready_bytes(&self) -> u64 {
        self.ready_blocks * self.block_bytes
    }

    /// Bytes of the blocks that went from pools into magazines since the start.
    pub fn taken_bytes(&self) -> u64 {
        self.taken_blocks * self.block_bytes
    }

    /// Bytes of those that went back.
    pub fn returned_bytes(&self) -> u64 {
        self.returned_blocks * self.block_bytes
    }

    /// Blocks that came out of pools and did not go back: live and ready ones.
    fn outside_blocks(&self) -> u64 {
        self.taken_blocks.saturating_sub(self.returned_blocks)
    }

    /// Their bytes.
    pub(crate) fn outside_bytes(&self) -> u64 {
        self.outside_blocks() * self.block_bytes
    }

    /// Bytes of the most blocks that were outside of pools at once.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_blocks * self.block_bytes
    }

    /// Bytes of its pools.
    pub fn pool_bytes(&self) -> u64 {
        self.pools * POOL_BYTES as u64
    }
}

/// What one thread, or one heap, has ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ThreadStats {
    /// The number that the kernel has for the thread; 0: a heap's. A child of `fork` has the numbers of its parent's threads.
    pub thread: u32,
    /// Blocks and short runs in its magazines.
    pub ready_blocks: u64,
    /// Their bytes.
    pub ready_bytes: u64,
    /// Batches of blocks that came, since it began.
    pub refills: u64,
    /// Times that a magazine was full, since it began.
    pub flushes: u64,
    /// Blocks that came out of pools since it began, by the batch.
    pub taken_blocks: u64,
    /// Their bytes.
    pub taken_bytes: u64,
    /// Blocks that went back to pools.
    pub returned_blocks: u64,
    /// Their bytes.
    pub returned_bytes: u64,
    /// The most that the bytes taken were above those returned: sampled, to within 32 KiB for each class.
    pub peak_bytes: u64,
}

impl ThreadStats {
    /// Nothing ready, nothing done yet.
    pub const fn of_thread(thread: u32) -> Self {
        Self {
            thread,
            ready_blocks: 0,
            ready_bytes: 0,
            refills: 0,
            flushes: 0,
            taken_blocks: 0,
            taken_bytes: 0,
            returned_blocks: 0,
            returned_bytes: 0,
            peak_bytes: 0,
        }
    }

    /// Blocks of a class came out of pools, and went back.
    #[doc(hidden)]
    pub fn add_turnover(&mut self, class: SizeClass, taken: u64, returned: u64) {
        let bytes = class.block_bytes() as u64;
        self.taken_blocks += taken;
        self.taken_bytes += taken * bytes;
        self.returned_blocks += returned;
        self.returned_bytes += returned * bytes;
    }

    /// What was sampled as the most, once what came and went is counted: it is no less than what there is.
    #[doc(hidden)]
    pub fn set_peak(&mut self, sampled: u64) {
        self.peak_bytes = sampled.max(self.taken_bytes.saturating_sub(self.returned_bytes));
    }
}

/// An allocator at one moment.
///
/// Its `Display` is a report for human readers; with feature `serde` it is `Serialize`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Whether the program's threads allocate from it. If not, nearly all figures are zero.
    pub is_global: bool,

    /// Address space held.
    pub reserved_bytes: u64,
    /// Of that, what may be touched: jemalloc says mapped.
    pub committed_bytes: u64,
    /// Of that, what may be in memory: everything in use and everything free that was not given back yet. Pages that
    /// not touched yet are counted, too; explicit huge pages are not, as in what the system says of the process.
    pub resident_bytes: u64,
    /// Of what may be touched, explicit huge pages (options `reserve_2m` and `reserve_1g`): in memory for good.
    pub pinned_bytes: u64,
    /// Of `resident_bytes`, what was purged with `MADV_FREE`: it counts as resident until the system needs memory, and takes it (option `purge`).
    pub lazily_purged_bytes: u64,
    /// Bytes given back to the system since the start; what was purged with `MADV_FREE` is not among them.
    pub purged_bytes: u64,
    /// Calls that gave memory of free pools back.
    pub purges: u64,

    /// Segments: 256 MiB of addresses, or fewer.
    pub segments: u64,
    /// NUMA nodes that segments are kept apart for; 1 where all memory is equally near, or it was not asked for yet.
    pub nodes: u64,
    /// Arenas of 4 MiB that are in use.
    pub arenas: u64,
    /// Pools of 64 KiB in use, for blocks or in large allocations.
    pub used_pools: u64,
    /// Free pools that may still be in memory.
    pub dirty_pools: u64,
    /// Free pools that have no memory.
    pub clean_pools: u64,
    /// Blocks of all size classes that the program has.
    pub live_blocks: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Large allocations: more than 256 KiB, in pools of their own.
    pub large_blocks: u64,
    /// The bytes of their pools.
    pub large_bytes: u64,
    /// Huge allocations: more than 2 MiB, each a mapping of its own or a piece of one.
    pub huge_blocks: u64,
    /// The bytes of their mappings.
    pub huge_bytes: u64,
    /// Bytes of freed mappings that wait for reuse.
    pub huge_kept_bytes: u64,

    /// Caches in use: those of threads, and those of heaps.
    pub caches: u64,
    /// Caches handed out since the start: one for each thread that ever allocated or freed, and one for each heap.
    pub caches_ever: u64,
    /// Blocks that are ready in magazines, each counted where its pool has it.
    pub ready_blocks: u64,
    /// Their bytes.
    pub ready_bytes: u64,

    /// Whether the purge thread runs, which gives memory back when no other thread calls.
    pub purge_thread_is_running: bool,

    /// What came and went, layer by layer, and the most there was.
    pub flows: Flows,
    /// System calls on memory since the start.
    pub calls: CallCounts,
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_slice"))]
    pub(crate) classes: [ClassStats; CLASS_COUNT],
}

/// An array of any length, which serde has no derived form for.
#[cfg(feature = "serde")]
fn as_slice<S: serde::Serializer>(classes: &[ClassStats], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(classes)
}

impl fmt::Debug for Stats {
    /// The totals, and the size classes that are in use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Used<'stats>(&'stats [ClassStats]);
        impl fmt::Debug for Used<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.0.iter().filter(|class| class.pools > 0)).finish()
            }
        }
        f.debug_struct("Stats")
            .field("is_global", &self.is_global)
            .field("allocated_bytes", &self.allocated_bytes())
            .field("active_bytes", &self.active_bytes())
            .field("metadata_bytes", &self.metadata_bytes())
            .field("resident_bytes", &self.resident_bytes)
            .field("committed_bytes", &self.committed_bytes)
            .field("retained_bytes", &self.retained_bytes())
            .field("purged_bytes", &self.purged_bytes)
            .field("caches", &self.caches)
            .field("ready_blocks", &self.ready_blocks)
            .field("calls", &self.calls)
            .field("classes in use", &Used(&self.classes))
            .finish_non_exhaustive()
    }
}

impl Stats {
    /// An allocator that was not used.
    pub fn zero() -> Self {
        let mut classes = [ClassStats::default(); CLASS_COUNT];
        for (class, place) in SizeClass::all().zip(&mut classes) {
            place.block_bytes = class.block_bytes() as u64;
        }
        Self {
            is_global: true,
            reserved_bytes: 0,
            committed_bytes: 0,
            resident_bytes: 0,
            pinned_bytes: 0,
            lazily_purged_bytes: 0,
            purged_bytes: 0,
            purges: 0,
            segments: 0,
            nodes: 1,
            arenas: 0,
            used_pools: 0,
            dirty_pools: 0,
            clean_pools: 0,
            live_blocks: 0,
            live_bytes: 0,
            large_blocks: 0,
            large_bytes: 0,
            huge_blocks: 0,
            huge_bytes: 0,
            huge_kept_bytes: 0,
            caches: 0,
            caches_ever: 0,
            ready_blocks: 0,
            ready_bytes: 0,
            purge_thread_is_running: false,
            flows: Flows::default(),
            calls: CallCounts::default(),
            classes,
        }
    }

    /// By size class, smallest first; also those that are not in use.
    pub fn classes(&self) -> &[ClassStats] {
        &self.classes
    }

    /// The same, to be filled in.
    #[doc(hidden)]
    pub fn classes_mut(&mut self) -> &mut [ClassStats] {
        &mut self.classes
    }

    /// Blocks of a class came out of pools, and went back.
    #[doc(hidden)]
    pub fn add_turnover(&mut self, class: SizeClass, taken: u64, returned: u64) {
        if let Some(place) = self.classes.get_mut(class.index()) {
            place.taken_blocks += taken;
            place.returned_blocks += returned;
        }
    }

    /// A block of a magazine is ready instead of live.
    #[doc(hidden)]
    pub fn take_ready_block(&mut self, class: SizeClass) {
        let Some(class) = self.classes.get_mut(class.index()).filter(|class| class.live_blocks > 0) else {
            return;
        };
        class.live_blocks -= 1;
        class.ready_blocks += 1;
        self.ready_blocks += 1;
        self.ready_bytes += class.block_bytes;
    }

    /// Adds up the classes, once all of them are filled in. A peak that was sampled is no less than what there is.
    #[doc(hidden)]
    pub fn sum_classes(&mut self) {
        for class in &mut self.classes {
            class.peak_blocks = class.peak_blocks.max(class.outside_blocks());
        }
        let [taken, returned] = [ClassStats::taken_bytes, ClassStats::returned_bytes]
            .map(|bytes| self.classes.iter().map(bytes).sum());
        self.flows.block_bytes = Flow::of(taken, returned, self.flows.block_bytes.peak);
        self.live_blocks = self.classes.iter().map(|class| class.live_blocks).sum();
        self.live_bytes = self.classes.iter().map(ClassStats::live_bytes).sum();
    }

    /// Bytes that the program has, in blocks of all sizes.
    pub fn allocated_bytes(&self) -> u64 {
        self.live_bytes + self.large_bytes + self.huge_bytes
    }

    /// Bytes of the pools and mappings in which something lives or is ready.
    pub fn active_bytes(&self) -> u64 {
        self.used_pools * POOL_BYTES as u64 + self.huge_bytes
    }

    /// Bytes of free blocks in pools in use.
    pub fn free_bytes(&self) -> u64 {
        self.classes.iter().map(|class| class.free_blocks() * class.block_bytes).sum()
    }

    /// Bytes at the start of each arena that describe it.
    pub fn metadata_bytes(&self) -> u64 {
        self.arenas * POOL_BYTES as u64
    }

    /// Addresses without memory: reserved, purged, or given back.
    pub fn retained_bytes(&self) -> u64 {
        self.reserved_bytes.saturating_sub(self.resident_bytes + self.pinned_bytes)
    }
}
