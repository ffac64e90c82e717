//! The vector of arena objects, and those of them that have no arena.
//!
//! It starts with 16 objects and doubles. Objects are named by index, never by address: pools store the index in
//! their header, and lists of arenas link indices, so growing the vector leaves nothing dangling. (In the original the
//! lists hold pointers, and the vector may grow only while no arena is usable. The same holds here, as a consequence.)
//!
//! An empty table is all zero, so that a heap in a `static` takes no room in the executable.
//!
//! I1  Every `ArenaIndex` was made by `grow`, and the vector never shrinks: it is below `len`.
//!
//! Does not know: what makes an arena usable.

use super::arena::Arena;
use core::ptr::NonNull;
use strata_os::machine::page_size;
use strata_os::memory;

const INITIAL_COUNT: u32 = 16;

/// The place of an arena object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ArenaIndex(u32);

impl ArenaIndex {
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// Public in name only, for `AddressTest`.
pub struct ArenaTable {
    objects: Option<NonNull<Arena>>,
    len: u32,
    /// Objects without an arena, linked by `next`.
    unused: Option<ArenaIndex>,
}

impl ArenaTable {
    pub(crate) const EMPTY: Self = Self { objects: None, len: 0, unused: None };

    /// An object for a new arena, growing if all are in use.
    pub(crate) fn take_unused(&mut self) -> Option<ArenaIndex> {
        if self.unused.is_none() {
            self.grow()?;
        }
        let index = self.unused?;
        self.unused = self.at(index).next.take();
        Some(index)
    }

    /// Takes back an object whose arena was closed.
    pub(crate) fn give_unused(&mut self, index: ArenaIndex) {
        let next = self.unused.replace(index);
        self.at(index).next = next;
    }

    /// The object of a pool's header.
    pub(crate) fn stored(&self, number: u32) -> ArenaIndex {
        debug_assert!(number < self.len);
        ArenaIndex(number)
    }

    pub(crate) fn at(&mut self, index: ArenaIndex) -> &mut Arena {
        debug_assert!(index.0 < self.len);
        // SAFETY: I1, so it is in the vector.
        let mut place = unsafe { self.start().add(index.0 as usize) };
        // SAFETY: all objects of the vector are initialised; `&mut self` excludes other references.
        unsafe { place.as_mut() }
    }

    /// The object number `number`, which may come from anywhere.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&Arena> {
        self.as_slice().get(number as usize)
    }

    pub(crate) fn as_slice(&self) -> &[Arena] {
        // SAFETY: `len` initialised objects, borrowed with the table.
        unsafe { core::slice::from_raw_parts(self.start().as_ptr(), self.len as usize) }
    }

    #[inline]
    fn start(&self) -> NonNull<Arena> {
        self.objects.unwrap_or(NonNull::dangling())
    }

    #[cold]
    fn grow(&mut self) -> Option<()> {
        let len = if self.len == 0 { INITIAL_COUNT } else { self.len.checked_mul(2)? };
        let objects = memory::map(vector_bytes(len), 1)?.cast::<Arena>();
        self.move_to(objects);
        (self.len..len).for_each(|i| write(objects, i, Arena::unused(after(i, len))));
        self.unused = after(self.len.wrapping_sub(1), len);
        self.len = len;
        Some(())
    }

    fn move_to(&mut self, objects: NonNull<Arena>) {
        let Some(old) = self.objects.replace(objects) else { return };
        // SAFETY: two vectors of at least `len` objects, in different mappings.
        unsafe { objects.copy_from_nonoverlapping(old, self.len as usize) };
        // SAFETY: the mapping of the earlier `grow`; there is no reference during `&mut self`.
        unsafe { memory::release(old.cast(), vector_bytes(self.len)) };
    }
}

/// The length of a vector's mapping: whole pages.
fn vector_bytes(len: u32) -> usize {
    let below_page = page_size() - 1;
    (len as usize * size_of::<Arena>() + below_page) & !below_page
}

/// The object behind number `i`, as long as there is one.
fn after(i: u32, len: u32) -> Option<ArenaIndex> {
    let next = i.wrapping_add(1);
    (next < len).then_some(ArenaIndex(next))
}

/// Writes object number `i` of a vector that `grow` is filling.
fn write(objects: NonNull<Arena>, i: u32, object: Arena) {
    // SAFETY: `grow` mapped room for it.
    let place = unsafe { objects.add(i as usize) };
    // SAFETY: room that `grow` mapped; nothing there needs dropping.
    unsafe { place.write(object) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn it_starts_with_sixteen_objects_and_doubles() {
        let mut table = ArenaTable::EMPTY;
        assert_eq!(table.as_slice().len(), 0);
        let mut lengths = Vec::new();
        for _ in 0..65 {
            table.take_unused().unwrap();
            lengths.push(table.as_slice().len());
        }
        assert_eq!([lengths[0], lengths[15], lengths[16], lengths[32], lengths[64]], [16, 16, 32, 64, 128]);
    }

    #[test]
    fn indices_survive_growth_with_their_objects() {
        let mut table = ArenaTable::EMPTY;
        let indices: Vec<_> = (0..40).map(|i| named(&mut table, i)).collect();
        for (i, &index) in indices.iter().enumerate() {
            assert_eq!(index.number() as usize, i);
            assert_eq!(table.at(index).free_count(), i);
        }
    }

    fn named(table: &mut ArenaTable, name: u32) -> ArenaIndex {
        let index = table.take_unused().unwrap();
        table.at(index).set_free_count(name);
        index
    }

    #[test]
    fn an_object_that_came_back_is_used_first() {
        let mut table = ArenaTable::EMPTY;
        let [a, b] = [(); 2].map(|()| table.take_unused().unwrap());
        table.give_unused(a);
        table.give_unused(b);
        assert_eq!([table.take_unused(), table.take_unused()], [Some(b), Some(a)]);
    }

    #[test]
    fn a_number_from_elsewhere_is_checked() {
        let mut table = ArenaTable::EMPTY;
        assert!(table.get(0).is_none());
        table.take_unused().unwrap();
        assert!(table.get(15).is_some());
        assert!(table.get(16).is_none());
    }
}
