//! Where every byte of the arenas is, counted by walking all pools.
//!
//! ```text
//! arena = used pools × (header + blocks in use + blocks available + quantization)  +  free pools  +  lost to alignment
//! ```
//!
//! The sum over all arenas is exact at any time, since the lock is held.
//!
//! Does not know: how the numbers are printed.

use super::address::{AddressTest, MapNodes};
use super::arena::Arena;
use super::class::ClassIndex;
use super::heap::Heap;
use super::parameters::{CLASS_COUNT_MAX, Parameters, Sizes};
use super::pool::{HEADER_BYTES, PoolRef};

/// The pools of one size class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// The length of a block.
    pub block_bytes: usize,
    /// Pools that serve this class now.
    pub pool_count: usize,
    /// Blocks that the program has.
    pub used_count: usize,
    /// Blocks of those pools that it does not have, carved or not.
    pub available_count: usize,
}

/// The state of a heap. `Display` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PymallocStats {
    /// The set of parameters.
    pub parameters: &'static str,
    /// The length of an arena.
    pub arena_bytes: usize,
    /// The length of a pool.
    pub pool_bytes: usize,
    /// How many entries of `classes` are used.
    pub class_count: usize,
    /// By size class, ascending.
    pub classes: [ClassStats; CLASS_COUNT_MAX],
    /// Arenas ever mapped.
    pub arenas_total: usize,
    /// Arenas given back.
    pub arenas_reclaimed: usize,
    /// The most arenas at one time.
    pub arenas_highest: usize,
    /// Arenas now.
    pub arenas_current: usize,
    /// Pools that serve no class: emptied, or never carved.
    pub unused_pool_count: usize,
    /// Headers of the pools in use.
    pub header_bytes: usize,
    /// Ends of pools that are too short for a block.
    pub quantization_bytes: usize,
    /// Ends of arenas that are too short for a pool.
    pub alignment_bytes: usize,
    /// Blocks of the system path.
    pub system_block_count: usize,
    /// The radix tree, outside of the arenas.
    pub map: MapNodes,
}

impl PymallocStats {
    /// The classes of the set in use.
    pub fn classes(&self) -> &[ClassStats] {
        self.classes.get(..self.class_count).unwrap_or(&self.classes)
    }

    /// Bytes of all blocks that the program has in pools, with what rounding up to the class adds.
    pub fn allocated_bytes(&self) -> usize {
        self.classes.iter().map(|class| class.used_count * class.block_bytes).sum()
    }

    /// Bytes of all blocks that pools in use could still give.
    pub fn available_bytes(&self) -> usize {
        self.classes.iter().map(|class| class.available_count * class.block_bytes).sum()
    }

    /// Bytes of pools that serve no class.
    pub fn unused_pool_bytes(&self) -> usize {
        self.unused_pool_count * self.pool_bytes
    }

    /// Every byte counted above. Equals [`mapped_bytes`](Self::mapped_bytes).
    pub fn accounted_bytes(&self) -> usize {
        self.allocated_bytes()
            + self.available_bytes()
            + self.unused_pool_bytes()
            + self.header_bytes
            + self.quantization_bytes
            + self.alignment_bytes
    }

    /// Bytes of all arenas.
    pub fn mapped_bytes(&self) -> usize {
        self.arenas_current * self.arena_bytes
    }

    /// Blocks that the program has, in pools and from the system path.
    pub fn blocks_in_use(&self) -> usize {
        self.classes.iter().map(|class| class.used_count).sum::<usize>() + self.system_block_count
    }
}

impl<P: Parameters> Heap<P> {
    pub(crate) fn stats(&self, system_block_count: usize) -> PymallocStats {
        let mut stats = self.empty_stats(system_block_count);
        for arena in self.arenas.as_slice().iter().filter(|arena| arena.base().is_some()) {
            stats.count_arena::<P>(arena);
        }
        debug_assert_eq!(stats.accounted_bytes(), stats.mapped_bytes());
        stats
    }

    fn empty_stats(&self, system_block_count: usize) -> PymallocStats {
        let mut classes = [ClassStats::default(); CLASS_COUNT_MAX];
        for class in ClassIndex::all::<P>() {
            classes[class.slot()].block_bytes = class.bytes::<P>();
        }
        let counts = self.arena_counts;
        PymallocStats {
            parameters: P::NAME,
            arena_bytes: P::ARENA_BYTES,
            pool_bytes: P::POOL_BYTES,
            class_count: P::CLASS_COUNT,
            classes,
            arenas_total: counts.total,
            arenas_reclaimed: counts.total - counts.current,
            arenas_highest: counts.highest,
            arenas_current: counts.current,
            unused_pool_count: 0,
            header_bytes: 0,
            quantization_bytes: 0,
            alignment_bytes: 0,
            system_block_count,
            map: self.addresses.nodes(),
        }
    }
}

impl PymallocStats {
    fn count_arena<P: Parameters>(&mut self, arena: &Arena) {
        self.alignment_bytes += P::ARENA_BYTES - arena.total_count() * P::POOL_BYTES;
        self.unused_pool_count += arena.free_count();
        for pool in arena.carved_pools::<P>().filter(|pool| pool.used_count() > 0) {
            self.count_pool::<P>(pool);
        }
    }

    fn count_pool<P: Parameters>(&mut self, pool: PoolRef) {
        let class = pool.class();
        let row = &mut self.classes[class.slot()];
        row.pool_count += 1;
        row.used_count += pool.used_count();
        row.available_count += class.blocks::<P>() - pool.used_count();
        self.header_bytes += HEADER_BYTES;
        self.quantization_bytes += class.quantization::<P>();
    }
}
