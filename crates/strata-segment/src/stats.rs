//! Snapshots of what there is, taken by walking headers while other threads go on working (P19).
//!
//! Nothing is locked and nothing is torn: every figure is read as one word. When the program is quiet the figures are exact;
//! while it works, a pool may be counted before and its neighbour after the same event.
//!
//! Does not know: thread caches: what lies in their magazines counts as live here, and they subtract it.

pub use crate::counters::{Flows, Footprint};
use crate::segments::Segments;
use strata_core::address::{ArenaPtr, PoolIndex};
use strata_core::counters::Flowed;
use strata_core::layout::{POOL_BYTES, USABLE_POOLS};
use strata_core::masks::bits_of;
use strata_core::pool::{Format, Pool};
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// One size class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassSnapshot {
    /// Pools of the class, all those of a span among them.
    pub pools: u64,
    /// Blocks that exist: carved so far.
    pub carved_blocks: u64,
    /// Blocks not known to be free: the program's, and those in magazines.
    pub live_blocks: u64,
    /// Pools that were opened and closed.
    pub pool_flow: Flowed,
}

/// Everything the segment layer knows, in bytes and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Address space held: segments and huge mappings.
    pub reserved_bytes: u64,
    /// Of that, what may be touched.
    pub committed_bytes: u64,
    /// Of that, explicit huge pages, which stay and are no part of the process's resident memory.
    pub pinned_bytes: u64,
    /// NUMA nodes that segments are kept apart for.
    pub nodes: u64,
    /// Segments.
    pub segments: u64,
    /// Arenas committed.
    pub arenas: u64,
    /// Pools in use, for blocks or in runs.
    pub used_pools: u64,
    /// Free pools whose memory the kernel may still hold for us.
    pub dirty_pools: u64,
    /// Of those, the ones purged with `MADV_FREE`: the kernel takes their memory when it needs some.
    pub lazy_pools: u64,
    /// Free pools without memory.
    pub clean_pools: u64,
    /// Of all pools, those of ordinary memory that may be resident: in use, dirty, or full of metadata.
    pub resident_pools: u64,
    /// Large allocations, and the bytes of their runs.
    pub large_blocks: u64,
    /// Bytes of the runs of large allocations.
    pub large_bytes: u64,
    /// Huge allocations.
    pub huge_blocks: u64,
    /// Bytes of huge allocations, their headers included.
    pub huge_bytes: u64,
    /// Bytes that freed huge allocations left, kept for reuse.
    pub huge_kept_bytes: u64,
    /// Bytes given back to the OS since the start.
    pub purged_bytes: u64,
    /// Calls that gave memory of pools back.
    pub purge_calls: u64,
    /// What came and went.
    pub flows: Flows,
    /// By size class.
    pub classes: [ClassSnapshot; CLASS_COUNT],
}

impl Snapshot {
    /// Counts everything.
    pub(crate) fn of(segments: Segments<'_>, huge_kept_bytes: u64) -> Self {
        let counters = segments.counters();
        let flows = Flows::of(counters);
        let mut snapshot = Snapshot {
            reserved_bytes: flows.reserved_bytes.current,
            committed_bytes: flows.committed_bytes.current,
            pinned_bytes: counters.pinned_bytes.get(),
            nodes: segments.known_nodes(),
            segments: counters.segments.get(),
            arenas: 0,
            used_pools: 0,
            dirty_pools: 0,
            lazy_pools: 0,
            clean_pools: 0,
            resident_pools: 0,
            large_blocks: 0,
            large_bytes: 0,
            huge_blocks: flows.huge_blocks.current,
            huge_bytes: flows.huge_bytes.current,
            huge_kept_bytes,
            purged_bytes: counters.purged_bytes.get(),
            purge_calls: counters.purge_calls.get(),
            flows,
            classes: [ClassSnapshot::default(); CLASS_COUNT],
        };
        for segment in segments.iter() {
            for arena in segment.committed_arenas() {
                let free = segment.pools[arena as usize].glance();
                let dirty = if segment.is_pinned() { free } else { segment.free_with_memory(arena) & free };
                let used = USABLE_POOLS & !free;
                snapshot.arenas += 1;
                snapshot.used_pools += u64::from(used.count_ones());
                snapshot.dirty_pools += u64::from(dirty.count_ones());
                snapshot.lazy_pools += u64::from((segment.lazy(arena) & free).count_ones());
                snapshot.clean_pools += u64::from((free & !dirty).count_ones());
                if !segment.is_pinned() {
                    snapshot.resident_pools += 1 + u64::from((used | dirty).count_ones());
                }
                snapshot.count_pools(segment.arena(arena), used);
            }
        }
        snapshot
    }
}

/// The memory of pools and huge blocks, and what is free of it: of the latter, what huge blocks left.
pub(crate) fn footprint(segments: Segments<'_>, huge_kept_bytes: u64) -> Footprint {
    let pools = segments.footprint();
    Footprint {
        held_bytes: pools.held_bytes + segments.counters().huge_bytes.get() + huge_kept_bytes,
        idle_bytes: pools.idle_bytes + huge_kept_bytes,
    }
}

impl Snapshot {
    fn count_pools(&mut self, arena: ArenaPtr, used: u64) {
        for index in bits_of(used).filter_map(|bit| PoolIndex::new(bit as usize)) {
            // SAFETY: an arena that is counted as committed was initialised, and is never unmapped.
            let pool = unsafe { arena.pool(index) };
            match pool.glance_format() {
                // The first of a span has its books.
                Format::Blocks(_) if pool.glance_distance() != 0 => {}
                Format::Blocks(class) => count_pool(pool, class, &mut self.classes[class.index()]),
                Format::Run(pools) => {
                    self.large_blocks += 1;
                    self.large_bytes += u64::from(pools) * POOL_BYTES as u64;
                }
                Format::Idle => {}
            }
        }
    }
}

fn count_pool(pool: &Pool, class: SizeClass, count: &mut ClassSnapshot) {
    let carved = u64::from(pool.glance_carved().saturating_sub(pool.glance_hole_blocks()));
    let live = u64::from(pool.glance_live()).min(carved);
    let pending = u64::from(pool.remote().glance().count());
    count.pools += u64::from(class.span_pools());
    count.carved_blocks += carved;
    count.live_blocks += live.saturating_sub(pending);
}
