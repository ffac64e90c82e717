//! Pages inside a partly used pool that went back to the OS: *holes*, whose blocks are carved again before untouched ones.
//!
//! ```text
//!   subpage  0    1    2    3    4   …  15       a sixteenth of a pool
//!          │ live │ ─ ─ holes ─ ─ │ free │        a block that overlaps a hole is on no list
//! ```
//!
//! I1  A carved block is *in the holes* iff it overlaps a subpage whose bit is set. It is free, on no list, and no code reads or
//!     writes its memory; so it does not matter what that memory holds.
//! I2  Live blocks are those carved that are neither on the list nor in the holes.
//! I3  Only the owner decommits, and only where every carved block that overlaps a page is on the list. So no chain of freed
//!     blocks, wherever it waits, leads through a hole.
//! I4  Subpages behind all carved blocks may be holes, too, of a closed pool as well: they have no memory, until blocks are
//!     carved there, or the pool is used whole.
//! I5  Each pool of a span keeps its own holes, as a pool alone does. Of one that had no memory when the span was opened, all
//!     subpages are: so a span counts as resident as far as its blocks reach.
//!
//! Beside the holes, a pool remembers in the same word how much was free at the last purge pass, and whether its free pages went: memory
//! that cycles is left alone, and a pool is tried again only after some more of its blocks died.
//!
//! Does not know: the OS, which takes the pages back; when a pass comes. Decision 0010.

use super::subpages::{
    SPAN_SUBPAGES, all_of, blocks_in, blocks_over, each_of_span, granule_of_index, subpages_behind,
    subpages_from, subpages_of_index, whole_pages,
};
use super::{Memory, OwnedPool, Pool, SUBPAGE_BYTES, SUBPAGES, Subpages};
use crate::block::BlockPtr;
use crate::layout::{GRANULE_SHIFT, POOL_BYTES, POOLS_PER_ARENA};
use crate::masks::{wide_bits_of, wide_run_mask};
use crate::size_class::SizeClass;

const HOLES: u32 = (1 << SUBPAGES) - 1;
const ROOM_SHIFT: u32 = SUBPAGES;
const ROOM_FIELD: u32 = (1 << 13) - 1;
const DECOMMITTED_BIT: u32 = 1 << 29;
const ZERO_BIT: u32 = 1 << 31;
/// Of a cache line.
const LINE_BYTES: usize = 64;

const _: () = assert!(POOL_BYTES >> GRANULE_SHIFT <= ROOM_FIELD as usize, "a count of blocks fits its field");

/// The header's word about the pool's memory.
#[derive(Clone, Copy)]
pub(super) struct Residency(u32);

impl Residency {
    /// A pool just opened: no holes, in use, never gone.
    pub(super) const fn fresh(memory: Memory) -> Self {
        let zero = match memory {
            Memory::Zero => ZERO_BIT,
            Memory::Used => 0,
        };
        Self(zero)
    }

    pub(super) const fn pack(self) -> u32 {
        self.0
    }

    pub(super) const fn unpack(word: u32) -> Self {
        Self(word)
    }

    pub(super) const fn holes(self) -> u32 {
        self.0 & HOLES
    }

    pub(super) const fn with_holes(self, holes: u32) -> Self {
        Self(self.0 & !HOLES | holes)
    }

    /// What lies behind the carved blocks.
    pub(super) const fn uncarved(self) -> Memory {
        if self.0 & ZERO_BIT == 0 { Memory::Used } else { Memory::Zero }
    }

    const fn room_when_inspected(self) -> u32 {
        (self.0 >> ROOM_SHIFT) & ROOM_FIELD
    }

    const fn with_room_when_inspected(self, room: u32) -> Self {
        Self(self.0 & !(ROOM_FIELD << ROOM_SHIFT) | (room << ROOM_SHIFT))
    }

    /// Whether its free pages went since blocks were last taken from the pool, or many died in it.
    const fn is_decommitted(self) -> bool {
        self.0 & DECOMMITTED_BIT != 0
    }

    const fn decommitted(self) -> Self {
        Self(self.0 | DECOMMITTED_BIT)
    }

