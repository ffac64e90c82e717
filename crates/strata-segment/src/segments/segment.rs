//! A segment: up to 64 arenas side by side in reserved address space, and the words that hand out their pools.
//!
//! ```text
//!   arena 0                                arena 1            …   arena 63
//!   ├ headers │ bits │ Segment │ pools … ┼ headers │ bits … ┼  not committed until claimed
//!                       ▲ this struct, in the metadata pool of the segment's first arena
//! ```
//!
//! | word            | bit set means                                                      | changed by                  |
//! |-----------------|--------------------------------------------------------------------|-----------------------------|
//! | `arenas`        | the arena was never claimed: only reserved                         | `claim`                     |
//! | `ready`         | the arena is committed and its headers are initialised             | `init_arena`                |
//! | `open`          | (hint) the arena has free pools                                    | `claim`, `release`          |
//! | `runs`          | (hint) some arena has so many free pools side by side              | `claim`, `release`, `purge` |
//! | `pools[a]`      | the pool is free                                                   | `claim`, `release`, `purge` |
//! | `dirty[a]`      | the pool's memory may hold something                               | `release`, `purge`          |
//! | `lazy[a]`       | it was purged with `MADV_FREE`: resident until the kernel takes it | `release`, `purge`          |
//! | `idle_once[a]`  | (hint) the pool is free and dirty since the last pass              | `purge`, `claim`            |
//! | `idle_twice[a]` | (hint) or since the one before                                     | `purge`, `claim`            |
//! | `vacant`        | the arena's addresses were given back                              | `vacancy`                   |
//! | `absent`        | … and others may have them                                         | `vacancy`                   |
//! | `born`          | the arena was ready once: its headers are there for good           | `init_arena`                |
//! | `advised`       | the arena may get huge pages (`advised` H1)                        | `add_arena`, `purge`        |
//! | `abandoned[c]`  | (hint) the arena has unowned pools of class c with room            | `publish`, `adopt`          |
//!
//! A segment in explicit huge pages (`Backing::Hugetlb`) has all its arenas from the start, and keeps its memory for good.
//!
//! I1  `dirty` of a pool is changed only by the thread that claimed the pool: it is set before the claim is given back, cleared by
//!     the purge that holds it. A claimer therefore knows whether the memory is as the kernel zeroed it. The same holds for `lazy`: it is
//!     set by a purge with `MADV_FREE` and cleared when the claim of the next user is given back, or by a purge. What is lazy is dirty.
//!
//! Does not know: other segments.

use super::findable::ALL_RUNS;
use crate::segments::index::{Index, Kind};
use crate::segments::numa::Locality;
use core::mem::offset_of;
use core::ptr::NonNull;
use strata_core::address::{ArenaPtr, PoolIndex};
use strata_core::arena::{self, ArenaHead, METADATA_BYTES, PoolBits, Summary};
use strata_core::layout::{ARENA_BYTES, ARENAS_PER_SEGMENT, POOL_BYTES, USABLE_POOLS};
use strata_core::masks::bits_of;
use strata_core::pool::Pool;
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_core::sync::mutation::{COMMIT_ROLLS_BACK, HEADERS_BEFORE_BITS};
use strata_core::sync::{AtomicPtr, AtomicU64, Hint, Ordering::Relaxed, init_fresh};
use strata_os::machine::Node;
use strata_os::memory;

/// The kind of memory that a segment is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Backing {
    /// Pages that the kernel gives when they are touched and takes when they are given back.
    Ordinary = 0,
    /// Explicit huge pages, which are there for good.
    Hugetlb,
}

/// The shared words of one segment; last what a start does not touch.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base: ArenaPtr,
    pub(crate) arena_count: u32,
    pub(crate) backing: Backing,
    /// The node that it belongs to, plus one; 0: none in particular.
    pub(super) node: Hint,
    /// The index that has it, from its publication on; null before.
    pub(super) index: AtomicPtr<Index>,
    pub(super) number: Hint,
    pub(super) arenas: PoolBits,
    pub(super) vacant: PoolBits,
    pub(super) absent: AtomicU64,
    pub(super) born: AtomicU64,
    pub(crate) ready: Summary,
    pub(crate) open: Summary,
    pub(super) runs: Summary,
    pub(crate) advised: AtomicU64,
    pub(crate) pools: [PoolBits; ARENAS_PER_SEGMENT],
    pub(crate) dirty: [AtomicU64; ARENAS_PER_SEGMENT],
    pub(crate) lazy: [AtomicU64; ARENAS_PER_SEGMENT],
    pub(crate) idle_once: [Hint; ARENAS_PER_SEGMENT],
    pub(crate) idle_twice: [Hint; ARENAS_PER_SEGMENT],
    abandoned: [Summary; CLASS_COUNT],
}

