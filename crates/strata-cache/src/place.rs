//! Which list of a cache serves a size that is known at run time only: one byte of a table says where it lies.
//!
//! ```text
//!   1 … 1024 bytes      granules of 16   ─► SMALL,  one cache line    ┐ the list's distance from
//!   … 32 KiB            steps of 128     ─► MEDIUM, four cache lines  ┘ the cache's start, in words
//! ```
//!
//! An x86 address is a base plus eight times something: a byte that counts words saves the shift that an index wants. By count
//! `malloc` takes 14 instructions up to 1 KiB and 17 up to 32 KiB; decision 0013 has what was tried.
//!
//! P1  A place is that of the list of the smallest class that fits, as [`SizeClass::of`] has it.
//!
//! Does not know: pools. Not in models: their lists are larger.

use crate::cache::{Cache, CurrentList};
use strata_core::address::UserPtr;
use strata_core::block::BlockPtr;
use strata_core::layout::{GRANULE_BYTES, LARGEST_CLASS_BYTES};
use strata_core::size_class::{CLASS_COUNT, SMALL_BYTES, SizeClass};

const WORD_BYTES: usize = size_of::<usize>();
const LIST_WORDS: usize = size_of::<CurrentList>() / WORD_BYTES;
/// The step of the classes right above [`SMALL_BYTES`], of which all larger steps are multiples.
pub const MEDIUM_STEP_BYTES: usize = SMALL_BYTES / 8;

const _: () = assert!((CLASS_COUNT - 1) * LIST_WORDS <= u8::MAX as usize, "a byte reaches every list");

/// The places of 1 byte to 1 KiB, a granule each; public for those who look them up in assembly.
pub static SMALL: Places<{ SMALL_BYTES / GRANULE_BYTES }> = Places::of_multiples(GRANULE_BYTES);
/// The places of up to 32 KiB, for each multiple of [`MEDIUM_STEP_BYTES`]; public as above.
pub static MEDIUM: Places<{ LARGEST_CLASS_BYTES / MEDIUM_STEP_BYTES }> =
    Places::of_multiples(MEDIUM_STEP_BYTES);

/// A table on cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct Places<const COUNT: usize>([ListPlace; COUNT]);

impl<const COUNT: usize> Places<COUNT> {
    const fn of_multiples(step: usize) -> Self {
        let mut places = [ListPlace(0); COUNT];
        let mut index = 0;
        while index < COUNT {
            places[index] = ListPlace((SizeClass::of((index + 1) * step).index() * LIST_WORDS) as u8);
            index += 1;
        }
        Self(places)
    }
}

/// Where the list of some class lies in every cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct ListPlace(u8);

impl ListPlace {
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
    #[inline(always)]
    fn list_at(&self, place: ListPlace) -> &CurrentList {
        let list = core::ptr::from_ref(self).wrapping_byte_add(usize::from(place.0) * WORD_BYTES);
        // SAFETY: P1: the list of some class lies there, in this cache.
        unsafe { &*list.cast() }
    }

    /// A block of the list at `place`, if one is ready: for callers with a cold door of their own.
    ///
    /// # Safety
    /// - As for [`alloc`](Self::alloc).
    #[inline(always)]
    pub unsafe fn pop_at(&self, place: ListPlace) -> Option<BlockPtr> {
        // SAFETY: the owner's list (I1 of `cache`).
        unsafe { self.list_at(place).free.pop() }
    }

    /// Frees a block if it lies in the pool that the list at `place` is of; whether it did. Any other pointer may be asked
    /// about.
    ///
    /// # Safety
    /// - As for [`free`](Self::free), if it does.
    #[inline(always)]
    pub unsafe fn push_at(&self, place: ListPlace, pointer: UserPtr) -> bool {
        let list = self.list_at(place);
        let is_current = pointer.is_in_pool_at(list.base_address());
        if is_current {
            // SAFETY: a block of the current pool, the caller's to give back.
            let block = unsafe { pointer.block() };
            // SAFETY: the owner's list (I1, I2 of `cache`).
            unsafe { list.free.push(block) };
        }
        is_current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The class whose list lies there.
    fn class_at(cache: &Cache, place: ListPlace) -> SizeClass {
        let list = core::ptr::from_ref(cache).addr() + usize::from(place.0) * WORD_BYTES;
        let is_there = |class: &SizeClass| core::ptr::from_ref(&cache.list(*class).free).addr() == list;
        SizeClass::all().find(is_there).unwrap()
    }

    #[test]
    fn every_size_finds_the_list_of_its_class() {
        let cache = Cache::new();
        for size in 1..=SMALL_BYTES {
            let place = ListPlace::of_small(size - 1).unwrap();
            assert_eq!(class_at(&cache, place), SizeClass::of(size), "{size}");
        }
        for size in SMALL_BYTES + 1..=LARGEST_CLASS_BYTES {
            let place = ListPlace::of_medium(size - 1).unwrap();
            assert_eq!(class_at(&cache, place), SizeClass::of(size), "{size}");
        }
    }

    #[test]
    fn no_size_beyond_a_table_finds_a_list() {
        for size in [0_usize, SMALL_BYTES + 1, LARGEST_CLASS_BYTES + 1, usize::MAX] {
            assert_eq!(ListPlace::of_small(size.wrapping_sub(1)), None);
        }
        for size in [0_usize, LARGEST_CLASS_BYTES + 1, usize::MAX] {
            assert_eq!(ListPlace::of_medium(size.wrapping_sub(1)), None);
        }
    }
}