    const fn not_decommitted(self) -> Self {
        Self(self.0 & !DECOMMITTED_BIT)
    }

    /// Blocks are taken from the pool again: it is not idle.
    pub(super) const fn in_use(self) -> Self {
        self.not_decommitted().with_room_when_inspected(0)
    }

    /// Whether enough of the `capacity` is free for pages to have come free, and they did not go already.
    const fn is_worth_decommitting(self, capacity: u32, room: u32) -> bool {
        room >= capacity / 8 && (!self.is_decommitted() || self.has_grown(capacity, room))
    }

    /// Whether blocks died since the last inspection.
    const fn has_grown(self, capacity: u32, room: u32) -> bool {
        let some = if capacity < SUBPAGES { 1 } else { capacity / SUBPAGES };
        room >= self.room_when_inspected() + some
    }
}

/// What is a hole of a pool of `class` that is opened, or is one of a span, with the holes that closing it left (I4, I5).
pub(super) const fn when_opened(holes: u32, class: SizeClass, is_dirty: bool) -> u32 {
    if is_dirty {
        holes
    } else if class.span_pools() == 1 {
        // A pool alone counts as resident once it is claimed.
        0
    } else {
        HOLES
    }
}

/// What an inspection of a pool came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a pool that is worth it waits for its pages to go"]
pub enum Inspected {
    /// Nothing to gain.
    Leave,
    /// It was in use of late: worth another pass.
    Again,
    /// Idle for long enough, and worth it.
    Decommit,
}

impl OwnedPool {
    /// Inspects the pool in a purge pass; it is to have been idle since the one before: no block was taken from it, and hardly one
    /// died. (To see which pages are free takes a walk along all free blocks, most of them cold; while a program drops
    /// a large structure, each pass would do so for each pool, and find nothing.)
    pub fn inspect(&self, class: SizeClass) -> Inspected {
        let (residency, capacity, room) = (self.residency(), Pool::capacity(class), self.room(class));
        if !residency.is_worth_decommitting(capacity, room) {
            return Inspected::Leave;
        }
        if residency.has_grown(capacity, room) {
            self.set_residency(residency.not_decommitted().with_room_when_inspected(room));
            return Inspected::Again;
        }
        Inspected::Decommit
    }

    /// Takes the blocks off the list that overlap pages without a live block; returns the subpages of those pages that were no
    /// holes before: their memory is to go back. `page_bytes` is a power of two, at least [`SUBPAGE_BYTES`].
    pub fn decommit(&self, class: SizeClass, page_bytes: usize) -> Subpages {
        self.prefetch_links(class);
        let (free, holes) = (self.free_subpages(class), self.span_holes(class));
        let gone = whole_pages(free | holes, page_bytes) & !holes;
        self.set_span_holes(class, holes | gone);
        let residency = self.residency().with_room_when_inspected(self.room(class));
        self.set_residency(residency.decommitted());
        if gone != 0 {
            self.take_off_the_list(class, gone);
        }
        gone
    }

    /// What the blocks that are carved next read as.
    #[inline]
    pub fn uncarved_memory(&self, class: SizeClass) -> Memory {
        let holes = self.span_holes(class) & self.carved_subpages(class);
        if holes == 0 { self.residency().uncarved() } else { Memory::Used }
    }

    /// The subpages that carved blocks overlap.
    fn carved_subpages(&self, class: SizeClass) -> Subpages {
        let bytes = self.carved.get() as usize * class.block_bytes();
        wide_run_mask(0, bytes.div_ceil(SUBPAGE_BYTES) as u32)
    }

    /// How many pools of a span carved blocks lie in, from the first on, which counts in any case.
    pub(super) fn reached_pools(&self, class: SizeClass) -> u32 {
        let bytes = self.carved.get() as usize * class.block_bytes();
        bytes.div_ceil(POOL_BYTES).max(1) as u32
    }

