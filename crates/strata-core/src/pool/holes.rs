//! Pages inside a partly used pool that went back to the OS: *holes*, whose blocks are carved again before untouched ones.
//!
//! ```text
//!   unit    0    1    2    3    4   …  15        a sixteenth of a pool
//!         │ live │ ─ ─ holes ─ ─ │ free │         a block that overlaps a hole is on no list
//! ```
//!
//! I1  A carved block is *in the holes* iff it overlaps a unit whose bit is set. It is free, on no list, and nobody reads or
//!     writes its memory; so it does not matter what that memory holds.
//! I2  Live blocks are those carved that are neither on the list nor in the holes.
//! I3  Holes are dug by the owner of a pool that is not current, and only where every carved block that overlaps a page is
//!     on the list. So no chain of freed blocks, wherever it waits, leads through a hole.
//! I4  Units behind all carved blocks may be holes, too, of a current pool and of a closed one as well: they have no memory, until
//!     blocks are carved there, or somebody uses the pool whole.
//!
//! Beside the holes, a pool remembers in the same word for how many looks it was idle, and how much was free when it was dug
//! last: memory that cycles is left alone, and a pool is dug again only after some more of its blocks died.
//!
//! Does not know: the OS, which gives the pages back; when to look. Decision 0010.

use super::{Memory, Pool};
use crate::block::{BlockPtr, Link};
use crate::layout::{GRANULE_SHIFT, POOL_BYTES};
use crate::size_class::SizeClass;

/// Units of a pool: bits of the mask.
pub const UNITS: u32 = 16;
/// Bytes of a unit: the smallest page there is.
pub const UNIT_BYTES: usize = POOL_BYTES / UNITS as usize;

const HOLES: u32 = (1 << UNITS) - 1;
const ROOM_SHIFT: u32 = UNITS;
const ROOM_FIELD: u32 = (1 << 13) - 1;
const IDLE_SHIFT: u32 = 29;
const IDLE_FIELD: u32 = 3;
const ZERO_BIT: u32 = 1 << 31;

const _: () = assert!(POOL_BYTES >> GRANULE_SHIFT <= ROOM_FIELD as usize, "a count of blocks fits its field");

/// The header's word about the pool's memory.
#[derive(Clone, Copy)]
pub(super) struct Ground(u32);

impl Ground {
    /// A pool just opened: no holes, in use, never dug.
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

    const fn room_when_dug(self) -> u32 {
        (self.0 >> ROOM_SHIFT) & ROOM_FIELD
    }

    const fn with_room_when_dug(self, room: u32) -> Self {
        Self(self.0 & !(ROOM_FIELD << ROOM_SHIFT) | (room << ROOM_SHIFT))
    }

    /// Looks since blocks were last taken from the pool, up to three.
    const fn idle_looks(self) -> u32 {
        (self.0 >> IDLE_SHIFT) & IDLE_FIELD
    }

    const fn looked_at(self) -> Self {
        if self.idle_looks() == IDLE_FIELD { self } else { Self(self.0 + (1 << IDLE_SHIFT)) }
    }

    /// Blocks are taken from the pool again: it is neither idle nor dug.
    pub(super) const fn in_use(self) -> Self {
        Self(self.0 & !(IDLE_FIELD << IDLE_SHIFT)).with_room_when_dug(0)
    }

    /// Whether enough of the `capacity` is free, and enough died since the last time, for pages to have come free.
    const fn is_worth_digging(self, capacity: u32, room: u32) -> bool {
        let some = if capacity < UNITS { 1 } else { capacity / UNITS };
        room >= capacity / 8 && room >= self.room_when_dug() + some
    }
}

/// What a look at a pool came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a pool that is worth it waits to be dug"]
pub enum Look {
    /// Nothing to gain.
    Leave,
    /// It was in use of late: look again.
    Again,
    /// Idle for long enough, and worth it.
    Dig,
}

impl Pool {
    pub(super) fn ground(&self) -> Ground {
        Ground::unpack(self.ground.get())
    }

    pub(super) fn set_ground(&self, ground: Ground) {
        self.ground.set(ground.pack());
    }

    /// One look at a pool that is not current, by its owner; it is to have been idle for so many `looks` before, three at most.
    pub fn look(&self, class: SizeClass, looks: u32) -> Look {
        let ground = self.ground();
        if !ground.is_worth_digging(Self::capacity(class), self.room(class)) {
            return Look::Leave;
        }
        if ground.idle_looks() >= looks {
            return Look::Dig;
        }
        self.set_ground(ground.looked_at());
        Look::Again
    }

