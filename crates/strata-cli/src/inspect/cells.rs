//! Every pool of an allocator, and every 64 KiB of its huge blocks, as columns of numbers: what a snapshot keeps, and a map draws.
//!
//! ```text
//!   Heap ──of──► Cells ──pack──► Packed (in the snapshot's JSON) ──unpack──► Cells
//! ```
//!
//! A column is written after the other, numbers with the lowest byte first; all of them are deflated and put in base64. Like numbers
//! stand together, so 4 GiB take a few hundred KB. `map/decode.js` reads the same.
//!
//! Does not know: how it is drawn.

use std::collections::HashMap;
use std::io::{Read, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use strata_inspect::{ArenaMap, BlockPool, FreePool, Heap, Huge, MappedPool, PoolUse, Target, Tenure};

const POOL_BYTES: u64 = 64 << 10;
const ARENA_BYTES: u64 = 4 << 20;
const POOLS: usize = 64;
/// Set in `keeping` of a pool, and in `huge`: it lies in transparent huge pages.
const KEEPING_HUGE_PAGES: u8 = 1 << 4;
const IN_HUGE_PAGES: u8 = 1 << 7;
/// The most pages of a cell.
const PAGES: u8 = 16;
/// Bytes of all columns for a pool, at most: three of a byte, six of two, and its part of the nine that an arena has.
const BYTES_OF_A_POOL: usize = 16;

/// What a pool is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Metadata,
    Clean,
    Kept,
    Due,
    Lazy,
    Claimed,
    Blocks,
    Run,
    RunGoesOn,
}

/// The highest number of a [`Kind`].
const LAST_KIND: u8 = Kind::RunGoesOn as u8;

/// A cache that took blocks of pools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The number that the kernel has for the thread; 0: a heap of the program's.
    thread: u32,
    /// What the thread calls itself; empty: it has ended.
    name: String,
}

/// A range of addresses that serves one huge block, or waits to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HugeRange {
    start: u64,
    bytes: u64,
    /// Whether it waits.
    is_free: bool,
}

impl HugeRange {
    fn cells(&self) -> usize {
        self.bytes.div_ceil(POOL_BYTES) as usize
    }
}

/// The columns. All but the first two and the last have an entry for each pool of each arena.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cells {
    pub(crate) holders: Vec<Holder>,
    pub(crate) ranges: Vec<HugeRange>,
    /// Of each arena: its address.
    starts: Vec<u64>,
    /// Of each arena: 1 if it is made of explicit huge pages.
    pinned: Vec<u8>,
    /// A [`Kind`].
    kinds: Vec<u8>,
    /// The index of the size class.
    classes: Vec<u8>,
    /// Live blocks, those in magazines included; of a run the pools that it has. Of a span its first pool has all.
    live: Vec<u16>,
    /// Of those, the ones in magazines.
    ready: Vec<u16>,
    /// Blocks that exist.
    carved: Vec<u16>,
    /// The pages in memory, the first in the lowest bit.
    pages: Vec<u16>,
    /// The sixteenths that were given back.
    holes: Vec<u16>,
    /// Which of the holders last took blocks, counted from 1; 0: unknown.
    takers: Vec<u16>,
    /// Bits 0 and 1: 1 owned, 2 unowned, 3 unowned with room; 2: idle, its free pages went; 4: in transparent huge pages.
    keeping: Vec<u8>,
    /// Of each 64 KiB of each range: pages in memory, and whether in transparent huge pages.
    huge: Vec<u8>,
}

/// The columns as text, and what is needed to read them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Packed {
    arenas: usize,
    /// Bytes of a block of each class.
    block_bytes: Vec<u32>,
    holders: Vec<Holder>,
    ranges: Vec<HugeRange>,
    columns: String,
}

