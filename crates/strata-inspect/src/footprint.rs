//! What is in memory, by what it holds: every resident byte of the allocator in exactly one place.
//!
//! The kernel says which pages are there; headers say what lies in a pool. Within a pool of blocks it is not known on which pages the
//! free ones lie, so the resident bytes are taken to hold first what is live, then what is ready or free, then what was never
//! carved. Sums over pools are exact; the parts of one pool are estimates where not all of it is there.
//!
//! Does not know: the rest of the process; what the figures mean.

use crate::heap::{Arena, FreePool, Heap};
use crate::pool::{Blocks, Content};
use crate::target::{Resident, Target};
use core::cell::Cell;
use strata_core::layout::{ARENA_BYTES, POOL_BYTES};
use strata_core::offsets::Offsets;
use strata_core::pool::Pool;
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// Pools of an arena, its metadata's included.
const POOLS: usize = ARENA_BYTES / POOL_BYTES;

/// Resident bytes of one size class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassFootprint {
    /// Of blocks that the program has.
    pub live: u64,
    /// Of blocks in magazines.
    pub ready: u64,
    /// Of free blocks.
    pub free: u64,
    /// Of what was not carved yet, or lies between blocks.
    pub uncarved: u64,
    /// Pools.
    pub pools: u64,
    /// Pools of which at most a quarter is live, and the blocks that keep them.
    pub pinned_pools: u64,
    /// Blocks that live in those.
    pub pinning_blocks: u64,
}

/// What is ready in the magazines of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadFootprint {
    /// The number that the kernel has for the thread; 0: those of all heaps together.
    pub thread: u32,
    /// Bytes.
    pub ready: u64,
}

/// Threads that are told one by one.
const TOLD_THREADS: usize = 8;

/// Resident bytes of an allocator; explicit huge pages, which the kernel does not count as resident, are not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Footprint {
    /// Pools of blocks, by size class.
    pub classes: [ClassFootprint; CLASS_COUNT],
    /// The threads that have most ready, most first.
    pub threads: [ThreadFootprint; TOLD_THREADS],
    /// Runs of large blocks.
    pub large: u64,
    /// Live huge blocks.
    pub huge: u64,
    /// What freed huge blocks left.
    pub huge_kept: u64,
    /// Free pools that stay for a while, since they were in use of late, or for good.
    pub kept: u64,
    /// Free pools that the next purge pass gives back.
    pub due: u64,
    /// Free pools that the kernel takes when it needs memory.
    pub lazy: u64,
    /// What came back into memory without being used, as a part of a huge page.
    pub returned: u64,
    /// What describes the rest.
    pub metadata: u64,
    /// Of that, what lies outside of arenas, and is no part of what the statistics say is committed.
    pub metadata_outside: u64,
    /// Of all that, in transparent huge pages.
    pub in_huge_pages: u64,
    /// Bytes of huge blocks that were found, in memory or not: as many as the allocator counts, or one was missed.
    pub huge_found: u64,
}

impl Default for Footprint {
    fn default() -> Self {
        Self {
            classes: [ClassFootprint::default(); CLASS_COUNT],
            threads: [ThreadFootprint::default(); TOLD_THREADS],
            large: 0,
            huge: 0,
            huge_kept: 0,
            kept: 0,
            due: 0,
            lazy: 0,
            returned: 0,
            metadata: 0,
            metadata_outside: 0,
            in_huge_pages: 0,
            huge_found: 0,
        }
    }
}

impl Footprint {
    /// Bytes of all classes together.
    pub fn of_classes(&self, part: impl Fn(&ClassFootprint) -> u64) -> u64 {
        self.classes.iter().map(part).sum()
    }

    /// Bytes of blocks in magazines.
    pub fn ready(&self) -> u64 {
        self.of_classes(|class| class.ready)
    }

    /// All of it.
    pub fn resident(&self) -> u64 {
        let classes = self.of_classes(|class| class.live + class.ready + class.free + class.uncarved);
        let free = self.huge_kept + self.kept + self.due + self.lazy + self.returned;
        classes + self.large + self.huge + free + self.metadata
    }
}