    /// Whether a look would find something to do, as anybody may guess.
    pub fn glance_worth_digging(&self, class: SizeClass) -> bool {
        let capacity = Self::capacity(class);
        let room = capacity.saturating_sub(self.live.glance());
        Ground::unpack(self.ground.glance()).is_worth_digging(capacity, room)
    }

    /// Takes the blocks off the list that overlap pages without a live block; returns the units of those pages that were no
    /// holes before: their memory is to go back.
    ///
    /// # Safety
    /// - The caller owns the pool, which holds blocks of `class`, is not current, and has live blocks.
    /// - `page_bytes` is a power of two, at least [`UNIT_BYTES`].
    pub unsafe fn dig(&self, class: SizeClass, page_bytes: usize) -> u32 {
        // SAFETY: the caller's promise.
        let free = unsafe { self.free_units(class) };
        let dug = whole_pages(free | self.holes(), page_bytes) & !self.holes();
        let ground = self.ground().with_room_when_dug(self.room(class));
        self.set_ground(ground.with_holes(ground.holes() | dug));
        if dug != 0 {
            // SAFETY: the caller's promise.
            unsafe { self.take_off_the_list(class, dug) };
        }
        dug
    }

    /// The units behind all carved blocks of a pool that may hold something and are no holes yet: they are from now on, and their
    /// memory is to go back. The pool may be current (I4).
    pub fn dig_tail(&self, class: SizeClass, page_bytes: usize) -> u32 {
        if self.ground().uncarved() == Memory::Zero {
            return 0;
        }
        let dug = whole_pages(HOLES & !self.carved_units(class), page_bytes) & !self.holes();
        self.set_ground(self.ground().with_holes(self.holes() | dug));
        dug
    }

    /// The units that carved blocks overlap.
    fn carved_units(&self, class: SizeClass) -> u32 {
        let bytes = self.carved.get() as usize * class.block_bytes();
        (1 << bytes.div_ceil(UNIT_BYTES)) - 1
    }

    /// The units that hold carved blocks or dirt, and of which every carved block is free.
    ///
    /// # Safety
    /// - As for [`dig`](Self::dig).
    unsafe fn free_units(&self, class: SizeClass) -> u32 {
        let mut free_blocks = [0_u16; UNITS as usize];
        let mut count = |units: u32| units_of(units).for_each(|unit| free_blocks[unit as usize] += 1);
        // SAFETY: the owner's list.
        unsafe { self.free.each(|block| count(self.units_of_block(class, block))) };
        blocks_in(self.holes(), class, self.carved.get())
            .for_each(|index| count(units_of_index(class, index)));
        let mut free = 0;
        for unit in 0..UNITS {
            let (first, end) = blocks_over(unit, class);
            let carved = self.carved.get().min(end).saturating_sub(first);
            let is_untouched = carved == 0 && self.ground().uncarved() == Memory::Zero;
            if !is_untouched && u32::from(free_blocks[unit as usize]) == carved {
                free |= 1 << unit;
            }
        }
        free
    }

    /// # Safety
    /// - The caller owns the pool, which is not current; every block of `class` that overlaps `dug` is free.
    unsafe fn take_off_the_list(&self, class: SizeClass, dug: u32) {
        let mut last: Option<BlockPtr> = None;
        let mut link = self.free.take();
        while let Some(block) = BlockPtr::from_link(link) {
            // SAFETY: a block of the owner's list.
            link = unsafe { block.next() };
            if self.units_of_block(class, block) & dug != 0 {
                continue;
            }
            match last {
                None => self.free.replace(block.as_link()),
                // SAFETY: as above.
                Some(last) => unsafe { last.set_next(block.as_link()) },
            }
            last = Some(block);
        }
        if let Some(last) = last {
            // SAFETY: as above.
            unsafe { last.set_next(core::ptr::null_mut()) };
        }
    }

    /// Fills the lowest holes until blocks come out of them; returns these, linked in address order.
    ///
    /// # Safety
    /// - The caller owns the pool, which holds blocks of `class`.
    pub(super) unsafe fn carve_hole(&self, class: SizeClass) -> Option<*mut Link> {
        while let Some(unit) = units_of(self.holes() & self.carved_units(class)).next() {
            let left = self.holes() & !(1 << unit);
            self.set_ground(self.ground().with_holes(left));
            let (first, end) = blocks_over(unit, class);
            let mut link = core::ptr::null_mut();
            let mut count = 0;
            for index in (first..end.min(self.carved.get())).rev() {
                if units_of_index(class, index) & left == 0 {
                    let block = self.block_at_granule(granule_of_index(class, index));
                    // SAFETY: it was in the holes (I1) and is not any more: free, on no list, the owner's.
                    unsafe { block.prepare() };
                    // SAFETY: as above.
                    unsafe { block.set_next(link) };
                    link = block.as_link();
                    count += 1;
                }
            }
            if count != 0 {
                self.live.set(self.live.get() + count);
                return Some(link);
            }
        }
        None
    }

