//! The allocator of a process, found and walked from outside.
//!
//! ```text
//!   writable data ──MAGIC──► Heap ── segments ──► arenas ──► pool headers
//!                                 ├─ huge blocks (`huge`)
//!                                 └─ caches (`caches`)
//! ```
//!
//! Every figure is one word of the process, read while it goes on working: exact when the process is quiet. What cannot be
//! read, since it went away meanwhile, is left out.
//!
//! Does not know: how memory is read; what the figures mean to a user.

use crate::pool::{Content, content, half, word};
use crate::target::{Mapping, Resident, Target};
use strata_core::layout::{ARENA_BYTES, POOL_BYTES, POOLS_PER_ARENA, USABLE_POOLS};
use strata_core::offsets::{MAGIC, Offsets, RUNTIME_ALIGN, SIGNATURE_BYTES, VERSION};
use strata_core::size_class::CLASS_COUNT;

/// Bytes that a segment's description has at most.
const SEGMENT_BYTES: usize = 8192;
const PAGE_BYTES: u64 = 4096;

/// One allocator in a process. A program that has Strata inside and runs with `libstrata.so` preloaded has two.
#[derive(Debug)]
pub struct Heap<'t, T: ?Sized> {
    pub(crate) target: &'t T,
    pub(crate) runtime: u64,
    pub(crate) calls: u64,
    pub(crate) offsets: Offsets,
}

/// What was found where an allocator's mark is.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few, for a moment, and nothing here allocates")]
pub enum Found<'t, T: ?Sized> {
    /// One that this code can read.
    Heap(Heap<'t, T>),
    /// One whose structures have this other version.
    OtherVersion(u32),
}

/// One segment's description.
#[derive(Debug)]
pub(crate) struct Segment {
    bytes: [u8; SEGMENT_BYTES],
    base: u64,
    arena_count: u32,
    pub(crate) is_pinned: bool,
    ready: u64,
}

/// One committed arena: its bits, and a copy of its pools' headers.
#[derive(Debug)]
pub(crate) struct Arena {
    pub(crate) start: u64,
    pub(crate) is_pinned: bool,
    /// Pools in use.
    pub(crate) used: u64,
    /// Free pools.
    pub(crate) free: u64,
    /// Of those, the ones that may hold something.
    pub(crate) dirty: u64,
    /// Of those, the ones that were purged with `MADV_FREE`.
    pub(crate) lazy: u64,
    /// Of the dirty ones, those that the next purge pass takes.
    pub(crate) settled: u64,
    headers: [u8; 4096],
    header_bytes: usize,
}

/// How a program came to have the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// It is a part of the program: a Rust program's global allocator, or `libstrata.a`.
    Inside,
    /// By `libstrata.so`, which was preloaded or linked.
    Library,
}

/// What becomes of a free pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreePool {
    /// It holds nothing: never used, or given back.
    Clean,
    /// The kernel takes its memory when it needs some.
    Lazy,
    /// The next purge pass gives it back.
    Due,
    /// It stays for a while, since it was in use of late, or for good.
    Kept,
}

impl Segment {
    /// Where an arena of it begins.
    fn arena(&self, index: u32) -> u64 {
        self.base + u64::from(index) * ARENA_BYTES as u64
    }
}

impl Arena {
    /// What becomes of the free pool with this bit.
    pub(crate) fn free_pool(&self, bit: u64, purges: bool) -> FreePool {
        if self.dirty & bit == 0 {
            FreePool::Clean
        } else if self.lazy & bit != 0 {
            FreePool::Lazy
        } else if purges && self.settled & bit != 0 {
            FreePool::Due
        } else {
            FreePool::Kept
        }
    }

    /// What a pool is used for.
    pub(crate) fn content(&self, pool: u32, offsets: &Offsets) -> Content {
        content(self.headers_from(pool), offsets)
    }

    /// The headers of a pool and of those behind it.
    pub(crate) fn headers_from(&self, pool: u32) -> &[u8] {
        self.headers.get(pool as usize * self.header_bytes..).unwrap_or_default()
    }
}