impl<T: Target + ?Sized> Heap<'_, T> {
    /// Adds what of this allocator is in memory. `false`: the kernel did not say.
    pub fn add_footprint(&self, footprint: &mut Footprint) -> bool {
        let mut is_known = true;
        self.arenas(&mut |arena| {
            if !arena.is_pinned {
                is_known &= self.add_arena(arena, footprint);
            }
        });
        self.take_ready(footprint);
        is_known &= self.add_huge(footprint);
        self.metadata(&mut |start, bytes| {
            let (resident, _) = self.resident_bytes(start, bytes);
            footprint.metadata += resident;
            footprint.metadata_outside += resident;
        });
        is_known
    }

    /// Resident bytes of a range, and those of them in huge pages.
    fn resident_bytes(&self, start: u64, bytes: u64) -> (u64, u64) {
        let (mut resident, mut in_huge_pages) = (0, 0);
        self.target.resident(start, start + bytes, &mut |pages| {
            resident += pages.end - pages.start;
            in_huge_pages += if pages.in_huge_pages { pages.end - pages.start } else { 0 };
        });
        (resident, in_huge_pages)
    }

    fn add_arena(&self, arena: &Arena, footprint: &mut Footprint) -> bool {
        let mut resident = [0_u64; POOLS];
        let end = arena.start + ARENA_BYTES as u64;
        let is_known = self.target.resident(arena.start, end, &mut |pages| {
            footprint.in_huge_pages += if pages.in_huge_pages { pages.end - pages.start } else { 0 };
            spread(pages, arena.start, &mut resident);
        });
        footprint.add_pools(arena, &resident, self.purges(), &self.offsets);
        is_known
    }

    /// What is in magazines is ready instead of live.
    fn take_ready(&self, footprint: &mut Footprint) {
        let (of_thread, mut threads) = (Cell::new(0), footprint.threads);
        self.ready(
            &mut |class| of_thread.set(of_thread.get() + footprint.take_ready(class)),
            &mut |thread| note_thread(&mut threads, thread.thread, of_thread.take()),
        );
        footprint.threads = threads;
    }

    fn add_huge(&self, footprint: &mut Footprint) -> bool {
        self.free_huge(&mut |piece| {
            let (resident, in_huge_pages) = self.resident_bytes(piece.start, piece.bytes);
            footprint.huge_kept += resident;
            footprint.in_huge_pages += in_huge_pages;
        });
        self.live_huge(&mut |block| {
            let (resident, in_huge_pages) = self.resident_bytes(block.start, block.bytes);
            footprint.huge += resident;
            footprint.huge_found += block.bytes;
            footprint.in_huge_pages += in_huge_pages;
        })
    }
}

/// Counts a range of pages for each pool that it lies in.
fn spread(pages: Resident, arena: u64, resident: &mut [u64; POOLS]) {
    let pool = POOL_BYTES as u64;
    let mut from = pages.start.max(arena);
    while from < pages.end {
        let index = (from - arena) / pool;
        let end = pages.end.min(arena + (index + 1) * pool);
        if let Some(place) = resident.get_mut(index as usize) {
            *place += end - from;
        }
        from = end;
    }
}

impl Footprint {
    /// Something is ready instead of live; resident bytes of it.
    fn take_ready(&mut self, class: SizeClass) -> u64 {
        let Some(place) = self.classes.get_mut(class.index()) else { return 0 };
        let bytes = place.live.min(class.block_bytes() as u64);
        place.live -= bytes;
        place.ready += bytes;
        bytes
    }

    fn add_pools(&mut self, arena: &Arena, resident: &[u64; POOLS], purges: bool, offsets: &Offsets) {
        self.metadata += resident[0];
        let mut pool = 1;
        while pool < POOLS as u32 {
            let (bytes, bit) = (resident[pool as usize], 1_u64 << pool);
            let mut length = 1;
            if arena.used & bit == 0 {
                self.add_free(arena, bit, bytes, purges);
            } else {
                let content = arena.content(pool, offsets);
                length = content.pools().clamp(1, POOLS as u32 - pool);
                let bytes = resident.iter().skip(pool as usize).take(length as usize).sum::<u64>();
                match content {
                    Content::Blocks(blocks) => self.add_blocks(blocks, bytes),
                    Content::Run(_) => self.large += bytes,
                    // Claimed a moment ago, or about to be free.
                    Content::Nothing | Content::Behind(_) => self.kept += bytes,
                }
            }
            pool += length;
        }
    }

    fn add_free(&mut self, arena: &Arena, bit: u64, bytes: u64, purges: bool) {
        *match arena.free_pool(bit, purges) {
            FreePool::Clean => &mut self.returned,
            FreePool::Lazy => &mut self.lazy,
            FreePool::Due => &mut self.due,
            FreePool::Kept => &mut self.kept,
        } += bytes;
    }

