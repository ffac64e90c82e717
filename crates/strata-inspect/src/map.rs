//! Every pool of every arena at its address: what it is used for, and which of its pages are in memory.
//!
//! ```text
//!   arena   │ metadata │ pool 1 │ pool 2 │ …  pool 63 │      each: its use, its 16 pages in memory or not
//! ```
//!
//! Does not know: how a map is drawn or kept; sums over pools (`footprint`).

use crate::heap::{Arena, FreePool, Heap};
use crate::huge::Huge;
use crate::pool::{Content, Keeping, Tenure, keeping};
use crate::target::{Resident, Target};
use strata_core::layout::{ARENA_BYTES, POOL_BYTES};
use strata_core::offsets::Offsets;
use strata_core::pool::Pool;
use strata_core::size_class::SizeClass;

/// Pools of an arena, its metadata's included.
const POOLS: usize = ARENA_BYTES / POOL_BYTES;
const PAGE_BYTES: u64 = 4096;

/// What a pool is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolUse {
    /// It describes the arena.
    Metadata,
    /// Nothing.
    Free(FreePool),
    /// It was claimed a moment ago, or is about to be free.
    Claimed,
    /// Blocks of one size class, of larger ones with the pools behind it that go on.
    Blocks(BlockPool),
    /// It is the first of this many pools that serve one large block.
    Run(u32),
    /// It belongs to the run before it, or to the span of blocks that begins before it.
    RunGoesOn,
}

/// A pool of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockPool {
    /// The index of its size class.
    pub class: u8,
    /// Bytes of a block.
    pub block_bytes: u32,
    /// Blocks that it has room for.
    pub capacity: u32,
    /// Blocks that exist, those in given-back pages aside.
    pub carved: u32,
    /// Of those, the ones that the program or a magazine has.
    pub live: u32,
    /// The sixteenths of it that were given back.
    pub holes: u16,
    /// Whether it lay idle, so that a purge pass gave its free pages back. Only of pools that no thread owns.
    pub is_decommitted: bool,
    /// Who owns it.
    pub tenure: Tenure,
    /// The cache that last took blocks of it, as [`Heap::each_cache`] has them; 0: none did.
    pub holder: u64,
}

/// A pool at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedPool {
    /// What it is used for.
    pub used_for: PoolUse,
    /// Which of its pages of 4 KiB are in memory, the first in the lowest bit.
    pub pages: u16,
    /// Whether the kernel has some of it in transparent huge pages.
    pub in_huge_pages: bool,
}

/// An arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArenaMap {
    /// Its address.
    pub start: u64,
    /// Whether it is made of explicit huge pages, which the kernel does not count as resident.
    pub is_pinned: bool,
    /// Its pools, in the order of their addresses.
    pub pools: [MappedPool; POOLS],
}

/// Bytes of a block of each size class.
pub fn block_bytes() -> impl Iterator<Item = u32> {
    SizeClass::all().map(|class| class.block_bytes() as u32)
}

impl<T: Target + ?Sized> Heap<'_, T> {
    /// Tells of each committed arena. `false`: which pages are in memory the kernel did not say.
    pub fn map(&self, each: &mut dyn FnMut(&ArenaMap)) -> bool {
        let mut is_known = true;
        let purges = self.purges();
        self.arenas(&mut |arena| {
            let mut map = arena_map(arena, purges, &self.offsets);
            let end = arena.start + ARENA_BYTES as u64;
            is_known &=
                arena.is_pinned || self.target.resident(arena.start, end, &mut |pages| map.add_pages(pages));
            each(&map);
        });
        is_known
    }

    /// Tells of a huge block's memory, a pool's worth at a time: how many of the 16 pages are in memory, and whether in huge ones.
    pub fn map_huge(&self, huge: Huge, each: &mut dyn FnMut(u8, bool)) {
        let (mut place, mut pages, mut in_huge_pages) = (huge.start, 0_u64, false);
        let pool = POOL_BYTES as u64;
        self.target.resident(huge.start, huge.start + huge.bytes, &mut |run| {
            let mut from = run.start.max(huge.start);
            while from < run.end {
                while from >= place + pool {
                    each(pages as u8, in_huge_pages);
                    (place, pages, in_huge_pages) = (place + pool, 0, false);
                }
                let end = run.end.min(place + pool);
                pages += (end - from) / PAGE_BYTES;
                in_huge_pages |= run.in_huge_pages;
                from = end;
            }
        });
        while place < huge.start + huge.bytes {
            each(pages as u8, in_huge_pages);
            (place, pages, in_huge_pages) = (place + pool, 0, false);
        }
    }
}