impl Cells {
    /// Reads an allocator; `names` are the process's threads.
    pub(crate) fn of<T: Target>(heap: &Heap<'_, T>, names: &[(u32, String)]) -> Self {
        let mut cells = Self::default();
        let mut numbers = HashMap::new();
        heap.each_cache(&mut |cache, thread| {
            let name = names.iter().find(|(number, _)| *number == thread).map(|(_, name)| name.clone());
            cells.holders.push(Holder { thread, name: name.unwrap_or_default() });
            numbers.insert(cache, u16::try_from(cells.holders.len()).unwrap_or(0));
        });
        heap.map(&mut |arena| cells.add_arena(arena, &numbers));
        cells.add_ready(heap);
        heap.free_huge(&mut |huge| cells.add_huge(heap, huge, true));
        heap.live_huge(&mut |huge| cells.add_huge(heap, huge, false));
        cells
    }

    fn add_arena(&mut self, arena: &ArenaMap, numbers: &HashMap<u64, u16>) {
        self.starts.push(arena.start);
        self.pinned.push(arena.is_pinned.into());
        for pool in &arena.pools {
            self.add_pool(pool, numbers);
        }
    }

    fn add_pool(&mut self, pool: &MappedPool, numbers: &HashMap<u64, u16>) {
        self.pages.push(pool.pages);
        self.ready.push(0);
        let mut keeping = if pool.in_huge_pages { KEEPING_HUGE_PAGES } else { 0 };
        let (mut class, mut live, mut carved, mut holes, mut taker) = (0, 0, 0, 0, 0);
        match pool.used_for {
            PoolUse::Blocks(blocks) => {
                (class, holes) = (blocks.class, blocks.holes);
                (live, carved) = (narrow(blocks.live), narrow(blocks.carved));
                taker = numbers.get(&blocks.holder).copied().unwrap_or(0);
                keeping |= tenure(&blocks) | u8::from(blocks.is_decommitted) << 2;
            }
            PoolUse::Run(pools) => live = narrow(pools),
            PoolUse::Metadata | PoolUse::Free(_) | PoolUse::Claimed | PoolUse::RunGoesOn => {}
        }
        self.kinds.push(kind(pool.used_for) as u8);
        self.classes.push(class);
        self.live.push(live);
        self.carved.push(carved);
        self.holes.push(holes);
        self.takers.push(taker);
        self.keeping.push(keeping);
    }

    /// Counts what is in magazines, at the pools that it is of, of a span at the first.
    fn add_ready<T: Target>(&mut self, heap: &Heap<'_, T>) {
        let places: HashMap<u64, usize> =
            self.starts.iter().enumerate().map(|(index, start)| (*start, index * POOLS)).collect();
        heap.each_ready(&mut |address| {
            let arena = address & !(ARENA_BYTES - 1);
            let Some(first) = places.get(&arena) else { return };
            let mut pool = first + ((address - arena) / POOL_BYTES) as usize;
            while pool > *first && self.kinds.get(pool) == Some(&(Kind::RunGoesOn as u8)) {
                pool -= 1;
            }
            let count = self.ready.get_mut(pool);
            count.into_iter().for_each(|count| *count = count.saturating_add(1));
        });
        // What the process did meanwhile.
        self.ready.iter_mut().zip(&self.live).for_each(|(ready, live)| *ready = (*ready).min(*live));
    }

    fn add_huge<T: Target>(&mut self, heap: &Heap<'_, T>, huge: Huge, is_free: bool) {
        let range = HugeRange { start: huge.start, bytes: huge.bytes, is_free };
        self.ranges.push(range);
        let end = self.huge.len() + range.cells();
        heap.map_huge(huge, &mut |pages, in_huge_pages| {
            self.huge.push(pages.min(PAGES) | if in_huge_pages { IN_HUGE_PAGES } else { 0 });
        });
        self.huge.resize(end, 0);
    }

    /// As text.
    pub(crate) fn pack(&self) -> Packed {
        let mut writer = DeflateEncoder::new(Vec::new(), Compression::default());
        let columns = [
            words(&self.starts, |number| number.to_le_bytes()),
            self.pinned.clone(),
            self.kinds.clone(),
            self.classes.clone(),
            self.keeping.clone(),
            words(&self.live, |number| number.to_le_bytes()),
            words(&self.ready, |number| number.to_le_bytes()),
            words(&self.carved, |number| number.to_le_bytes()),
            words(&self.pages, |number| number.to_le_bytes()),
            words(&self.holes, |number| number.to_le_bytes()),
            words(&self.takers, |number| number.to_le_bytes()),
            self.huge.clone(),
        ];
        let deflated = columns.iter().try_for_each(|column| writer.write_all(column));
        let deflated = deflated.and_then(|()| writer.finish()).expect("a vector takes what is written");
        Packed {
            arenas: self.starts.len(),
            block_bytes: strata_inspect::block_bytes().collect(),
            holders: self.holders.clone(),
            ranges: self.ranges.clone(),
            columns: BASE64_STANDARD.encode(deflated),
        }
    }
}

