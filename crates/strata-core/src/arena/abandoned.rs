//! The unowned pools of an arena that have blocks to give, by size class.
//!
//! A set bit is a *hint*: ownership is the pool's own remote word, or its bit among the free ones. It may be stale (the pool was
//! claimed otherwise, is free, or serves another class by now); a thread that takes it claims the pool and checks.
//!
//! I1  A pool is unowned before its bit is set, by an exchange even if the bit is set already: so a thread that takes the bit afterwards,
//!     whichever owner set it first, sees that the pool is unowned.
//! I2  A thread that takes a bit tries the claim afterwards, and sets the bit again if it finds a published pool that it does not keep.
//!
//! Does not know: who adopts. Models: `loom-tests/tests/p5_adopt.rs`, `p7_stale_offers.rs`.
//! Idea: abandoned-page bitmaps (mimalloc 3).

use crate::address::PoolIndex;
use crate::size_class::{CLASS_COUNT, SizeClass};
use crate::sync::mutation::{BIT_PUBLISH, BIT_TAKE, SET_BITS_ARE_SET_AGAIN};
use crate::sync::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};
use core::ptr::NonNull;

/// One word a class.
#[derive(Debug)]
pub struct AbandonedBitmap {
    words: [AtomicU64; CLASS_COUNT],
}

impl AbandonedBitmap {
    /// Makes fresh memory an empty bitmap.
    ///
    /// # Safety
    /// - `place` is zero, aligned, and the caller's.
    pub(super) unsafe fn init_fresh(place: NonNull<Self>) {
        // SAFETY: zero, aligned and the caller's, by this function's contract.
        unsafe {
            crate::sync::init_fresh(place, || Self { words: [const { 0 }; CLASS_COUNT].map(AtomicU64::new) })
        };
    }

    /// Publishes a pool that was just disowned (I1). Returns whether nothing was published before: then the caller raises the summary.
    #[inline]
    #[must_use = "the first bit needs a hint that leads to it"]
    pub fn publish(&self, class: SizeClass, pool: PoolIndex) -> bool {
        if !SET_BITS_ARE_SET_AGAIN && self.glance(class) & pool.bit() != 0 {
            return false;
        }
        // AcqRel (BIT_PUBLISH): carries the disowning to the thread that takes the bit; pairs with Acquire in abandoned.rs::take.
        self.words[class.index()].fetch_or(pool.bit(), BIT_PUBLISH) == 0
    }

    /// The pools that seem to be published.
    #[inline]
    pub fn glance(&self, class: SizeClass) -> u64 {
        // Relaxed: who follows a hint claims the pool itself, or leaves it.
        self.words[class.index()].load(Relaxed)
    }

    /// Whether nothing is published.
    #[inline]
    pub fn is_empty(&self, class: SizeClass) -> bool {
        // Acquire: part of a summary's second check; pairs with Release in abandoned.rs::publish.
        self.words[class.index()].load(Acquire) == 0
    }

    /// Takes the first bit, from bit `start` on and round.
    pub fn take(&self, class: SizeClass, start: u32) -> Option<PoolIndex> {
        let word = &self.words[class.index()];
        // Relaxed: the exchange below tests it.
        let mut seen = word.load(Relaxed);
        loop {
            if seen == 0 {
                return None;
            }
            let first = (seen.rotate_right(start).trailing_zeros() + start) % u64::BITS;
            let index = PoolIndex::new(first as usize)?;
            // AcqRel (BIT_TAKE): sees the disowning, or the bit would be taken from a pool that seems to be owned still, and lost; pairs
            // with Release in abandoned.rs::publish. Relaxed on failure: tried again.
            match word.compare_exchange(seen, seen & !index.bit(), BIT_TAKE, Relaxed) {
                Ok(_) => return Some(index),
                Err(now) => seen = now,
            }
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn bits_are_taken_from_a_place_on_and_round() {
        let bitmap = AbandonedBitmap { words: [const { 0 }; CLASS_COUNT].map(AtomicU64::new) };
        let class = SizeClass::of(48);
        [3, 9, 63].into_iter().filter_map(PoolIndex::new).for_each(|pool| _ = bitmap.publish(class, pool));
        let taken = [(); 4].map(|()| bitmap.take(class, 5).map(PoolIndex::get));
        assert_eq!(taken, [Some(9), Some(63), Some(3), None]);
    }
}
