//! Freed huge mappings between two uses: within a bound of bytes, and by the purge pass of time.
//!
//! | slot  | who may leave it   | to    | by              | what becomes visible          |
//! |-------|--------------------|-------|-----------------|-------------------------------|
//! | empty | a freeing thread   | full  | swap, AcqRel    | the mapping's head            |
//! | full  | an allocating one, | empty | swap, AcqRel    | the mapping's head            |
//! |       | a freeing one, the purge pass |  |             |                               |
//!
//! I1  A mapping on the shelf is nobody's; whoever swaps it out of its slot owns it. Sizes beside the slots are hints.
//! I2  What was freed last is kept: when the bound or the slots are exceeded, others make room in turn.
//!
//! Does not know: how to map, grow or unmap. Model: `loom-tests/tests/p9_huge_shelf.rs`.
//! Measured (decision 0006): a loop over touched blocks of 5 to 25 MiB, against unmapping each at once.

use crate::purge::Which;
use core::ptr::NonNull;
use strata_core::arena::ArenaHead;
use strata_core::sync::mutation::{HUGE_PUT, HUGE_TAKE};
use strata_core::sync::{AtomicPtr, AtomicU64, Hint, Ordering::Acquire, Ordering::Relaxed};

/// Mappings that may wait for reuse at a time.
const SLOT_COUNT: usize = if cfg!(strata_loom) { 1 } else { 16 };

/// How many times as large as the request a reused mapping may be.
///
/// Its pages are resident anyway, and what asks for a huge block is often a vector that will double: then the slack is
/// room to grow in. A tighter fit (one eighth) made growing vectors fault in fresh pages beside kept ones.
const MOST_TIMES: u64 = 2;

/// The shelf.
#[derive(Debug)]
pub(crate) struct HugeShelf {
    slots: [AtomicPtr<ArenaHead>; SLOT_COUNT],
    /// Sizes beside the slots, in bytes; 0: none.
    sizes: [AtomicU64; SLOT_COUNT],
    /// Which slots were full at the last look, and which at the last two: hints.
    aged: Hint,
    settled: Hint,
    kept_bytes: AtomicU64,
    /// The slot that makes room next.
    turn: AtomicU64,
}