// SAFETY: `base`, `arena_count` and `backing` never change; all else is atomic.
unsafe impl Sync for Segment {}

const _: () = assert!(METADATA_BYTES + size_of::<Segment>() <= POOL_BYTES);

impl Segment {
    /// Reserves addresses for `arena_count` arenas and commits the first, which holds the description.
    ///
    /// `take` is told of each arena before its memory is touched, here and in `add_arena`, and says whether it may get huge pages.
    pub(super) fn reserve(
        arena_count: u32,
        locality: Locality,
        take: impl FnOnce(NonNull<u8>) -> bool,
    ) -> Option<&'static Self> {
        let bytes = arena_count as usize * ARENA_BYTES;
        let start = memory::reserve(bytes, ARENA_BYTES)?;
        if let Locality::Node(node) = locality {
            // SAFETY: reserved just now, by us. If the kernel refuses, the first touch decides, which is by a thread of that node.
            unsafe { memory::prefer_node(start, bytes, node) };
        }
        // SAFETY: reserved just now, by us.
        if !unsafe { memory::commit(start, ARENA_BYTES) } {
            // SAFETY: not published.
            unsafe { memory::release(start, bytes) };
            return None;
        }
        let is_advised = take(start);
        // SAFETY: arena-aligned, its first arena committed; segments are never unmapped once published.
        let segment = unsafe { Self::describe(start, arena_count, Backing::Ordinary) };
        if let Locality::Node(node) = locality {
            segment.set_node(node);
        }
        if is_advised {
            segment.set_advised(0);
        }
        segment.arenas.release((u64::MAX >> (64 - arena_count)) & !1);
        // SAFETY: committed, zero, and not yet published.
        unsafe { segment.init_arena(0) };
        Some(segment)
    }

    /// Makes a segment of explicit huge pages, all of whose arenas are ready.
    ///
    /// # Safety
    /// - `start` begins `arena_count` arenas, arena-aligned, of zero memory that the caller owns and never gives back.
    pub(super) unsafe fn of_hugetlb(
        start: NonNull<u8>,
        arena_count: u32,
        node: Option<Node>,
    ) -> &'static Self {
        // SAFETY: arena-aligned and zero, by this function's contract.
        let segment = unsafe { Self::describe(start, arena_count, Backing::Hugetlb) };
        node.into_iter().for_each(|node| segment.set_node(node));
        // SAFETY: zero and the caller's, by this function's contract; not yet published.
        (0..arena_count).for_each(|index| unsafe { segment.init_arena(index) });
        segment
    }

    /// Writes the description of a segment that begins at `start`, none of whose arenas can be claimed yet.
    ///
    /// # Safety
    /// - `start` is arena-aligned, the arena that begins there committed, zero and the caller's; it is unmapped only by
    ///   `discard`.
    unsafe fn describe(start: NonNull<u8>, arena_count: u32, backing: Backing) -> &'static Self {
        // SAFETY: the first arena is committed and zero, by this function's contract.
        let base = unsafe { ArenaPtr::new(start) };
        let place = base.metadata_place(METADATA_BYTES).cast::<Self>();
        // All words begin as zero, as which fresh memory reads: so the page with the last of them is not touched at a start.
        // SAFETY: within the metadata pool of the first arena (asserted above), zero, and not published; what is not zero is written below.
        unsafe { init_fresh(place, || Self::new(base, arena_count, backing)) };
        let field = |offset: usize| {
            // SAFETY: within the description.
            unsafe { place.byte_add(offset) }
        };
        // SAFETY: a field of this type, not published.
        unsafe { field(offset_of!(Self, base)).cast().write(base) };
        // SAFETY: a field of this type, not published.
        unsafe { field(offset_of!(Self, arena_count)).cast().write(arena_count) };
        // SAFETY: a field of this type, not published.
        unsafe { field(offset_of!(Self, backing)).cast().write(backing) };
        // The first arena is ready before the segment is published.
        // SAFETY: a field of this type, not published.
        unsafe { field(offset_of!(Self, runs)).cast().write(Summary::with(ALL_RUNS)) };
        // SAFETY: written just now, never unmapped once published; `discard` drops an unpublished one.
        unsafe { place.as_ref() }
    }

    fn new(base: ArenaPtr, arena_count: u32, backing: Backing) -> Self {
        Self {
            base,
            arena_count,
            backing,
            node: Hint::new(0),
            index: AtomicPtr::new(core::ptr::null_mut()),
            number: Hint::new(0),
            arenas: PoolBits::none(),
            vacant: PoolBits::none(),
            absent: AtomicU64::new(0),
            born: AtomicU64::new(0),
            ready: Summary::none(),
            open: Summary::none(),
            runs: Summary::none(),
            advised: AtomicU64::new(0),
            pools: core::array::from_fn(|_| PoolBits::none()),
            dirty: core::array::from_fn(|_| AtomicU64::new(0)),
            lazy: core::array::from_fn(|_| AtomicU64::new(0)),
            idle_once: core::array::from_fn(|_| Hint::new(0)),
            idle_twice: core::array::from_fn(|_| Hint::new(0)),
            abandoned: core::array::from_fn(|_| Summary::none()),
        }
    }

    /// Gives back a segment that lost the race for a slot in the index.
    ///
    /// # Safety
    /// - It was never published, and the caller does not use it again.
    pub(crate) unsafe fn discard(&'static self) {
        // SAFETY: never published, and not used again, by this function's contract.
        unsafe { memory::release(self.base.as_non_null(), self.bytes()) };
    }

    /// Commits one more arena and makes its pools claimable. `false`: none is left, or the OS refused.
    pub(super) fn add_arena(&self, take: impl FnOnce(NonNull<u8>) -> bool) -> bool {
        let Some(index) = self.arenas.claim_lowest() else { return false };
        let start = self.arena(index).as_non_null();
        // SAFETY: reserved with the segment, and the claim of its bit makes it ours.
        if !unsafe { memory::commit(start, ARENA_BYTES) } {
            if COMMIT_ROLLS_BACK {
                self.arenas.release(1 << index);
                self.tell(Kind::Roomy);
            }
            return false;
        }
        if take(start) {
            self.set_advised(index);
        }
        // SAFETY: committed and zero; the claim of its bit makes it ours.
        unsafe { self.init_arena(index) };
        self.show_runs(ALL_RUNS);
        true
    }

    /// Makes the pools of a new arena claimable.
    ///
    /// # Safety
    /// - The arena is committed, zero, and the caller's.
    pub(super) unsafe fn init_arena(&self, index: u32) {
        let head = ArenaHead::of_pools(core::ptr::from_ref(self).cast(), index);
        if !HEADERS_BEFORE_BITS {
            self.show(index);
        }
        // SAFETY: committed, zero and the caller's, by this function's contract.
        unsafe { arena::init(self.arena(index), head) };
        set_bits(&self.born, 1 << index);
        if HEADERS_BEFORE_BITS {
            self.show(index);
        }
    }

    /// Makes the pools of an arena claimable, all of which the caller holds; of a published segment, `show_runs` is to follow.
    pub(super) fn show(&self, arena: u32) {
        self.ready.raise(arena);
        self.pools[arena as usize].release(USABLE_POOLS);
        self.set_open(arena);
    }

    /// The segment that a pool lies in.
    ///
    /// # Safety
    /// - The pool was claimed from a segment.
    pub(crate) unsafe fn of(pool: &Pool) -> (&'static Self, u32) {
        // SAFETY: a claimed pool's arena was initialised.
        let head = unsafe { pool.arena().head() };
        // SAFETY: `init_arena` wrote a reference to a segment, which is never unmapped.
        (unsafe { &*head.segment.cast::<Self>() }, head.index)
    }

    /// Arena `index`.
    pub(crate) fn arena(&self, index: u32) -> ArenaPtr {
        let start = self.base.as_non_null().as_ptr().wrapping_byte_add(index as usize * ARENA_BYTES);
        // SAFETY: within the segment, hence not null.
        let start = unsafe { NonNull::new_unchecked(start) };
        // SAFETY: a multiple of the arena size behind an aligned base, reserved for ever.
        unsafe { ArenaPtr::new(start) }
    }

    /// Which of an arena's pools may hold something (I1: exact for the caller's own).
    pub(crate) fn dirty(&self, arena: u32) -> u64 {
        // Relaxed: ordered by the claim of the pools' bits.
        self.dirty[arena as usize].load(Relaxed)
    }

    /// Which of them were purged with `MADV_FREE` and not given back since (I1).
    pub(crate) fn lazy(&self, arena: u32) -> u64 {
        // Relaxed: as in `dirty`.
        self.lazy[arena as usize].load(Relaxed)
    }

    pub(crate) fn mark_dirty(&self, arena: u32, mask: u64) {
        set_bits(&self.dirty[arena as usize], mask);
        clear_bits(&self.lazy[arena as usize], mask);
    }

    pub(crate) fn mark_lazy(&self, arena: u32, mask: u64) {
        set_bits(&self.dirty[arena as usize], mask);
        set_bits(&self.lazy[arena as usize], mask);
    }

    pub(crate) fn mark_clean(&self, arena: u32, mask: u64) {
        // Relaxed: as in `set_bits`.
        self.dirty[arena as usize].fetch_and(!mask, Relaxed);
        clear_bits(&self.lazy[arena as usize], mask);
    }

    /// Some pools that the caller claimed are used: they were not idle since the last pass.
    pub(crate) fn end_idleness(&self, arena: u32, pools: u64) {
        for idle in [&self.idle_once[arena as usize], &self.idle_twice[arena as usize]] {
            let before = idle.get();
            if before & pools != 0 {
                idle.set(before & !pools);
            }
        }
    }

    /// Some pools that the caller claimed, all dirty, are used or purged whole: their holes are filled. Returns how many there were.
    pub(crate) fn fill_holes(&self, arena: u32, pools: u64) -> u32 {
        let place = self.arena(arena);
        // SAFETY: the arena was initialised before its bits could be claimed.
        bits_of(pools).map(|bit| unsafe { place.pool(pool_index(bit)) }.fill_holes()).sum()
    }

    /// Some pools that the caller claimed were not used: those that had no memory are clean still, which is all that is to be known of
    /// them. Returns how many they are.
    pub(crate) fn forget_unused(&self, arena: u32, pools: u64) -> u32 {
        let clean = pools & !self.dirty(arena);
        self.fill_holes(arena, clean);
        clean.count_ones()
    }

    /// Some pools that the caller claimed lose their contents, and with them their holes.
    pub(crate) fn forget_contents(&self, arena: u32, pools: u64) {
        self.fill_holes(arena, pools & self.dirty(arena));
    }

    /// What it is made of.
    pub(super) fn backing(&self) -> Backing {
        self.backing
    }

    /// Whether its memory stays for good, and none of it may be given back.
    pub(crate) fn is_pinned(&self) -> bool {
        self.backing == Backing::Hugetlb
    }

    /// Bytes of an arena's first pool that are in use: the segment itself lies in the first arena's.
    pub(super) fn metadata_bytes(&self, arena: u32) -> usize {
        METADATA_BYTES + if arena == 0 { size_of::<Self>() } else { 0 }
    }

    /// Arenas in which pools of this class were published.
    pub(crate) fn abandoned_summary(&self, class: SizeClass) -> &Summary {
        &self.abandoned[class.index()]
    }

    /// Address space, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.arena_count as usize * ARENA_BYTES
    }

    /// The indices of all arenas whose headers may be read: not those that are just being committed.
    pub(crate) fn committed_arenas(&self) -> impl Iterator<Item = u32> {
        bits_of(self.ready.hints())
    }

    /// Whether `address` lies in this segment.
    pub(super) fn contains(&self, address: usize) -> bool {
        let offset = address.wrapping_sub(self.base.as_non_null().addr().get());
        // Relaxed: see `vacancy`.
        offset < self.bytes() && self.absent.load(Relaxed) >> (offset / ARENA_BYTES) & 1 == 0
    }
}

/// Sets bits of pools that the caller holds.
fn set_bits(word: &AtomicU64, mask: u64) {
    // Relaxed, here and below: the bits are released with those of the pools, which the caller holds (I1).
    if word.load(Relaxed) & mask != mask {
        word.fetch_or(mask, Relaxed);
    }
}

/// Clears bits of pools that the caller holds.
fn clear_bits(word: &AtomicU64, mask: u64) {
    // Relaxed: as in `set_bits`.
    if word.load(Relaxed) & mask != 0 {
        word.fetch_and(!mask, Relaxed);
    }
}

/// The index of a pool as the offset of a run's first pool.
pub(crate) fn pool_index(bit: u32) -> PoolIndex {
    debug_assert!(bit != 0);
    // SAFETY: bit 0, the metadata pool, is never free (USABLE_POOLS), so no claim returns it.
    unsafe { PoolIndex::new(bit as usize).unwrap_unchecked() }
}