    /// Asks for the cache lines in which blocks begin, in the order of their addresses. The list leads through them in any order, and the walk
    /// along it would wait for each.
    fn prefetch_links(&self, class: SizeClass) {
        let blocks = blocks_in(!self.span_holes(class), class, self.carved.get());
        for index in blocks.step_by((LINE_BYTES / class.block_bytes()).max(1)) {
            self.block_at_granule(granule_of_index(class, index)).prefetch();
        }
    }

    /// The subpages that hold carved blocks or dirt, and of which every carved block is free.
    fn free_subpages(&self, class: SizeClass) -> Subpages {
        let mut free_blocks = [0_u16; SPAN_SUBPAGES];
        let mut count = |subpages: Subpages| {
            wide_bits_of(subpages).for_each(|subpage| free_blocks[subpage as usize] += 1);
        };
        let (most, places) = (Pool::capacity(class), self.places(class));
        let is_block = |block| places.have(block);
        // SAFETY: the owner's list.
        unsafe { self.free.each(most, is_block, |block| count(self.subpages_of_block(class, block))) };
        blocks_in(self.span_holes(class), class, self.carved.get())
            .for_each(|index| count(subpages_of_index(class, index)));
        let mut free = 0;
        for subpage in 0..class.span_pools() * SUBPAGES {
            let (first, end) = blocks_over(subpage, class);
            let carved = self.carved.get().min(end).saturating_sub(first);
            let is_untouched = carved == 0 && self.residency().uncarved() == Memory::Zero;
            if !is_untouched && u32::from(free_blocks[subpage as usize]) == carved {
                free |= 1 << subpage;
            }
        }
        free
    }

    /// Keeps those blocks on the list that overlap none of the subpages that are `gone`.
    fn take_off_the_list(&self, class: SizeClass, gone: Subpages) {
        let (mut last, places): (Option<BlockPtr>, _) = (None, self.places(class));
        let mut link = self.free.take();
        // A list that leads round in a circle, or elsewhere, since a block was freed twice or written to afterwards, ends here too.
        for _ in 0..Pool::capacity(class) {
            let Some(block) = BlockPtr::from_link(link).filter(|block| places.have(*block)) else { break };
            // SAFETY: a block of the owner's list.
            link = unsafe { block.next() };
            if self.subpages_of_block(class, block) & gone != 0 {
                continue;
            }
            match last {
                None => self.free.replace(block.as_link()),
                // SAFETY: a block of the owner's list.
                Some(last) => unsafe { last.set_next(block.as_link()) },
            }
            last = Some(block);
        }
        if let Some(last) = last {
            // SAFETY: a block of the owner's list.
            unsafe { last.set_next(core::ptr::null_mut()) };
        }
    }

    /// Puts the blocks of the lowest holes on the list, in address order, as soon as there are any; whether there were.
    pub(super) fn fill_a_hole(&self, class: SizeClass) -> bool {
        while let Some(subpage) = wide_bits_of(self.span_holes(class) & self.carved_subpages(class)).next() {
            let left = self.span_holes(class) & !(1 << subpage);
            self.set_span_holes(class, left);
            let (first, end) = blocks_over(subpage, class);
            let mut count = 0;
            for index in (first..end.min(self.carved.get())).rev() {
                if subpages_of_index(class, index) & left == 0 {
                    let block = self.block_at_granule(granule_of_index(class, index));
                    // SAFETY: it was in the holes (I1) and is not any more: free, on no list, the owner's.
                    unsafe { block.prepare() };
                    // SAFETY: the same block, onto the owner's list.
                    unsafe { self.free.push(block) };
                    count += 1;
                }
            }
            if count != 0 {
                return true;
            }
        }
        false
    }

    /// The pool is closed, or all of a span: what holds no memory stays known (I4), besides what was never carved since the kernel gave it.
    pub(super) fn keep_holes(&self, class: SizeClass) {
        let holes = self.span_holes(class);
        let untouched = match self.residency().uncarved() {
            Memory::Zero => all_of(class) & !self.carved_subpages(class) & !holes,
            Memory::Used => 0,
        };
        self.set_residency(Residency::fresh(Memory::Used));
        self.set_span_holes(class, holes | untouched);
    }

