//! What keeps two threads out of one heap: the process's lock, or the caller's word that there is only one thread.
//!
//! | way           | entering              | counting           |
//! |---------------|-----------------------|--------------------|
//! | [`Locked`]    | takes the lock `HEAP` | an atomic addition |
//! | [`OneThread`] | nothing               | load, add, store   |
//!
//! The second is what CPython does, whose interpreter lock is taken elsewhere and held for long: it is the design's own
//! time, and the difference between the two is the lock's.
//!
//! Does not know: what a heap is.

use crate::fork::HEAP;
use crate::lock::Held;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

/// A way to be alone in a heap: [`Locked`] or [`OneThread`]. Sealed, since the heap's soundness is its business.
pub trait Exclusion: Enter + 'static {}

/// What a way does.
pub trait Enter {
    /// As long as it lives, no other thread is in.
    type Inside;

    /// Waits until no other thread is in.
    fn enter() -> Self::Inside;

    /// Adds to a number that several threads may count.
    fn add(number: &AtomicUsize, change: isize);
}

/// Every call takes the process's one lock: any thread may call.
#[derive(Clone, Copy, Debug)]
pub struct Locked;

/// No lock at all: the maker of the heap promised that calls never overlap.
#[derive(Clone, Copy, Debug)]
pub struct OneThread;

/// The lock, until dropped.
pub struct Lease {
    _held: Held<'static>,
}

impl Exclusion for Locked {}
impl Exclusion for OneThread {}

impl Enter for Locked {
    type Inside = Lease;

    #[inline]
    fn enter() -> Lease {
        Lease { _held: HEAP.acquire() }
    }

    #[inline]
    fn add(number: &AtomicUsize, change: isize) {
        // Relaxed: a number for people.
        number.fetch_add(change.cast_unsigned(), Relaxed);
    }
}

impl Enter for OneThread {
    type Inside = ();

    #[inline]
    fn enter() {}

    #[inline]
    fn add(number: &AtomicUsize, change: isize) {
        // Relaxed, both: one thread.
        let now = number.load(Relaxed).wrapping_add_signed(change);
        // Relaxed: as above.
        number.store(now, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts_both_ways<X: Exclusion>() {
        let number = AtomicUsize::new(0);
        [1, 1, -1].into_iter().for_each(|change| X::add(&number, change));
        assert_eq!(number.load(Relaxed), 1);
    }

    #[test]
    fn both_ways_count_up_and_down() {
        counts_both_ways::<Locked>();
        counts_both_ways::<OneThread>();
    }
}
