//! What the allocator holds and how it is used, by layer and size class.
//!
//! Read by walking headers while everybody goes on working: nothing is locked, nobody waits, every figure is one word.
//! When the program is quiet the figures are exact; while it works, two of them may stem from either side of an event.
//! What programs asked for is not counted: that would cost the fast path more than the rest of it.
//!
//! ```text
//!   live = carved − on the pool's list − given back and not yet taken in (snapshot) − ready in a magazine
//! ```
//!
//! Does not know: how a report looks; `report` does.

use crate::global::Strata;
use strata_cache::thread::RUNTIME;
use strata_core::layout::POOL_BYTES;
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_os::CallCounts;
use strata_segment::Snapshot;

/// One size class, with the blocks that serve smaller classes (a class's first few).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Pools in use for the class.
    pub pools: u64,
    /// Blocks that exist: the rest of their pools has not been touched.
    pub carved_blocks: u64,
    /// Blocks that the program has.
    pub live_blocks: u64,
}

/// The allocator at one moment: [`Strata::stats`].
///
/// Its `Display` is a report for human readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Address space held.
    pub reserved_bytes: u64,
    /// Of that, what may be touched.
    pub committed_bytes: u64,
    /// Of that, what may be in memory: everything in use and everything free that was not given back yet. Pages that
    /// nobody touched yet are counted, too; explicit huge pages are not, as in what the system says of the process.
    pub resident_bytes: u64,
    /// Of what may be touched, explicit huge pages (options `reserve_2m` and `reserve_1g`): in memory for good.
    pub pinned_bytes: u64,
    /// Of `resident_bytes`, what was purged lazily: it counts as resident until the system needs memory, and takes it (option `purge`).
    pub lazily_purged_bytes: u64,
    /// Bytes given back to the system since the start; what was purged lazily is not among them.
    pub purged_bytes: u64,
    /// Calls that gave memory of free pools back.
    pub purges: u64,

    /// Segments: 256 MiB of addresses, or fewer.
    pub segments: u64,
    /// NUMA nodes that segments are kept apart for; 1 where all memory is equally near, or nobody had to ask yet.
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
    /// Large allocations: more than 32 KiB, in pools of their own.
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
    /// Blocks and short runs that are ready in magazines, each counted where its pool has it.
    pub ready_blocks: u64,

    /// Whether the purge thread runs, which gives memory back when no other thread calls.
    pub purge_thread_is_running: bool,

    /// System calls on memory since the start.
    pub calls: CallCounts,
    /// By size class, smallest first.
    pub classes: [ClassStats; CLASS_COUNT],
}

impl Strata {
    /// Counts everything: some microseconds for each arena and thread.
    ///
    /// ```
    /// use stratalloc::Strata;
    ///
    /// #[global_allocator]
    /// static GLOBAL: Strata = Strata;
    ///
    /// fn main() {
    ///     let before = Strata::stats();
    ///     let pages = [0; 10].map(|_| Box::new([0_u8; 4096]));
    ///     let after = Strata::stats();
    ///     assert_eq!(after.live_blocks - before.live_blocks, 10);
    ///     assert_eq!(after.live_bytes - before.live_bytes, 10 * 4096);
    ///     println!("{after}");
    ///     drop(pages);
    /// }
    /// ```
    pub fn stats() -> Stats {
        let snapshot = RUNTIME.directory.snapshot();
        let mut stats = Stats::of_snapshot(&snapshot);
        for cache in RUNTIME.registry.caches() {
            for class in cache.ready_blocks() {
                stats.ready_blocks += stats.take_out(class);
            }
            for bytes in cache.ready_runs() {
                stats.large_blocks = stats.large_blocks.saturating_sub(1);
                stats.large_bytes = stats.large_bytes.saturating_sub(bytes);
                stats.ready_blocks += 1;
            }
        }
        stats.live_blocks = stats.classes.iter().map(|class| class.live_blocks).sum();
        stats.live_bytes = stats.classes.iter().map(|class| class.live_blocks * class.block_bytes).sum();
        stats
    }
}

impl Stats {
    /// All but what thread caches know.
    fn of_snapshot(snapshot: &Snapshot) -> Self {
        let mut stats = Self {
            reserved_bytes: snapshot.reserved_bytes,
            committed_bytes: snapshot.committed_bytes,
            resident_bytes: snapshot.resident_pools * POOL_BYTES as u64
                + snapshot.huge_bytes
                + snapshot.huge_kept_bytes,
            pinned_bytes: snapshot.pinned_bytes,
            lazily_purged_bytes: snapshot.lazy_pools * POOL_BYTES as u64,
            purged_bytes: snapshot.purged_bytes,
            purges: snapshot.purge_calls,
            segments: snapshot.segments,
            nodes: snapshot.nodes,
            arenas: snapshot.arenas,
            used_pools: snapshot.used_pools,
            dirty_pools: snapshot.dirty_pools,
            clean_pools: snapshot.clean_pools,
            live_blocks: 0,
            live_bytes: 0,
            large_blocks: snapshot.large_blocks,
            large_bytes: snapshot.large_bytes,
            huge_blocks: snapshot.huge_blocks,
            huge_bytes: snapshot.huge_bytes,
            huge_kept_bytes: snapshot.huge_kept_bytes,
            caches: RUNTIME.registry.live(),
            caches_ever: RUNTIME.registry.ever(),
            ready_blocks: 0,
            purge_thread_is_running: RUNTIME.directory.purge_thread.is_running(),
            calls: strata_os::calls(),
            classes: [ClassStats::default(); CLASS_COUNT],
        };
        for ((class, counted), place) in SizeClass::all().zip(&snapshot.classes).zip(&mut stats.classes) {
            *place = ClassStats {
                block_bytes: class.block_bytes() as u64,
                pools: counted.pools,
                carved_blocks: counted.carved_blocks,
                live_blocks: counted.live_blocks,
            };
        }
        stats
    }

    /// Counts a block that a magazine holds out of those that seem to live; how many that were.
    fn take_out(&mut self, class: SizeClass) -> u64 {
        let Some(place) = self.classes.get_mut(class.index()) else { return 0 };
        let count = 1.min(place.live_blocks);
        place.live_blocks -= count;
        count
    }
}