impl HugeShelf {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                slots: strata_core::each_slot!(AtomicPtr::new(core::ptr::null_mut()); SLOT_COUNT),
                sizes: strata_core::each_slot!(AtomicU64::new(0); SLOT_COUNT),
                aged: Hint::new(0),
                settled: Hint::new(0),
                kept_bytes: AtomicU64::new(0),
                turn: AtomicU64::new(0),
            }
        }
    }

    /// Takes the smallest mapping of `mapped` to twice as many bytes; failing that, the largest that is smaller.
    pub(crate) fn take(&self, mapped: usize) -> Option<NonNull<ArenaHead>> {
        let need = mapped as u64;
        let most = need.saturating_mul(MOST_TIMES);
        // Relaxed: hints; the taker looks at the mapping itself.
        let sizes =
            || self.sizes.iter().map(|size| size.load(Relaxed)).enumerate().filter(|(_, size)| *size != 0);
        let fitting = sizes().filter(|(_, size)| (need..=most).contains(size)).min_by_key(|(_, size)| *size);
        let (slot, _) =
            fitting.or_else(|| sizes().filter(|(_, size)| *size < need).max_by_key(|(_, size)| *size))?;
        self.take_slot(slot)
    }

    /// Keeps a mapping of `bytes`, no more than `bound`; what has to make room for it is handed over.
    pub(crate) fn put(
        &self,
        head: NonNull<ArenaHead>,
        bytes: u64,
        bound: u64,
        mut displaced: impl FnMut(NonNull<ArenaHead>),
    ) {
        for _ in 0..SLOT_COUNT {
            // Relaxed: a bound that a few threads at once may exceed by a mapping each.
            if self.kept_bytes.load(Relaxed) + bytes <= bound {
                break;
            }
            if let Some(other) = self.take_slot(self.next_turn()) {
                displaced(other);
            }
        }
        // Relaxed: a hint; whatever is in the slot by then is displaced.
        let empty = self.slots.iter().position(|slot| slot.load(Relaxed).is_null());
        let slot = empty.unwrap_or_else(|| self.next_turn());
        // Relaxed: a sum.
        self.kept_bytes.fetch_add(bytes, Relaxed);
        self.aged.set(self.aged.get() & !(1 << slot));
        // AcqRel (HUGE_PUT): publishes the head and the end of its use, and sees those of what was there; pairs with Acquire
        // in huge_shelf.rs::take_slot.
        if let Some(other) = NonNull::new(self.slots[slot].swap(head.as_ptr(), HUGE_PUT)) {
            self.discount(other);
            displaced(other);
        }
        // Relaxed: a hint, which goes stale when another thread uses the slot at the same time; the taker looks for itself.
        self.sizes[slot].store(bytes, Relaxed);
    }

    /// Hands over what `wanted` says of what waits; whether something still waits.
    pub(crate) fn age(&self, wanted: Which, mut unmap: impl FnMut(NonNull<ArenaHead>)) -> bool {
        let (aged, settled) = (self.aged.get(), self.settled.get() & self.aged.get());
        let mut waiting = 0;
        for (slot, place) in self.slots.iter().enumerate() {
            // Acquire: pairs with Release in huge_shelf.rs::put.
            if place.load(Acquire).is_null() {
                continue;
            }
            if wanted.among(1 << slot, settled) == 0 {
                waiting |= 1 << slot;
            } else if let Some(head) = self.take_slot(slot) {
                unmap(head);
            }
        }
        self.settled.set(waiting & aged);
        self.aged.set(waiting);
        waiting != 0
    }

    /// Bytes that wait for reuse.
    pub(crate) fn kept_bytes(&self) -> u64 {
        // Relaxed: a statistic.
        self.kept_bytes.load(Relaxed)
    }

    fn take_slot(&self, slot: usize) -> Option<NonNull<ArenaHead>> {
        // Relaxed: a hint; stored before the swap so that a mapping put afterwards keeps its size.
        self.sizes[slot].store(0, Relaxed);
        // Acquire (HUGE_TAKE): sees the mapping's head and the end of its use; pairs with Release in huge_shelf.rs::put.
        let head = NonNull::new(self.slots[slot].swap(core::ptr::null_mut(), HUGE_TAKE))?;
        self.discount(head);
        Some(head)
    }

    fn discount(&self, head: NonNull<ArenaHead>) {
        // SAFETY: ours since it left its slot (I1).
        let bytes = unsafe { head.as_ref() }.mapped_bytes as u64;
        // Relaxed: a sum for the bound.
        self.kept_bytes.fetch_sub(bytes, Relaxed);
    }

    #[cfg_attr(strata_loom, allow(clippy::modulo_one, reason = "one slot is enough for a model"))]
    fn next_turn(&self) -> usize {
        // Relaxed: any order of turns will do.
        self.turn.fetch_add(1, Relaxed) as usize % SLOT_COUNT
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::vec::Vec;

    fn mapping(bytes: u64) -> NonNull<ArenaHead> {
        NonNull::from(Box::leak(Box::new(ArenaHead::of_huge(bytes as usize, 0))))
    }

    fn put(shelf: &HugeShelf, bytes: u64, bound: u64) -> Vec<u64> {
        let mut displaced = Vec::new();
        shelf.put(mapping(bytes), bytes, bound, |head| {
            // SAFETY: heads of this test live for ever.
            displaced.push(unsafe { head.as_ref() }.mapped_bytes as u64);
        });
        displaced
    }

    fn take(shelf: &HugeShelf, bytes: usize) -> Option<usize> {
        // SAFETY: as above.
        shelf.take(bytes).map(|head| unsafe { head.as_ref() }.mapped_bytes)
    }

    #[test]
    fn the_tightest_of_those_that_fit_is_taken() {
        let shelf = HugeShelf::new();
        for bytes in [400, 150, 120, 90] {
            assert!(put(&shelf, bytes, 1000).is_empty());
        }
        assert_eq!(take(&shelf, 100), Some(120));
        assert_eq!(take(&shelf, 100), Some(150));
        assert_eq!(shelf.kept_bytes(), 490);
    }

    #[test]
    fn the_largest_that_is_too_small_comes_next_and_the_far_too_large_never() {
        let shelf = HugeShelf::new();
        for bytes in [400, 90, 40] {
            assert!(put(&shelf, bytes, 1000).is_empty());
        }
        assert_eq!(take(&shelf, 100), Some(90));
        assert_eq!(take(&shelf, 100), Some(40));
        assert_eq!(take(&shelf, 100), None);
    }

    #[test]
    fn what_came_last_stays_and_others_make_room() {
        let shelf = HugeShelf::new();
        assert!(put(&shelf, 60, 100).is_empty());
        assert!(put(&shelf, 40, 100).is_empty());
        assert_eq!(put(&shelf, 50, 100), [60]);
        assert_eq!(shelf.kept_bytes(), 90);
    }

    #[test]
    fn three_looks_hand_over_what_waited() {
        let shelf = HugeShelf::new();
        let _ = put(&shelf, 60, 100);
        assert!(shelf.age(Which::Settled, |_| panic!("too early")));
        assert!(shelf.age(Which::Settled, |_| panic!("too early")));
        let mut unmapped = 0;
        assert!(!shelf.age(Which::Settled, |_| unmapped += 1));
        assert_eq!((unmapped, shelf.kept_bytes()), (1, 0));
    }
}
