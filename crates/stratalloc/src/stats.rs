//! The statistics of this very process, counted by a walk over headers while all threads go on working.
//!
//! Nothing is locked, no thread waits, every figure is one word. When the program is quiet the figures are exact; while it works,
//! two of them may stem from either side of an event.
//!
//! ```text
//!   live = carved − on the pool's list − given back and not yet taken in (snapshot) − ready in a magazine
//! ```
//!
//! Does not know: the form of a report; `strata-inspect` does.

use crate::global::Strata;
use strata_cache::Cache;
use strata_cache::thread::RUNTIME;
use strata_core::counters::Flowed;
use strata_core::layout::POOL_BYTES;
use strata_core::size_class::SizeClass;
use strata_inspect::{CallCounts, Flow, Flows, Stats, ThreadStats};
use strata_segment::Snapshot;

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
        let mut stats = of_layers(&RUNTIME.page_heap.snapshot());
        for class in SizeClass::all() {
            let (taken, returned) = RUNTIME.departed.read(class);
            stats.add_turnover(class, taken, returned);
            if let Some(place) = stats.classes_mut().get_mut(class.index()) {
                place.peak_blocks = RUNTIME.outside.class(class).peak;
            }
        }
        stats.flows.block_bytes.peak = RUNTIME.outside.bytes().peak;
        for cache in RUNTIME.registry.caches() {
            each_turnover(cache, |class, taken, returned| stats.add_turnover(class, taken, returned));
            cache.ready_blocks().for_each(|class| stats.take_ready_block(class));
        }
        stats.sum_classes();
        stats
    }

    /// Whether the program's threads allocate from Strata: from the first allocation on if it is the `#[global_allocator]` (or
    /// linked in, or preloaded, as C's `malloc`), never if it was only built in.
    ///
    /// A program that calls the methods of [`GlobalAlloc`](core::alloc::GlobalAlloc) on [`Strata`] by hand seems the same.
    pub fn is_global() -> bool {
        RUNTIME.registry.threads() > 0
    }

    /// Has the peaks of [`Stats`] begin anew: each is what there is now. Totals stay.
    ///
    /// ```
    /// # use stratalloc::Strata;
    /// # #[global_allocator]
    /// # static GLOBAL: Strata = Strata;
    /// drop(vec![1_u8; 64 << 20]);
    /// let before = Strata::stats().flows.huge_bytes;
    /// Strata::reset_peaks();
    /// let after = Strata::stats().flows.huge_bytes;
    /// assert!(before.peak >= 64 << 20 && after.peak < 64 << 20);
    /// assert_eq!(before.total_in, after.total_in);
    /// ```
    pub fn reset_peaks() {
        RUNTIME.page_heap.reset_peaks();
        RUNTIME.outside.reset_peaks();
        RUNTIME.registry.caches().for_each(Cache::reset_outside_peak);
    }

    /// Tells what each thread, and each heap, has ready in its magazines.
    pub fn each_thread(each: impl FnMut(ThreadStats)) {
        RUNTIME.registry.owners().map(of_thread).for_each(each);
    }
}

/// Blocks that came out of pools, and went back, by class.
fn each_turnover(cache: &Cache, mut each: impl FnMut(SizeClass, u64, u64)) {
    for class in SizeClass::all() {
        let (taken, returned) = cache.turnover(class);
        each(class, taken, returned);
    }
}

/// Of a thread's cache, or a heap's, and the counting one in front of it.
fn of_thread((cache, front): (&Cache, Option<&Cache>)) -> ThreadStats {
    let (mut stats, mut peak) = (ThreadStats::of_thread(cache.thread()), 0);
    for cache in [Some(cache), front].into_iter().flatten() {
        let (refills, flushes) = cache.batches();
        stats.refills += refills;
        stats.flushes += flushes;
        each_turnover(cache, |class, taken, returned| stats.add_turnover(class, taken, returned));
        peak += cache.outside_peak();
        for class in cache.ready_blocks() {
            stats.ready_blocks += 1;
            stats.ready_bytes += class.block_bytes() as u64;
        }
    }
    stats.set_peak(peak);
    stats
}

/// All but what thread caches know.
fn of_layers(snapshot: &Snapshot) -> Stats {
    let mut stats = Stats::zero();
    stats.is_global = Strata::is_global();
    stats.reserved_bytes = snapshot.reserved_bytes;
    stats.committed_bytes = snapshot.committed_bytes;
    stats.resident_bytes =
        snapshot.resident_pools * POOL_BYTES as u64 + snapshot.huge_bytes + snapshot.huge_kept_bytes;
    stats.pinned_bytes = snapshot.pinned_bytes;
    stats.lazily_purged_bytes = snapshot.lazy_pools * POOL_BYTES as u64;
    stats.purged_bytes = snapshot.purged_bytes;
    stats.purges = snapshot.purge_calls;
    stats.segments = snapshot.segments;
    stats.nodes = snapshot.nodes;
    stats.arenas = snapshot.arenas;
    stats.used_pools = snapshot.used_pools;
    stats.dirty_pools = snapshot.dirty_pools;
    stats.clean_pools = snapshot.clean_pools;
    stats.large_blocks = snapshot.large_blocks;
    stats.large_bytes = snapshot.large_bytes;
    stats.huge_blocks = snapshot.huge_blocks;
    stats.huge_bytes = snapshot.huge_bytes;
    stats.huge_kept_bytes = snapshot.huge_kept_bytes;
    stats.caches = RUNTIME.registry.live();
    stats.caches_ever = RUNTIME.registry.ever();
    stats.purge_thread_is_running = RUNTIME.page_heap.purge_thread.is_running();
    stats.calls = CallCounts::of(strata_os::calls());
    stats.flows = of_flows(&snapshot.flows);
    for (place, counted) in stats.classes_mut().iter_mut().zip(&snapshot.classes) {
        place.pools = counted.pools;
        place.carved_blocks = counted.carved_blocks;
        place.live_blocks = counted.live_blocks;
        place.pool_flow = flow(counted.pool_flow);
    }
    stats
}

fn of_flows(counted: &strata_segment::Flows) -> Flows {
    let mut flows = Flows::default();
    flows.reserved_bytes = flow(counted.reserved_bytes);
    flows.committed_bytes = flow(counted.committed_bytes);
    flows.used_pools = flow(counted.pools);
    flows.large_blocks = flow(counted.large_blocks);
    flows.large_bytes = flow(counted.large_bytes);
    flows.huge_blocks = flow(counted.huge_blocks);
    flows.huge_bytes = flow(counted.huge_bytes);
    flows
}

fn flow(counted: Flowed) -> Flow {
    Flow::of(counted.came, counted.gone, counted.peak)
}