/// As many as fit; a pool has 4,096 blocks at most.
fn narrow(count: u32) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

fn words<T: Copy, const BYTES: usize>(column: &[T], bytes: impl Fn(T) -> [u8; BYTES]) -> Vec<u8> {
    column.iter().flat_map(|number| bytes(*number)).collect()
}

fn kind(used_for: PoolUse) -> Kind {
    match used_for {
        PoolUse::Metadata => Kind::Metadata,
        PoolUse::Free(FreePool::Clean) => Kind::Clean,
        PoolUse::Free(FreePool::Kept) => Kind::Kept,
        PoolUse::Free(FreePool::Due) => Kind::Due,
        PoolUse::Free(FreePool::Lazy) => Kind::Lazy,
        PoolUse::Claimed => Kind::Claimed,
        PoolUse::Blocks(_) => Kind::Blocks,
        PoolUse::Run(_) => Kind::Run,
        PoolUse::RunGoesOn => Kind::RunGoesOn,
    }
}

fn tenure(blocks: &BlockPool) -> u8 {
    match blocks.tenure {
        Tenure::Owned => 1,
        Tenure::Unowned => 2,
        Tenure::Published => 3,
    }
}

impl Packed {
    /// The columns again; `None` if they are not what [`Cells::pack`] writes.
    pub(crate) fn unpack(&self) -> Option<Cells> {
        let deflated = BASE64_STANDARD.decode(&self.columns).ok()?;
        let pools = self.arenas.checked_mul(POOLS)?;
        let huge = self.ranges.iter().try_fold(0_usize, |sum, range| sum.checked_add(range.cells()))?;
        // A damaged file may say anything: no more than that is unpacked.
        let most = pools.checked_mul(BYTES_OF_A_POOL)?.checked_add(huge)?;
        let mut bytes = Vec::new();
        DeflateDecoder::new(&*deflated).take(most as u64 + 1).read_to_end(&mut bytes).ok()?;
        let mut columns = Columns(&bytes);
        let cells = Cells {
            holders: self.holders.clone(),
            ranges: self.ranges.clone(),
            starts: columns.take(self.arenas, u64::from_le_bytes)?,
            pinned: columns.bytes(self.arenas)?,
            kinds: columns.bytes(pools)?,
            classes: columns.bytes(pools)?,
            keeping: columns.bytes(pools)?,
            live: columns.take(pools, u16::from_le_bytes)?,
            ready: columns.take(pools, u16::from_le_bytes)?,
            carved: columns.take(pools, u16::from_le_bytes)?,
            pages: columns.take(pools, u16::from_le_bytes)?,
            holes: columns.take(pools, u16::from_le_bytes)?,
            takers: columns.take(pools, u16::from_le_bytes)?,
            huge: columns.bytes(huge)?,
        };
        let is_known = cells.kinds.iter().all(|kind| *kind <= LAST_KIND)
            && cells.classes.iter().all(|class| usize::from(*class) < self.block_bytes.len())
            && cells.takers.iter().all(|taker| usize::from(*taker) <= self.holders.len());
        (columns.0.is_empty() && is_known).then_some(cells)
    }
}

/// What is left to read.
struct Columns<'a>(&'a [u8]);

impl Columns<'_> {
    fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        let (column, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(column.to_vec())
    }

    fn take<T, const BYTES: usize>(&mut self, count: usize, number: fn([u8; BYTES]) -> T) -> Option<Vec<T>> {
        let column = self.bytes(count.checked_mul(BYTES)?)?;
        Some(column.as_chunks().0.iter().map(|bytes| number(*bytes)).collect())
    }
}

#[cfg(test)]
#[path = "cells_tests.rs"]
pub(crate) mod tests;
