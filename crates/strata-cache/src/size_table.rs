//! Which magazine of a cache serves a size that is known at run time only: a table says where it lies.
//!
//! ```text
//!   1 … 1024 bytes      granules of 16   ─► SMALL,  two cache lines    ┐ the magazine's distance from
//!   … 32 KiB            steps of 128     ─► MEDIUM, eight cache lines  ┘ the cache's start, in bytes
//! ```
//!
//! P1  A place is that of the magazine of the smallest class that fits, as [`SizeClass::of`] has it; or 0, where a magazine lies
//!     that is always empty and always full.
//!
//! Does not know: pools. Not in models: their caches are larger.

use crate::cache::{Cache, place_of};
use strata_core::block::BlockPtr;
use strata_core::layout::{GRANULE_BYTES, LARGEST_CLASS_BYTES};
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

/// The places of 1 byte to 1 KiB, a granule each; public for those who look them up in assembly.
pub static SMALL: Places<{ SMALL_BYTES / GRANULE_BYTES }> = Places::of_multiples(GRANULE_BYTES);
/// The places of up to 32 KiB, for each multiple of [`MEDIUM_STEP_BYTES`]; public as above.
pub static MEDIUM: Places<{ LARGEST_CLASS_BYTES / MEDIUM_STEP_BYTES }> =
    Places::of_multiples(MEDIUM_STEP_BYTES);

/// A table on cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct Places<const COUNT: usize>([MagazinePlace; COUNT]);

impl<const COUNT: usize> Places<COUNT> {
    const fn of_multiples(step: usize) -> Self {
        let mut places = [MagazinePlace(0); COUNT];
        let mut index = 0;
        while index < COUNT {
            places[index] = MagazinePlace(place_of(SizeClass::of((index + 1) * step)) as u16);
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
    /// The place for `last + 1` bytes, if that is 1 to 1 KiB.
    #[inline(always)]
    pub fn of_small(last: usize) -> Option<Self> {
        SMALL.0.get(last / GRANULE_BYTES).copied()
    }

    /// The place for `last + 1` bytes, known to be more than 1 KiB, if that is 32 KiB at most.
    #[inline(always)]
    pub fn of_medium(last: usize) -> Option<Self> {
        debug_assert!(last >= SMALL_BYTES);
        MEDIUM.0.get(last / MEDIUM_STEP_BYTES).copied()
    }
}

impl Cache {
    /// A block of the magazine at `place`, if one is ready: for callers with a cold door of their own.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is.
    #[inline(always)]
    pub unsafe fn pop_at(&self, place: MagazinePlace) -> Option<BlockPtr> {
        // SAFETY: from the table.
        unsafe { self.magazine_at(place.0.into()) }.pop()
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
            let place = MagazinePlace::of_small(size - 1).unwrap();
            assert_eq!(class_at(place), SizeClass::of(size), "{size}");
        }
        for size in SMALL_BYTES + 1..=LARGEST_CLASS_BYTES {
            let place = MagazinePlace::of_medium(size - 1).unwrap();
            assert_eq!(class_at(place), SizeClass::of(size), "{size}");
        }
    }

    #[test]
    fn no_size_beyond_a_table_finds_a_magazine() {
        for size in [0_usize, SMALL_BYTES + 1, LARGEST_CLASS_BYTES + 1, usize::MAX] {
            assert_eq!(MagazinePlace::of_small(size.wrapping_sub(1)), None);
        }
        for size in [0_usize, LARGEST_CLASS_BYTES + 1, usize::MAX] {
            assert_eq!(MagazinePlace::of_medium(size.wrapping_sub(1)), None);
        }
    }
}