impl<'t, T: Target + ?Sized> Heap<'t, T> {
    /// Finds all allocators of a process. `false`: its mappings could not be listed.
    ///
    /// Reads only pages of writable data that the process has written to.
    pub fn find(target: &'t T, each: &mut dyn FnMut(Found<'t, T>)) -> bool {
        target.mappings(&mut |mapping: &Mapping<'_>| {
            if mapping.is_file && mapping.is_writable && mapping.is_private {
                target.resident(mapping.start, mapping.end, &mut |pages| Self::find_in(target, pages, each));
            }
        })
    }

    /// The allocator whose runtime lies there. `None`: none does, or it has another version.
    pub fn of_runtime(target: &'t T, runtime: u64) -> Option<Self> {
        let mut signature = [0; SIGNATURE_BYTES];
        if !target.read(runtime, &mut signature) || signature.get(..MAGIC.len()) != Some(&MAGIC) {
            return None;
        }
        match Self::at(target, runtime, &signature)? {
            Found::Heap(heap) => Some(heap),
            Found::OtherVersion(_) => None,
        }
    }

    fn find_in(target: &'t T, pages: Resident, each: &mut dyn FnMut(Found<'t, T>)) {
        target.expect(&mut core::iter::once((pages.start, (pages.end - pages.start) as usize)));
        for page in (pages.start..pages.end).step_by(PAGE_BYTES as usize) {
            let mut bytes = [0; PAGE_BYTES as usize];
            if !target.read(page, &mut bytes) {
                continue;
            }
            for at in (0..bytes.len()).step_by(RUNTIME_ALIGN) {
                if bytes.get(at..at + MAGIC.len()) == Some(&MAGIC)
                    && let Some(signature) = bytes.get(at..at + SIGNATURE_BYTES)
                    && let Some(found) = Self::at(target, page + at as u64, signature)
                {
                    each(found);
                }
            }
        }
    }

    fn at(target: &'t T, runtime: u64, signature: &[u8]) -> Option<Found<'t, T>> {
        let (place, calls) = (word(signature, 16), word(signature, 24));
        let mut bytes = [0; Offsets::WORDS * 4];
        if !target.read(place, bytes.get_mut(..8)?) {
            return None;
        }
        let (version, words) = (half(&bytes, 0), half(&bytes, 4));
        if version != VERSION || words as usize != Offsets::WORDS {
            return Some(Found::OtherVersion(version));
        }
        if !target.read(place, &mut bytes) {
            return None;
        }
        let offsets = Offsets::from_words(core::array::from_fn(|index| half(&bytes, index as u32 * 4)));
        let is_known = offsets.pool_bytes as usize == POOL_BYTES
            && offsets.arena_pools as usize == POOLS_PER_ARENA
            && offsets.class_count as usize == CLASS_COUNT
            && offsets.segment_bytes as usize <= SEGMENT_BYTES;
        Some(if is_known {
            Found::Heap(Self { target, runtime, calls, offsets })
        } else {
            Found::OtherVersion(version)
        })
    }

    /// How the program came to have it.
    pub fn linkage(&self) -> Linkage {
        let mut linkage = Linkage::Inside;
        self.target.mappings(&mut |mapping| {
            let file = mapping.name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            if (mapping.start..mapping.end).contains(&self.runtime) && file.starts_with(b"libstrata") {
                linkage = Linkage::Library;
            }
        });
        linkage
    }

    /// The address by which it is told from others of the process.
    pub fn address(&self) -> u64 {
        self.runtime
    }

    pub(crate) fn word_at(&self, address: u64) -> u64 {
        let mut bytes = [0; 8];
        if self.target.read(address, &mut bytes) { u64::from_ne_bytes(bytes) } else { 0 }
    }

    /// A word of the runtime.
    pub(crate) fn word(&self, offset: u32) -> u64 {
        self.word_at(self.runtime + u64::from(offset))
    }

    /// A counter; what wrapped below zero for a moment reads as zero.
    pub(crate) fn counter(&self, offset: u32) -> u64 {
        let value = self.word_at(self.runtime + u64::from(self.offsets.runtime_counters + offset));
        if value > u64::MAX / 2 { 0 } else { value }
    }

    /// Whether free memory waits for a purge pass, and the process gives any back.
    pub fn purges(&self) -> bool {
        self.word(self.offsets.runtime_purge_due) != 0 && self.purge_delay_ms().is_some()
    }

    /// Milliseconds that memory lies free before it goes back; `None`: never.
    pub fn purge_delay_ms(&self) -> Option<u64> {
        Some(self.word(self.offsets.runtime_purge_delay)).filter(|delay| *delay != u64::MAX)
    }

    /// When the next purge pass is due, in milliseconds of the process's `CLOCK_MONOTONIC`; `None`: nothing waits for one.
    pub fn purge_due_ms(&self) -> Option<u64> {
        Some(self.word(self.offsets.runtime_purge_due)).filter(|due| *due != 0)
    }

    /// Purge passes for which memory stays yet, since much of what went was soon wanted again; 0: none.
    pub fn backoff_passes(&self) -> u64 {
        self.word(self.offsets.runtime_backoff)
    }

    /// All segments, oldest first.
    pub(crate) fn segments(&self, each: &mut dyn FnMut(&Segment)) {
        self.places_of_segments(&mut |place| self.segment(place).iter().for_each(&mut *each));
    }

    /// Where their descriptions are.
    pub(crate) fn places_of_segments(&self, each: &mut dyn FnMut(u64)) {
        let mut slots = 64;
        let first = self.runtime + u64::from(self.offsets.runtime_segments);
        if !self.segments_in(first, slots, each) {
            return;
        }
        for chunk in 0..self.offsets.runtime_more_count {
            slots *= 64;
            let place = self.word(self.offsets.runtime_more_segments + chunk * 8);
            if place == 0 || !self.segments_in(place, slots, each) {
                return;
            }
        }
    }

    /// Slots fill from the front; `false` at the first empty one.
    fn segments_in(&self, first: u64, slots: u64, each: &mut dyn FnMut(u64)) -> bool {
        let places = (0..slots).map(|slot| self.word_at(first + slot * 8));
        let mut filled = 0;
        places.take_while(|place| *place != 0).for_each(|place| {
            filled += 1;
            each(place);
        });
        filled == slots
    }

    fn segment(&self, place: u64) -> Option<Segment> {
        let (offsets, mut bytes) = (&self.offsets, [0; SEGMENT_BYTES]);
        if !self.target.read(place, bytes.get_mut(..offsets.segment_bytes as usize)?) {
            return None;
        }
        Some(Segment {
            base: word(&bytes, offsets.segment_base),
            arena_count: half(&bytes, offsets.segment_arena_count).min(offsets.segment_arenas),
            is_pinned: bytes.get(offsets.segment_backing as usize) != Some(&0),
            ready: word(&bytes, offsets.segment_ready),
            bytes,
        })
    }

    /// The committed arenas of all segments.
    pub(crate) fn arenas(&self, each: &mut dyn FnMut(&Arena)) {
        self.segments(&mut |segment| {
            let committed = || (0..segment.arena_count).filter(|index| segment.ready >> index & 1 == 1);
            let table_bytes = POOLS_PER_ARENA * self.offsets.header_bytes as usize;
            self.target.expect(&mut committed().map(|index| (segment.arena(index), table_bytes)));
            committed().filter_map(|index| self.arena(segment, index)).for_each(|arena| each(&arena));
        });
    }

    fn arena(&self, segment: &Segment, index: u32) -> Option<Arena> {
        let of = |offset: u32| word(&segment.bytes, offset + index * 8);
        let offsets = &self.offsets;
        let free = of(offsets.segment_free) & USABLE_POOLS;
        let dirty = if segment.is_pinned { free } else { of(offsets.segment_dirty) & free };
        let mut arena = Arena {
            start: segment.arena(index),
            is_pinned: segment.is_pinned,
            used: USABLE_POOLS & !free,
            free,
            dirty,
            lazy: of(offsets.segment_lazy) & free,
            settled: of(offsets.segment_settled) & dirty,
            headers: [0; 4096],
            header_bytes: offsets.header_bytes as usize,
        };
        let table = arena.headers.get_mut(..POOLS_PER_ARENA * arena.header_bytes)?;
        self.target.read(arena.start, table).then_some(arena)
    }

    /// Bytes of the runtime's metadata outside of arenas: each mapping of caches, and of slots for segments.
    pub(crate) fn metadata(&self, each: &mut dyn FnMut(u64, u64)) {
        let offsets = &self.offsets;
        self.slabs(&mut |slab| each(slab, u64::from(offsets.slab_bytes).next_multiple_of(PAGE_BYTES)));
        let mut slots = 64_u64;
        for chunk in 0..offsets.runtime_more_count {
            slots *= 64;
            let place = self.word(offsets.runtime_more_segments + chunk * 8);
            if place != 0 {
                each(place, (slots * 8).next_multiple_of(PAGE_BYTES));
            }
        }
    }
}
