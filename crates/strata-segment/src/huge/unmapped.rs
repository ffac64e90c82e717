//! Where huge blocks lay whose addresses went back last: a block that is freed twice there has no head that could be read.
//!
//! A word for a range: the first arena boundary in it, and how many there are; a block's head is found from one. A range is noted
//! before it is unmapped and forgotten before a block there is handed out, and in between the kernel unmaps and maps: so a thread that holds a
//! live block never finds it here. The latest few are kept; of an earlier one a second free ends by a fault, as before.
//!
//! Does not know: extents, heads.

use core::ptr::NonNull;
use strata_core::address::UserPtr;
use strata_core::layout::{ARENA_BYTES, ARENA_SHIFT};
use strata_core::sync::Hint;

/// Ranges that are known: two cache lines.
const RANGES: usize = 16;
const COUNT_BITS: u32 = 28;
const MOST: usize = (1 << COUNT_BITS) - 1;

/// The latest ranges.
#[derive(Debug)]
pub(crate) struct Unmapped {
    ranges: [Hint; RANGES],
}

impl Unmapped {
    pub(crate) const fn new() -> Self {
        Self { ranges: [const { Hint::new(0) }; RANGES] }
    }

    /// These addresses, in which no live block lies, are about to go back.
    pub(super) fn note(&self, start: NonNull<u8>, bytes: usize) {
        let start = start.addr().get();
        let end = start.saturating_add(bytes);
        let first = start.div_ceil(ARENA_BYTES);
        let count = end.div_ceil(ARENA_BYTES).saturating_sub(first).min(MOST);
        // Neighbours take turns.
        self.ranges[first % RANGES].set((first << COUNT_BITS | count) as u64);
    }

    /// A block is about to be handed out whose head is found from this boundary, or from the page in front of it.
    pub(super) fn forget(&self, boundary: usize) {
        self.ranges.iter().filter(|range| has(range, boundary)).for_each(|range| range.set(0));
    }

    /// Whether what would be the head of a huge block is known to be gone.
    pub(super) fn has(&self, pointer: UserPtr) -> bool {
        let boundary = pointer.arena().as_non_null().addr().get();
        self.ranges.iter().any(|range| has(range, boundary))
    }
}

fn has(range: &Hint, boundary: usize) -> bool {
    let range = range.get() as usize;
    (boundary >> ARENA_SHIFT).wrapping_sub(range >> COUNT_BITS) < range & MOST
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    fn at(address: usize) -> NonNull<u8> {
        NonNull::new(core::ptr::without_provenance_mut(address)).unwrap()
    }

    fn knows(unmapped: &Unmapped, address: usize) -> bool {
        unmapped.has(UserPtr::new(at(address)))
    }

    #[test]
    fn every_boundary_of_a_range_is_known_until_a_block_is_handed_out_there() {
        let unmapped = Unmapped::new();
        unmapped.note(at(8 * ARENA_BYTES), 2 * ARENA_BYTES + 4096);
        let known = |arena: usize| knows(&unmapped, arena * ARENA_BYTES + 4096);
        assert_eq!([7, 8, 9, 10, 11].map(known), [false, true, true, true, false]);
        unmapped.forget(9 * ARENA_BYTES);
        assert!(![8, 9, 10].iter().any(|arena| known(*arena)));
    }

    #[test]
    fn a_head_in_front_of_its_boundary_is_known_by_the_boundary() {
        let unmapped = Unmapped::new();
        unmapped.note(at(8 * ARENA_BYTES - 4096), ARENA_BYTES);
        assert!(knows(&unmapped, 8 * ARENA_BYTES) && !knows(&unmapped, 7 * ARENA_BYTES));
    }

    #[test]
    fn a_piece_without_a_boundary_and_nothing_are_no_ranges() {
        let unmapped = Unmapped::new();
        unmapped.note(at(8 * ARENA_BYTES + 4096), ARENA_BYTES - 4096);
        assert!(!knows(&unmapped, 8 * ARENA_BYTES) && !knows(&unmapped, 9 * ARENA_BYTES));
        assert!(!knows(&unmapped, ARENA_BYTES));
    }

    #[test]
    fn the_latest_are_kept() {
        let unmapped = Unmapped::new();
        (1..=RANGES + 1).for_each(|arena| unmapped.note(at(arena * ARENA_BYTES), ARENA_BYTES));
        assert!(!knows(&unmapped, ARENA_BYTES));
        assert!((2..=RANGES + 1).all(|arena| knows(&unmapped, arena * ARENA_BYTES)));
    }
}