fn arena_map(arena: &Arena, purges: bool, offsets: &Offsets) -> ArenaMap {
    let mut run_left = 0;
    let pools = core::array::from_fn(|index| {
        let used_for = match index {
            0 => PoolUse::Metadata,
            _ if run_left > 0 => {
                run_left -= 1;
                PoolUse::RunGoesOn
            }
            _ => pool_use(arena, index as u32, purges, offsets),
        };
        if let PoolUse::Run(pools) = used_for {
            run_left = pools - 1;
        }
        MappedPool { used_for, pages: 0, in_huge_pages: false }
    });
    ArenaMap { start: arena.start, is_pinned: arena.is_pinned, pools }
}

fn pool_use(arena: &Arena, pool: u32, purges: bool, offsets: &Offsets) -> PoolUse {
    let bit = 1 << pool;
    if arena.used & bit == 0 {
        return PoolUse::Free(arena.free_pool(bit, purges));
    }
    match arena.content(pool, offsets) {
        Content::Nothing => PoolUse::Claimed,
        Content::Behind(_) => PoolUse::RunGoesOn,
        Content::Run(pools) => PoolUse::Run(pools.clamp(1, POOLS as u32 - pool)),
        Content::Blocks(blocks) => {
            let Keeping { holes, is_decommitted, holder, tenure } =
                keeping(arena.headers_from(pool), offsets);
            PoolUse::Blocks(BlockPool {
                class: blocks.class.index() as u8,
                block_bytes: blocks.class.block_bytes() as u32,
                capacity: Pool::capacity(blocks.class),
                carved: blocks.carved,
                live: blocks.live,
                holes,
                is_decommitted,
                tenure,
                holder,
            })
        }
    }
}

impl ArenaMap {
    /// Marks a range of pages as being in memory.
    fn add_pages(&mut self, run: Resident) {
        let first = run.start.saturating_sub(self.start) / PAGE_BYTES;
        let end = run.end.saturating_sub(self.start) / PAGE_BYTES;
        for page in first..end {
            if let Some(pool) = self.pools.get_mut((page / 16) as usize) {
                pool.pages |= 1 << (page % 16);
                pool.in_huge_pages |= run.in_huge_pages;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn pages(start: u64, first: u64, end: u64) -> Resident {
        Resident {
            start: start + first * PAGE_BYTES,
            end: start + end * PAGE_BYTES,
            in_huge_pages: first == 0,
        }
    }

    #[test]
    fn pages_are_marked_in_the_pools_that_they_lie_in() {
        let pool = MappedPool { used_for: PoolUse::Claimed, pages: 0, in_huge_pages: false };
        let mut map = ArenaMap { start: 1 << 22, is_pinned: false, pools: [pool; POOLS] };
        map.add_pages(pages(1 << 22, 0, 1));
        map.add_pages(pages(1 << 22, 15, 33));
        let found: Vec<_> = map.pools.iter().take(4).map(|pool| (pool.pages, pool.in_huge_pages)).collect();
        assert_eq!(found, [(0x8001, true), (0xffff, false), (1, false), (0, false)]);
    }

    struct Pages(Vec<Resident>);

    impl Target for Pages {
        fn read(&self, _: u64, _: &mut [u8]) -> bool {
            false
        }

        fn resident(&self, start: u64, end: u64, each: &mut dyn FnMut(Resident)) -> bool {
            self.0.iter().filter(|run| run.start < end && start < run.end).for_each(|run| each(*run));
            true
        }

        fn mappings(&self, _: &mut dyn FnMut(&crate::Mapping<'_>)) -> bool {
            false
        }

        fn usage(&self, _: &mut dyn FnMut(&crate::Mapping<'_>, crate::Usage)) -> bool {
            false
        }
    }

    #[test]
    fn the_memory_of_a_huge_block_is_told_a_pool_at_a_time() {
        let start = 1 << 30;
        let target = Pages(Vec::from([pages(start, 1, 3), pages(start, 15, 17), pages(start, 48, 64)]));
        let heap = Heap { target: &target, runtime: 0, calls: 0, offsets: Offsets::of_core() };
        let mut told = Vec::new();
        heap.map_huge(Huge { start, bytes: 5 * 16 * PAGE_BYTES }, &mut |pages, _| told.push(pages));
        assert_eq!(told, [3, 1, 0, 16, 0]);
    }
}