    /// The pool is closed: what holds no memory stays known (I4), beside what nobody carved since the kernel gave it. Returns how many
    /// units the latter are.
    pub(super) fn keep_holes(&self, class: SizeClass) -> u32 {
        let holes = self.holes();
        let untouched = match self.ground().uncarved() {
            Memory::Zero => HOLES & !self.carved_units(class) & !holes,
            Memory::Used => 0,
        };
        self.set_ground(Ground::fresh(Memory::Used).with_holes(holes | untouched));
        untouched.count_ones()
    }

    /// All of a claimed pool's memory is taken, or given back: there are no holes any more. How many there were.
    pub fn fill_holes(&self) -> u32 {
        let holes = self.holes();
        if holes != 0 {
            self.set_ground(self.ground().with_holes(0));
        }
        holes.count_ones()
    }

    /// Blocks were carved: what they overlap is no hole any more.
    pub(super) fn fill_carved(&self, class: SizeClass) {
        if self.holes() != 0 {
            self.set_ground(self.ground().with_holes(self.holes() & !self.carved_units(class)));
        }
    }

    /// The units that are holes.
    #[inline]
    pub fn holes(&self) -> u32 {
        self.ground().holes()
    }

    /// Carved blocks in the holes (I1).
    pub(super) fn hole_blocks(&self) -> u32 {
        self.count_in(self.holes(), self.format(), self.carved.get())
    }

    /// Carved blocks in the holes, as anybody may guess them.
    pub fn glance_hole_blocks(&self) -> u32 {
        let holes = Ground::unpack(self.ground.glance()).holes();
        self.count_in(holes, self.glance_format(), self.carved.glance())
    }

    fn count_in(&self, holes: u32, format: super::Format, carved: u32) -> u32 {
        match format {
            super::Format::Blocks(class) if holes != 0 => blocks_in(holes, class, carved).count() as u32,
            _ => 0,
        }
    }

    fn units_of_block(&self, class: SizeClass, block: BlockPtr) -> u32 {
        units_from(usize::from(self.granule_of(block)) << GRANULE_SHIFT, class)
    }
}

/// The mask of the units that a block of `class` overlaps that begins at `offset`.
fn units_from(offset: usize, class: SizeClass) -> u32 {
    let (first, last) = (offset / UNIT_BYTES, (offset + class.block_bytes() - 1) / UNIT_BYTES);
    (2 << last) - (1 << first)
}

fn units_of_index(class: SizeClass, index: u32) -> u32 {
    units_from(index as usize * class.block_bytes(), class)
}

fn granule_of_index(class: SizeClass, index: u32) -> u16 {
    ((index as usize * class.block_bytes()) >> GRANULE_SHIFT) as u16
}

/// The first block of `class` that overlaps a unit, and the first behind those that do.
fn blocks_over(unit: u32, class: SizeClass) -> (u32, u32) {
    let (start, bytes) = (unit as usize * UNIT_BYTES, class.block_bytes());
    let end = (start + UNIT_BYTES).div_ceil(bytes) as u32;
    ((start / bytes) as u32, end.min(Pool::capacity(class)))
}

/// The blocks of `class`, of those `carved`, that overlap one of `units`; each once, in order.
fn blocks_in(units: u32, class: SizeClass, carved: u32) -> impl Iterator<Item = u32> {
    let mut next = 0;
    units_of(units).flat_map(move |unit| {
        let (first, end) = blocks_over(unit, class);
        let (first, end) = (first.max(next), end.min(carved));
        next = next.max(end);
        first..end
    })
}

/// The indices of the set bits, lowest first.
fn units_of(mut units: u32) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let unit = units.trailing_zeros();
        units &= units.wrapping_sub(1);
        (unit < UNITS).then_some(unit)
    })
}

/// The units of those pages all of whose units are in `units`.
fn whole_pages(units: u32, page_bytes: usize) -> u32 {
    let units_a_page = (page_bytes / UNIT_BYTES) as u32;
    if units_a_page >= UNITS {
        return 0;
    }
    let page = (1 << units_a_page) - 1;
    (0..UNITS)
        .step_by(units_a_page as usize)
        .map(|unit| page << unit)
        .filter(|page| units & page == *page)
        .sum()
}

#[cfg(all(test, not(strata_loom)))]
#[path = "holes_tests.rs"]
mod tests;
