//! The statistics of an allocator that is read from outside: the same figures that it would give itself.
//!
//! Does not know: what is in memory; `footprint` does.

use crate::caches::Ready;
use crate::heap::{Arena, Heap};
use crate::pool::{Blocks, Content, content};
use crate::stats::{CallCounts, Stats, ThreadStats};
use crate::target::Target;
use strata_core::layout::POOL_BYTES;

/// The state of the purge thread's word, in its lowest bits, in which there is one.
const ON_DUTY: u64 = 3;

impl<T: Target + ?Sized> Heap<'_, T> {
    /// Counts everything.
    pub fn stats(&self) -> Stats {
        self.stats_and_threads(&mut |_| {})
    }

    /// The same, and what each thread has ready.
    pub fn stats_and_threads(&self, thread: &mut dyn FnMut(ThreadStats)) -> Stats {
        let mut stats = self.counted();
        self.segments(&mut |_| stats.segments += 1);
        self.arenas(&mut |arena| stats.add_arena(arena, &self.offsets));
        let mut caches = 0;
        self.ready(
            &mut |ready| match ready {
                Ready::Block(class) => stats.take_ready_block(class),
                Ready::Run(bytes) => stats.take_ready_run(bytes),
            },
            &mut |of_thread| {
                caches += 1;
                thread(of_thread);
            },
        );
        stats.caches = caches;
        stats.resident_bytes += stats.huge_bytes + stats.huge_kept_bytes;
        stats.sum_classes();
        stats
    }

    /// What the allocator counts itself.
    fn counted(&self) -> Stats {
        let offsets = &self.offsets;
        let mut stats = Stats::zero();
        stats.reserved_bytes = self.counter(offsets.counter_reserved);
        stats.committed_bytes = self.counter(offsets.counter_committed);
        stats.pinned_bytes = self.counter(offsets.counter_pinned);
        stats.huge_blocks = self.counter(offsets.counter_huge_blocks);
        stats.huge_bytes = self.counter(offsets.counter_huge_bytes);
        stats.purged_bytes = self.counter(offsets.counter_purged);
        stats.purges = self.counter(offsets.counter_purge_calls);
        stats.huge_kept_bytes = self.word(offsets.runtime_huge_kept);
        stats.caches_ever = self.word(offsets.runtime_caches_ever);
        stats.nodes = self.word(offsets.runtime_nodes).max(1);
        stats.purge_thread_is_running = self.word(offsets.runtime_purge_thread) & 7 == ON_DUTY;
        let call = |index: u64| self.word_at(self.calls + index * 8);
        stats.calls = CallCounts {
            map: call(0),
            unmap: call(1),
            protect: call(2),
            advise: call(3),
            remap: call(4),
            failed: call(5),
        };
        stats
    }
}

impl Stats {
    fn add_arena(&mut self, arena: &Arena, offsets: &strata_core::offsets::Offsets) {
        self.arenas += 1;
        self.used_pools += u64::from(arena.used.count_ones());
        self.dirty_pools += u64::from(arena.dirty.count_ones());
        self.clean_pools += u64::from((arena.free & !arena.dirty).count_ones());
        self.lazily_purged_bytes += u64::from(arena.lazy.count_ones()) * POOL_BYTES as u64;
        if !arena.is_pinned {
            let resident = 1 + u64::from((arena.used | arena.dirty).count_ones());
            self.resident_bytes += resident * POOL_BYTES as u64;
        }
        for pool in (0..64).filter(|pool| arena.used >> pool & 1 == 1) {
            match content(arena.header(pool), offsets) {
                Content::Blocks(blocks) => self.add_pool(blocks),
                Content::Run(pools) => {
                    self.large_blocks += 1;
                    self.large_bytes += u64::from(pools) * POOL_BYTES as u64;
                }
                Content::Nothing => {}
            }
        }
    }

    fn add_pool(&mut self, blocks: Blocks) {
        if let Some(class) = self.classes.get_mut(blocks.class.index()) {
            class.pools += 1;
            class.carved_blocks += u64::from(blocks.carved);
            class.live_blocks += u64::from(blocks.live);
        }
    }
}
