//! Blocks that came out of pools and went back to them, by class: counted by the batch, in words of the thread's own.
//!
//! ```text
//!   pools ──refill──► taken │ magazines and the program │ returned ──flush──► pools
//!                        taken − returned = live + ready, when the program is quiet
//! ```
//!
//! A thread that ends hands its counts over to those of the departed. What turns over inside a magazine passes no counter.
//!
//! Owner: the thread. Statistics read it racily.
//! Does not know: who takes, and why.

use core::mem::offset_of;
use strata_core::counters::Counter;
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_core::sync::OwnedUsize;

/// Classes of which the departed are counted. In models none: nobody reads them, and they would be many cells.
const KEPT: usize = if cfg!(strata_loom) { 0 } else { CLASS_COUNT };

/// Of one class and one thread.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Turnover {
    taken: OwnedUsize,
    returned: OwnedUsize,
}

/// Where both counts are, of a thread and of those that ended: for readers of another process.
pub(crate) const FIELDS: [u32; 2] =
    [offset_of!(Turnover, taken) as u32, offset_of!(Turnover, returned) as u32];

const _: () = assert!(
    cfg!(strata_loom)
        || offset_of!(Turnover, taken) == offset_of!(OfDeparted, taken)
            && offset_of!(Turnover, returned) == offset_of!(OfDeparted, returned)
);
/// Bytes from one class's counts of the departed to the next.
pub(crate) const DEPARTED_BYTES: usize = size_of::<OfDeparted>();

impl Turnover {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { taken: OwnedUsize::zero(), returned: OwnedUsize::zero() }
        }
    }

    /// Blocks came.
    #[inline]
    pub(crate) fn note_taken(&self, blocks: u32) {
        self.taken.set(self.taken.get() + blocks as usize);
    }

    /// Blocks went.
    #[inline]
    pub(crate) fn note_returned(&self, blocks: u32) {
        self.returned.set(self.returned.get() + blocks as usize);
    }

    /// Those that came less those that went, of which other threads may have freed some; it may wrap.
    #[inline]
    pub(crate) fn outside(&self) -> u32 {
        self.taken.get().wrapping_sub(self.returned.get()) as u32
    }

    /// Blocks that came, and that went: a racy read.
    pub(crate) fn glance(&self) -> (u64, u64) {
        (self.taken.glance() as u64, self.returned.glance() as u64)
    }
}

/// Of threads that ended, heaps that are gone, and frees on threads that had no cache.
#[derive(Debug)]
pub struct Departed {
    classes: [OfDeparted; KEPT],
}

#[repr(C)]
#[derive(Debug)]
struct OfDeparted {
    taken: Counter,
    returned: Counter,
}

impl OfDeparted {
    strata_core::const_unless_loom! {
        fn new() -> Self {
            Self { taken: Counter::zero(), returned: Counter::zero() }
        }
    }
}

impl Departed {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { classes: strata_core::each_slot!(OfDeparted::new(); KEPT) }
        }
    }

    /// Takes the counts of a thread that ends over.
    pub(crate) fn take_over(&self, class: SizeClass, turnover: &Turnover) {
        let (taken, returned) = (turnover.taken.get(), turnover.returned.get());
        if taken == 0 && returned == 0 {
            return;
        }
        turnover.taken.set(0);
        turnover.returned.set(0);
        if let Some(of) = self.classes.get(class.index()) {
            of.taken.add(taken as u64);
            of.returned.add(returned as u64);
        }
    }

    /// A block was given back by a thread that has no cache.
    pub(crate) fn note_returned(&self, class: SizeClass) {
        self.classes.get(class.index()).into_iter().for_each(|of| of.returned.add(1));
    }

    /// Blocks of a class that came, and that went.
    pub fn read(&self, class: SizeClass) -> (u64, u64) {
        self.classes.get(class.index()).map_or((0, 0), |of| (of.taken.get(), of.returned.get()))
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use crate::registry::Runtime;
    use crate::scene::{free, new};
    use std::vec::Vec;
    use strata_core::size_class::SizeClass;

    /// Blocks that came less those that went, of all who ever did.
    fn outside_of_pools(runtime: &'static Runtime, class: SizeClass) -> u64 {
        let of_threads = runtime.registry.caches().map(|cache| cache.turnover(class));
        let (taken, returned) = of_threads
            .chain([runtime.departed.read(class)])
            .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        taken - returned
    }

    fn live(runtime: &'static Runtime, class: SizeClass) -> u64 {
        runtime.page_heap.snapshot().classes[class.index()].live_blocks
    }

    #[test]
    fn what_came_less_what_went_is_what_pools_count_as_live() {
        static RUNTIME: Runtime = Runtime::new();
        let (one, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        let mut held = Vec::new();
        for round in 0..5 {
            for class in SizeClass::all() {
                held.extend((0..40).map(|_| (new(one, class), class)));
            }
            let kept = held.len() / 3;
            for (index, (block, class)) in held.drain(kept..).enumerate() {
                free(if (index + round) % 2 == 0 { one } else { other }, block, class);
            }
            for class in SizeClass::all() {
                assert_eq!(outside_of_pools(&RUNTIME, class), live(&RUNTIME, class), "{class:?}");
            }
        }
        // SAFETY: the caches of a test have one user, who uses this one no more.
        unsafe { RUNTIME.leave(other) };
        for class in SizeClass::all() {
            assert_eq!(outside_of_pools(&RUNTIME, class), live(&RUNTIME, class), "{class:?}");
            assert_eq!(other.turnover(class), (0, 0), "the next thread begins anew");
        }
    }
}
