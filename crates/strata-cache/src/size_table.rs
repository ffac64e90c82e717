//! Which magazine of a cache serves a size: a table says where it lies, and for a constant size the compiler reads it.
//!
//! ```text
//!   0 … 1024 bytes      each size        ─► SMALL,  a cache line for 32 sizes   ┐ the magazine's distance from
//!   … 32 KiB            steps of 128     ─► MEDIUM, eight cache lines           ┘ the cache's start, in bytes
//! ```
//!
//! An entry for each size instead of each granule saves `malloc` two instructions and the question whether the size is zero.
//!
//! P1  A place is that of the magazine of the smallest class that fits, as [`SizeClass::of`] has it; or 0, where a magazine lies
//!     that is always empty and always full.
//!
//! Does not know: pools. Not in models: their caches are larger.

use crate::cache::{Cache, place_of};
use strata_core::address::UserPtr;
use strata_core::block::BlockPtr;
use strata_core::size_class::{CLASS_COUNT, SMALL_BYTES, SizeClass};

/// Where a free that is written in assembly finds a magazine's count, limit and slots.
#[doc(hidden)]
pub const MAGAZINE_FIELDS: [usize; 3] = crate::magazine::FIELDS;

/// The step of the classes right above [`SMALL_BYTES`], of which all larger steps are multiples.
pub const MEDIUM_STEP_BYTES: usize = SMALL_BYTES / 8;

const _: () = assert!(
    place_of(SizeClass::from_index(CLASS_COUNT - 1)) <= u16::MAX as u32,
    "two bytes reach every magazine"
);

/// The places of no byte (the smallest block) to 1 KiB; public for code that reads them in assembly.
pub static SMALL: Places<{ SMALL_BYTES + 1 }> = Places::of_steps(0, 1);
/// Largest size whose place is looked up: 32 KiB. Larger blocks, which go by a door, are worth the closed form.
pub const MEDIUM_BYTES: usize = 32 << 10;

/// The places of up to 32 KiB, for each multiple of [`MEDIUM_STEP_BYTES`]; public as above.
pub static MEDIUM: Places<{ MEDIUM_BYTES / MEDIUM_STEP_BYTES }> =
    Places::of_steps(MEDIUM_STEP_BYTES, MEDIUM_STEP_BYTES);

/// A table on cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct Places<const COUNT: usize>([MagazinePlace; COUNT]);

impl<const COUNT: usize> Places<COUNT> {
    const fn of_steps(first: usize, step: usize) -> Self {
        let mut places = [MagazinePlace(0); COUNT];
        let mut index = 0;
        while index < COUNT {
            let size = first + index * step;
            places[index] = MagazinePlace(place_of(SizeClass::of(if size == 0 { 1 } else { size })) as u16);
            index += 1;
        }
        Self(places)
    }
}

/// Where the magazine of some class lies in every cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct MagazinePlace(u16);

impl MagazinePlace {
    /// The place for `size` bytes, if that is 1 KiB at most.
    #[inline(always)]
    pub fn of_small(size: usize) -> Option<Self> {
        SMALL.0.get(size).copied()
    }

    /// The place for `size` bytes, known to be more than 1 KiB, if that is 32 KiB at most.
    #[inline(always)]
    pub fn of_medium(size: usize) -> Option<Self> {
        debug_assert!(size > SMALL_BYTES);
        MEDIUM.0.get((size - 1) / MEDIUM_STEP_BYTES).copied()
    }
}

impl Cache {
    /// A block of the magazine at `place`, if one is ready: for callers with a slow path of their own.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is.
    #[inline(always)]
    pub unsafe fn pop_at(&self, place: MagazinePlace) -> Option<BlockPtr> {
        // SAFETY: from the table.
        unsafe { self.magazine_at(place.0.into()) }.pop()
    }

    /// A block for `size` bytes, from the magazine at their place. `None`: out of memory.
    ///
    /// # Safety
    /// - As for [`alloc`](Self::alloc); `place` is that of `size`.
    #[inline(always)]
    pub unsafe fn alloc_at(&self, place: MagazinePlace, size: usize) -> Option<BlockPtr> {
        // SAFETY: the same contract.
        match unsafe { self.pop_at(place) } {
            Some(block) => Some(block),
            // SAFETY: the same contract; the magazine is empty.
            None => unsafe { self.refill(size) },
        }
    }

    /// A block for `size` bytes, of the largest class at most, without the table. `None`: out of memory.
    ///
    /// # Safety
    /// - As for [`alloc`](Self::alloc).
    #[inline(always)]
    pub unsafe fn alloc_for(&self, size: usize) -> Option<BlockPtr> {
        match self.magazine(SizeClass::of(size)).pop() {
            Some(block) => Some(block),
            // SAFETY: the same contract; the magazine is empty.
            None => unsafe { self.refill(size) },
        }
    }

    /// Frees a block of `size` bytes, into the magazine at their place.
    ///
    /// # Safety
    /// - As for [`free`](Self::free), with the class of `size`; `place` is that of `size`.
    #[inline(always)]
    pub unsafe fn free_at(&self, pointer: UserPtr, place: MagazinePlace, size: usize) {
        debug_assert!(pointer.pool_index().is_some(), "a huge block is no block of a pool");
        // SAFETY: the caller's to give back.
        let block = unsafe { pointer.block() };
        // SAFETY: from the table.
        let magazine = unsafe { self.magazine_at(place.0.into()) };
        // SAFETY: the thread's own magazine; large enough by the same contract.
        if !unsafe { magazine.push(block) } {
            // SAFETY: the same contract.
            unsafe { self.free_at_the_door(SizeClass::of(size), block) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The class whose magazine lies there.
    fn class_at(place: MagazinePlace) -> SizeClass {
        SizeClass::all().find(|class| place_of(*class) == place.0.into()).unwrap()
    }

    #[test]
    fn every_size_finds_the_magazine_of_its_class() {
        for size in 1..=SMALL_BYTES {
            let place = MagazinePlace::of_small(size).unwrap();
            assert_eq!(class_at(place), SizeClass::of(size), "{size}");
        }
        for size in SMALL_BYTES + 1..=MEDIUM_BYTES {
            let place = MagazinePlace::of_medium(size).unwrap();
            assert_eq!(class_at(place), SizeClass::of(size), "{size}");
        }
    }

    #[test]
    fn nothing_is_served_by_the_smallest_class() {
        assert_eq!(MagazinePlace::of_small(0), MagazinePlace::of_small(1));
    }

    #[test]
    fn no_size_beyond_a_table_finds_a_magazine() {
        for size in [SMALL_BYTES + 1, MEDIUM_BYTES + 1, usize::MAX] {
            assert_eq!(MagazinePlace::of_small(size), None);
        }
        for size in [MEDIUM_BYTES + 1, usize::MAX] {
            assert_eq!(MagazinePlace::of_medium(size), None);
        }
    }
}
