//! A free range of one mapping: what freed huge blocks leave, to be cut and joined as requests need it.
//!
//! ```text
//!        ├─ front ─┼──────────── block ────────────┼── rest ──┤
//!                  ▲ arena boundary                ▲ any page; in huge pages, between two of them
//! ```
//!
//! A block starts at an arena boundary, since its header is found from there, and ends at any page. So an extent may start at
//! any page, too; what lies in front of its first boundary is used again when it is joined with what lies before it.
//!
//! I1  Only extents of one mapping are joined: the kernel neither moves nor grows a range that spans two.
//! I2  No huge page is cut: a part of one is small pages to the kernel, even when the other part joins it again.
//!
//! Does not know: where extents are kept, how they are unmapped.

use core::ptr::NonNull;
use strata_core::layout::ARENA_BYTES;
use strata_os::machine::HUGE_PAGE_BYTES;

/// Tells the mappings of a process apart, and those that may have huge pages from those that have small ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MappingNumber(pub(super) u64);

impl MappingNumber {
    const HUGE_PAGES: u64 = 1;
    /// How far two numbers are apart.
    pub(super) const STEP: u64 = 2;

    /// The number of the same mapping once the kernel was asked for huge pages there.
    pub(super) fn in_huge_pages(self) -> Self {
        Self(self.0 | Self::HUGE_PAGES)
    }

    pub(super) fn is_in_huge_pages(self) -> bool {
        self.0 & Self::HUGE_PAGES != 0
    }
}

/// A range that the holder owns.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a dropped extent is lost memory"]
pub(super) struct Extent {
    pub(super) start: NonNull<u8>,
    pub(super) bytes: usize,
    pub(super) mapping: MappingNumber,
}

impl Extent {
    /// Behind its last byte.
    pub(super) fn end(&self) -> *mut u8 {
        self.start.as_ptr().wrapping_byte_add(self.bytes)
    }

    /// Where to cut if at least its first `bytes` are to stay together (I2).
    pub(super) fn cut_behind(&self, bytes: usize) -> usize {
        let pages = if self.mapping.is_in_huge_pages() { HUGE_PAGE_BYTES } else { 1 };
        let end = self.start.addr().get().saturating_add(bytes);
        end.checked_next_multiple_of(pages).map_or(bytes, |whole| bytes + (whole - end))
    }

    /// Cuts off what lies behind its first `bytes`, if there is anything.
    pub(super) fn cut(self, bytes: usize) -> (Self, Option<Self>) {
        if bytes >= self.bytes {
            return (self, None);
        }
        let behind = self.start.as_ptr().wrapping_byte_add(bytes);
        // SAFETY: within the extent, hence not null.
        let start = unsafe { NonNull::new_unchecked(behind) };
        let rest = Self { start, bytes: self.bytes - bytes, mapping: self.mapping };
        (Self { bytes, ..self }, Some(rest))
    }

    /// Parts what lies in front of the first arena boundary from what lies behind.
    pub(super) fn cut_at_boundary(self) -> (Option<Self>, Option<Self>) {
        match front_bytes(self.start.addr().get()) {
            0 => (None, Some(self)),
            front => {
                let (front, block) = self.cut(front);
                (Some(front), block)
            }
        }
    }

    /// Both as one, if they are neighbours (I1); otherwise they come back as they are.
    pub(super) fn join(self, other: Self) -> Result<Self, (Self, Self)> {
        let (low, high) = if self.start < other.start { (&self, &other) } else { (&other, &self) };
        if low.end() == high.start.as_ptr() && low.mapping == high.mapping {
            Ok(Self { start: low.start, bytes: low.bytes + high.bytes, mapping: low.mapping })
        } else {
            Err((self, other))
        }
    }
}

/// The bytes from the first arena boundary on, in a range of `bytes` at `address`.
pub(super) fn room(address: usize, bytes: usize) -> usize {
    bytes.saturating_sub(front_bytes(address))
}

fn front_bytes(address: usize) -> usize {
    address.wrapping_neg() & (ARENA_BYTES - 1)
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn extent(address: usize, bytes: usize, mapping: u64) -> Extent {
        let start = NonNull::new(core::ptr::without_provenance_mut(address)).unwrap();
        Extent { start, bytes, mapping: MappingNumber(mapping) }
    }

    #[test]
    fn what_is_cut_can_be_joined_again_in_either_order() {
        for swapped in [false, true] {
            let (front, rest) = extent(64 * MIB, 10 * MIB, 1).cut(3 * MIB);
            let rest = rest.unwrap();
            assert_eq!((front.bytes, rest.bytes), (3 * MIB, 7 * MIB));
            let joined = if swapped { rest.join(front) } else { front.join(rest) };
            assert_eq!(joined, Ok(extent(64 * MIB, 10 * MIB, 1)));
        }
    }

    #[test]
    fn a_cut_passes_by_huge_pages_if_there_are_any() {
        let small = extent(66 * MIB, 10 * MIB, 2);
        let huge = Extent { mapping: small.mapping.in_huge_pages(), ..extent(66 * MIB, 10 * MIB, 2) };
        assert_eq!(small.cut_behind(MIB + 1), MIB + 1);
        assert_eq!(huge.cut_behind(MIB + 1), 2 * MIB);
        assert_eq!(huge.cut_behind(2 * MIB), 2 * MIB);
        let odd = Extent { mapping: huge.mapping, ..extent(67 * MIB, 9 * MIB, 2) };
        assert_eq!(odd.cut_behind(MIB + 1), 3 * MIB);
        assert_eq!(odd.cut_behind(usize::MAX), usize::MAX);
    }

    #[test]
    fn neighbours_of_two_mappings_stay_apart_and_so_do_unrelated_ranges() {
        assert!(extent(64 * MIB, MIB, 1).join(extent(65 * MIB, MIB, 2)).is_err());
        assert!(extent(64 * MIB, MIB, 1).join(extent(66 * MIB, MIB, 1)).is_err());
    }

    #[test]
    fn the_room_begins_at_a_boundary() {
        assert_eq!(room(64 * MIB, 5 * MIB), 5 * MIB);
        assert_eq!(room(65 * MIB, 5 * MIB), 2 * MIB);
        assert_eq!(room(65 * MIB, 3 * MIB), 0);
        let (front, block) = extent(65 * MIB, 5 * MIB, 1).cut_at_boundary();
        assert_eq!((front, block), (Some(extent(65 * MIB, 3 * MIB, 1)), Some(extent(68 * MIB, 2 * MIB, 1))));
        assert_eq!(extent(65 * MIB, 2 * MIB, 1).cut_at_boundary().1, None);
        assert_eq!(extent(64 * MIB, 2 * MIB, 1).cut_at_boundary().0, None);
    }
}
