//! The statistics of an allocator that is read from outside: the same figures that it would give itself.
//!
//! Does not know: what is in memory; `footprint` does.

use crate::calls::CallCounts;
use crate::flow::{Flow, Flows};
use crate::heap::{Arena, Heap};
use crate::pool::{Blocks, Content};
use crate::stats::{Stats, ThreadStats};
use crate::target::Target;
use strata_core::counters::{Flowed, Held};
use strata_core::layout::POOL_BYTES;
use strata_core::offsets::Offsets;
use strata_core::size_class::SizeClass;

/// The state of the purge thread's word, in its lowest bits, in which there is one.
const ON_DUTY: u64 = 3;

impl<T: Target + ?Sized> Heap<'_, T> {
    /// Counts everything.
    pub fn stats(&self) -> Stats {
        self.stats_and_threads(&mut |_| {})
    }

    /// Bytes that may be touched.
    pub fn committed_bytes(&self) -> u64 {
        self.flow_at(self.counters() + u64::from(self.offsets.counter_committed)).current
    }

    /// Bytes of addresses that it has, usable or not.
    pub fn reserved_bytes(&self) -> u64 {
        self.flow_at(self.counters() + u64::from(self.offsets.counter_reserved)).current
    }

    fn counters(&self) -> u64 {
        self.runtime + u64::from(self.offsets.runtime_counters)
    }

    /// The same, and what each thread has ready.
    pub fn stats_and_threads(&self, thread: &mut dyn FnMut(ThreadStats)) -> Stats {
        let mut stats = self.counted();
        self.segments(&mut |_| stats.segments += 1);
        self.arenas(&mut |arena| stats.add_arena(arena, &self.offsets));
        let mut caches = 0;
        self.ready(&mut |class| stats.take_ready_block(class), &mut |of_thread| {
            caches += 1;
            thread(of_thread);
        });
        self.turnover(&mut |class, taken, returned| stats.add_turnover(class, taken, returned));
        stats.caches = caches;
        stats.resident_bytes += stats.huge_bytes + stats.huge_kept_bytes;
        stats.sum_classes();
        stats
    }

    /// What the allocator counts itself.
    fn counted(&self) -> Stats {
        let offsets = &self.offsets;
        let mut stats = Stats::zero();
        stats.flows = self.flows();
        stats.reserved_bytes = stats.flows.reserved_bytes.current;
        stats.committed_bytes = stats.flows.committed_bytes.current;
        stats.pinned_bytes = self.counter(offsets.counter_pinned);
        stats.huge_blocks = stats.flows.huge_blocks.current;
        stats.huge_bytes = stats.flows.huge_bytes.current;
        stats.purged_bytes = self.counter(offsets.counter_purged);
        stats.purges = self.counter(offsets.counter_purge_calls);
        stats.huge_kept_bytes = self.word(offsets.runtime_huge_kept);
        stats.caches_ever = self.word(offsets.runtime_caches_ever);
        stats.nodes = self.word(offsets.runtime_nodes).max(1);
        stats.purge_thread_is_running = self.word(offsets.runtime_purge_thread) & 7 == ON_DUTY;
        self.add_turnover_of_the_departed(&mut stats);
        stats.calls = CallCounts::of([0, 1, 2, 3, 4, 5].map(|index| self.word_at(self.calls + index * 8)));
        stats
    }
}

/// What came and went.
impl<T: Target + ?Sized> Heap<'_, T> {
    /// The flow of a counter, which may be amiss for a moment.
    fn flow_at(&self, place: u64) -> Flow {
        let word = |offset: u32| self.word_at(place + u64::from(offset));
        let Offsets { flow_came, flow_gone, flow_peak, .. } = self.offsets;
        let gone = word(flow_gone);
        Flow::of(word(flow_came), gone, word(flow_peak))
    }

    fn compact_flow_at(&self, place: u64) -> Flow {
        let word = |offset: u32| self.word_at(place + u64::from(offset));
        let held = Held::from_word(word(self.offsets.compact_held));
        let flowed = Flowed::of_compact(word(self.offsets.compact_came), held);
        Flow::of(flowed.came, flowed.gone, flowed.peak)
    }

    fn flows(&self) -> Flows {
        let offsets = &self.offsets;
        let of = |offset: u32| self.flow_at(self.counters() + u64::from(offset));
        Flows {
            reserved_bytes: of(offsets.counter_reserved),
            committed_bytes: of(offsets.counter_committed),
            used_pools: of(offsets.counter_pools),
            large_blocks: of(offsets.counter_large_blocks),
            large_bytes: of(offsets.counter_large_bytes),
            huge_blocks: of(offsets.counter_huge_blocks),
            huge_bytes: of(offsets.counter_huge_bytes),
            block_bytes: self.flow_at(self.runtime + u64::from(offsets.runtime_outside_bytes)),
        }
    }

    fn add_turnover_of_the_departed(&self, stats: &mut Stats) {
        let offsets = &self.offsets;
        for class in SizeClass::all() {
            let index = class.index() as u64;
            let pools = u64::from(offsets.runtime_class_pools) + index * u64::from(offsets.compact_bytes);
            let gone = u64::from(offsets.runtime_departed) + index * u64::from(offsets.departed_bytes);
            let outside = u64::from(offsets.runtime_outside) + index * u64::from(offsets.flow_bytes);
            let turnover = |offset: u32| self.word_at(self.runtime + gone + u64::from(offset));
            let (taken, returned) = (turnover(offsets.turnover_taken), turnover(offsets.turnover_returned));
            stats.add_turnover(class, taken, returned);
            if let Some(place) = stats.classes.get_mut(class.index()) {
                place.pool_flow = self.compact_flow_at(self.runtime + pools);
                place.peak_blocks = self.flow_at(self.runtime + outside).peak;
            }
        }
    }
}

impl Stats {
    fn add_arena(&mut self, arena: &Arena, offsets: &Offsets) {
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
            match arena.content(pool, offsets) {
                Content::Blocks(blocks) => self.add_pool(blocks),
                Content::Run(pools) => {
                    self.large_blocks += 1;
                    self.large_bytes += u64::from(pools) * POOL_BYTES as u64;
                }
                Content::Nothing | Content::Behind(_) => {}
            }
        }
    }

    fn add_pool(&mut self, blocks: Blocks) {
        if let Some(class) = self.classes.get_mut(blocks.class.index()) {
            class.pools += u64::from(blocks.class.span_pools());
            class.carved_blocks += u64::from(blocks.carved);
            class.live_blocks += u64::from(blocks.live);
        }
    }
}