    fn add_blocks(&mut self, blocks: Blocks, resident: u64) {
        let Some(class) = self.classes.get_mut(blocks.class.index()) else { return };
        let block = blocks.class.block_bytes() as u64;
        let live = (u64::from(blocks.live) * block).min(resident);
        let free = (u64::from(blocks.carved - blocks.live) * block).min(resident - live);
        class.live += live;
        class.free += free;
        class.uncarved += resident - live - free;
        let pools = u64::from(blocks.class.span_pools());
        class.pools += pools;
        if is_pinned(blocks) {
            class.pinned_pools += pools;
            class.pinning_blocks += u64::from(blocks.live);
        }
    }
}

/// Whether few blocks keep the pool: at most a quarter of what it holds.
fn is_pinned(blocks: Blocks) -> bool {
    blocks.live * 4 <= Pool::capacity(blocks.class)
}

/// A thread has so much ready: among the threads that have most, if it is one.
fn note_thread(most: &mut [ThreadFootprint], thread: u32, ready: u64) {
    let known = most.iter().position(|other| other.thread == thread && other.ready > 0);
    let at = known.or_else(|| most.iter().position(|other| other.ready < ready));
    if let Some(behind) = at.and_then(|at| most.get_mut(at..)) {
        if known.is_none() {
            behind.rotate_right(1);
            behind[0] = ThreadFootprint { thread, ready: 0 };
        }
        behind[0].ready += ready;
        most.sort_unstable_by_key(|other| core::cmp::Reverse(other.ready));
    }
}

/// The classes of a footprint that hold most in free blocks, worst first.
pub(crate) fn worst_classes(footprint: &Footprint) -> [Option<(SizeClass, ClassFootprint)>; 3] {
    let mut worst: [Option<(SizeClass, ClassFootprint)>; 3] = [None; 3];
    for (class, of_class) in SizeClass::all().zip(&footprint.classes) {
        let held = |place: &Option<(SizeClass, ClassFootprint)>| place.map_or(0, |(_, other)| other.free);
        if let Some(at) = worst.iter().position(|place| of_class.free > held(place)) {
            worst[at..].rotate_right(1);
            worst[at] = Some((class, *of_class));
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    #[test]
    fn pages_are_counted_in_the_pools_that_they_lie_in() {
        let mut resident = [0; POOLS];
        let arena = 1 << 22;
        let pages = |first: u64, last: u64| Resident {
            start: arena + first * PAGE,
            end: arena + last * PAGE,
            in_huge_pages: false,
        };
        spread(pages(0, 2), arena, &mut resident);
        spread(pages(15, 34), arena, &mut resident);
        assert_eq!(resident[..4], [3 * PAGE, 16 * PAGE, 2 * PAGE, 0]);
    }

    #[test]
    fn every_resident_byte_of_a_pool_is_in_one_place() {
        let class = SizeClass::of(1024);
        for (carved, live, resident, expected) in [
            (64, 60, 65536, (61440, 4096, 0)),
            (64, 60, 4096, (4096, 0, 0)),
            (8, 2, 65536, (2048, 6144, 57344)),
            (8, 2, 4096, (2048, 2048, 0)),
        ] {
            let mut footprint = Footprint::default();
            footprint.add_blocks(Blocks { class, carved, live }, resident);
            let of_class = footprint.classes[class.index()];
            assert_eq!((of_class.live, of_class.free, of_class.uncarved), expected);
            assert_eq!(footprint.resident(), resident);
            assert_eq!(of_class.pinned_pools, u64::from(live == 2));
        }
    }

    #[test]
    fn the_threads_that_have_most_are_told_and_all_heaps_as_one() {
        let mut most = [ThreadFootprint::default(); 3];
        for (thread, ready) in [(7, 10), (0, 4), (8, 30), (9, 0), (0, 5), (10, 20), (0, 40)] {
            note_thread(&mut most, thread, ready);
        }
        assert_eq!(most.map(|thread| (thread.thread, thread.ready)), [(0, 40), (8, 30), (10, 20)]);
        note_thread(&mut most, 0, 2);
        assert_eq!(most[0].ready, 42);
    }

    #[test]
    fn the_worst_classes_come_first() {
        let mut footprint = Footprint::default();
        for (index, free) in [(3, 10), (5, 30), (8, 20), (9, 25)] {
            footprint.classes[index].free = free;
        }
        let worst = worst_classes(&footprint).map(|place| place.map(|(class, _)| class.index()));
        assert_eq!(worst, [Some(5), Some(9), Some(8)]);
    }
}