    /// The subpages that are holes, of all pools of a span.
    #[inline]
    pub fn span_holes(&self, class: SizeClass) -> Subpages {
        each_of_span(class, |distance| {
            // SAFETY: within the span, which is the owner's.
            unsafe { self.behind(distance) }.holes()
        })
    }

    fn set_span_holes(&self, class: SizeClass, holes: Subpages) {
        for distance in 0..class.span_pools() {
            // SAFETY: within the span, which is the owner's.
            let pool = unsafe { self.behind(distance) };
            let own = (holes >> (distance * SUBPAGES)) as u32 & HOLES;
            pool.set_residency(pool.residency().with_holes(own));
        }
    }

    /// Carved blocks in the holes (I1).
    pub(super) fn hole_blocks(&self, class: SizeClass) -> u32 {
        match self.span_holes(class) & self.carved_subpages(class) {
            0 => 0,
            holes => blocks_in(holes, class, self.carved.get()).count() as u32,
        }
    }

    /// Blocks were carved: what they overlap is no hole any more.
    pub(super) fn forget_carved_holes(&self, class: SizeClass) {
        let holes = self.span_holes(class);
        if holes != 0 {
            self.set_span_holes(class, holes & !self.carved_subpages(class));
        }
    }
}

impl Pool {
    pub(super) fn residency(&self) -> Residency {
        Residency::unpack(self.residency.get())
    }

    pub(super) fn set_residency(&self, residency: Residency) {
        self.residency.set(residency.pack());
    }

    /// Whether an inspection of an unowned pool would find something to do, estimated by any thread.
    pub fn glance_worth_decommitting(&self, class: SizeClass) -> bool {
        let capacity = Self::capacity(class);
        let room = (capacity + self.remote.glance().count()).saturating_sub(self.live.glance());
        Residency::unpack(self.residency.glance()).is_worth_decommitting(capacity, room)
    }

    /// All of a claimed pool's memory is taken, or given back: there are no holes any more. How many there were.
    pub fn fill_holes(&self) -> u32 {
        let holes = self.holes();
        if holes != 0 {
            self.set_residency(self.residency().with_holes(0));
        }
        holes.count_ones()
    }

    /// The first `bytes` of a claimed pool are used, and nothing else. How many of their subpages were holes.
    pub fn fill_front(&self, bytes: usize, page_bytes: usize) -> u32 {
        let (before, behind) = (self.holes(), subpages_behind(bytes, page_bytes));
        self.set_residency(self.residency().with_holes(before & behind));
        (before & !behind).count_ones()
    }

    /// The subpages of a claimed pool behind the first `bytes` that are no holes yet: they are from now on, and their memory is to go back.
    pub fn decommit_behind(&self, bytes: usize, page_bytes: usize) -> u32 {
        let gone = subpages_behind(bytes, page_bytes) & !self.holes();
        self.set_residency(self.residency().with_holes(self.holes() | gone));
        gone
    }

    /// Whether a claimed pool served blocks since the last call: closing it leaves the number as it was.
    pub fn take_served_blocks(&self) -> bool {
        let served = self.carved.get() != 0;
        self.carved.set(0);
        served
    }

    /// The subpages that are holes, of this pool alone.
    #[inline]
    pub fn holes(&self) -> u32 {
        self.residency().holes()
    }

    /// Carved blocks in the holes (I1), estimated by any thread.
    pub fn glance_hole_blocks(&self) -> u32 {
        let super::Format::Blocks(class) = self.glance_format() else { return 0 };
        if self.index().get() + class.span_pools() as usize > POOLS_PER_ARENA {
            // Not the first of its span, or not any more.
            return 0;
        }
        let holes = each_of_span(class, |distance| {
            // SAFETY: within the arena (checked above).
            Residency::unpack(unsafe { self.behind(distance) }.residency.glance()).holes()
        });
        blocks_in(holes, class, self.carved.glance()).count() as u32
    }

    fn subpages_of_block(&self, class: SizeClass, block: BlockPtr) -> Subpages {
        subpages_from(usize::from(self.granule_of(block)) << GRANULE_SHIFT, class)
    }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "holes_tests.rs"]
mod tests;
