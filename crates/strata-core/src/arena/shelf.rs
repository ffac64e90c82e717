//! The pools of an arena that nobody owns and that have blocks to give, by size class; and those that are free, by the class that
//! they served last.
//!
//! Putting a pool on the shelf is a *hint*: ownership is the pool's own remote word, or its bit among the free ones. A bit here may
//! be stale (the pool was claimed by a freeing thread, or even serves another class by now); whoever takes it claims the pool
//! and looks.
//!
//! I1  A pool is disowned, or given back, before its bit is set, so that whoever sees the bit can claim the pool.
//!
//! Does not know: who adopts. Models: `loom-tests/tests/p5_adopt.rs`, `p7_stale_offers.rs`.
//! Idea: abandoned-page bitmaps (mimalloc 3).

use crate::address::PoolIndex;
use crate::size_class::{CLASS_COUNT, SizeClass};
use crate::sync::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use core::ptr::NonNull;

/// One word a class.
#[derive(Debug)]
pub struct Shelf {
    words: [AtomicU64; CLASS_COUNT],
}

impl Shelf {
    /// Makes fresh memory an empty shelf.
    ///
    /// # Safety
    /// - `place` is zero, aligned, and the caller's.
    pub(super) unsafe fn init_fresh(place: NonNull<Self>) {
        // SAFETY: the caller's promise.
        unsafe {
            crate::sync::init_fresh(place, || Self { words: [const { 0 }; CLASS_COUNT].map(AtomicU64::new) })
        };
    }

    /// Offers a pool that was just disowned, or given back (I1).
    #[inline]
    pub fn offer(&self, class: SizeClass, pool: PoolIndex) {
        // AcqRel: carries the disowning to whoever takes the bit; pairs with Acquire in shelf.rs::take_among.
        self.words[class.index()].fetch_or(pool.bit(), AcqRel);
    }

    /// The pools that seem to be offered.
    #[inline]
    pub fn glance(&self, class: SizeClass) -> u64 {
        // Relaxed: who follows a hint claims the pool itself, or leaves it.
        self.words[class.index()].load(Relaxed)
    }

    /// Whether nothing is offered.
    #[inline]
    pub fn is_empty(&self, class: SizeClass) -> bool {
        // Acquire: part of a summary's second look; pairs with Release in shelf.rs::offer.
        self.words[class.index()].load(Acquire) == 0
    }

    /// Takes the lowest offer that is one of `pools`.
    pub fn take_among(&self, class: SizeClass, pools: u64) -> Option<PoolIndex> {
        let word = &self.words[class.index()];
        // Relaxed: the exchange below tests it.
        let mut seen = word.load(Relaxed);
        loop {
            let offered = seen & pools;
            if offered == 0 {
                return None;
            }
            let lowest = PoolIndex::new(offered.trailing_zeros() as usize)?;
            // Acquire: sees the disowning; pairs with Release in shelf.rs::offer. Relaxed on failure: tried again.
            match word.compare_exchange(seen, seen & !lowest.bit(), AcqRel, Relaxed) {
                Ok(_) => return Some(lowest),
                Err(now) => seen = now,
            }
        }
    }
}
