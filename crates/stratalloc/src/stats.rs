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
use strata_core::layout::POOL_BYTES;
use strata_inspect::{Stats, ThreadStats};
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
        for cache in RUNTIME.registry.caches() {
            cache.ready_blocks().for_each(|class| stats.take_ready_block(class));
            cache.ready_runs().for_each(|bytes| stats.take_ready_run(bytes));
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

    /// Tells what each thread, and each heap, has ready in its magazines.
    pub fn each_thread(each: impl FnMut(ThreadStats)) {
        RUNTIME.registry.caches().map(of_cache).for_each(each);
    }
}

fn of_cache(cache: &Cache) -> ThreadStats {
    let (refills, flushes) = cache.batches();
    let mut stats = ThreadStats::of_thread(cache.thread());
    stats.refills = refills;
    stats.flushes = flushes;
    let blocks = cache.ready_blocks().map(|class| class.block_bytes() as u64);
    for bytes in blocks.chain(cache.ready_runs()) {
        stats.ready_blocks += 1;
        stats.ready_bytes += bytes;
    }
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
    stats.calls = strata_os::calls();
    for (place, counted) in stats.classes_mut().iter_mut().zip(&snapshot.classes) {
        place.pools = counted.pools;
        place.carved_blocks = counted.carved_blocks;
        place.live_blocks = counted.live_blocks;
    }
    stats
}
