//! Prefaulting: an untouched pool is faulted in before its first use, by one call instead of a fault for each page.
//!
//! For pools that will be filled, since their owner fills one after another. Not where huge pages come anyway, nor near a limit, where
//! memory that is not used yet would be taken from others. A kernel that refuses once is not asked again.
//!
//! A pool in use counts as resident in any case, so no number changes.
//!
//! Does not know: which pools are filled; thread caches do. Measured: decision 0031.

use crate::purge::policy::Policy;
use crate::segments::advised::FIT_ARENAS;
use crate::segments::segment::Segment;
use crate::without::PREFAULT;
use strata_core::layout::{ARENA_BYTES, POOL_BYTES};
use strata_core::pool::Pool;
use strata_core::sync::Hint;
use strata_os::{machine, memory};

/// A call for fewer pages saves nothing.
const LEAST_PAGES: usize = 16;

/// Whether the kernel refused to populate memory: 1 or 0.
#[derive(Debug)]
pub(crate) struct Refusal(Hint);

impl Refusal {
    pub(crate) const fn none() -> Self {
        Self(Hint::new(0))
    }
}

/// The room: references to what it may reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefault<'heap> {
    refusal: &'heap Refusal,
    policy: &'heap Policy,
}

impl<'heap> Prefault<'heap> {
    pub(crate) fn new(refusal: &'heap Refusal, policy: &'heap Policy) -> Self {
        Self { refusal, policy }
    }

    /// Faults in a pool that the caller owns, and that was never touched since the kernel gave its addresses.
    #[cold]
    pub(crate) fn take(&self, pool: &Pool) {
        // SAFETY: committed with its arena; the caller's.
        if self.may_take(pool) && !unsafe { memory::populate(pool.base(), POOL_BYTES) } {
            self.refusal.0.set(1);
        }
    }

    fn may_take(&self, pool: &Pool) -> bool {
        // SAFETY: claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(pool) };
        PREFAULT
            && FIT_ARENAS
            && POOL_BYTES / machine::page_size() >= LEAST_PAGES
            && !segment.is_advised(arena)
            && !segment.is_pinned()
            && self.refusal.0.get() == 0
            && self.policy.is_far_from_limit(ARENA_BYTES as u64)
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use crate::tuning::HugePageChoice;
    use strata_core::sync::Ordering::Relaxed;

    fn claim(page_heap: &PageHeap) -> &'static Pool {
        page_heap.claim_pool().unwrap().first
    }

    #[test]
    fn memory_that_was_prefaulted_is_zero_and_may_be_written() {
        static HEAP: PageHeap = PageHeap::new();
        let pool = claim(&HEAP);
        assert!(HEAP.prefaults().may_take(pool) || machine::page_size() > POOL_BYTES / LEAST_PAGES);
        HEAP.prefault(pool);
        let words = pool.base().cast::<u64>();
        for index in 0..POOL_BYTES / size_of::<u64>() {
            // SAFETY: within the pool, which is ours.
            let word = unsafe { words.add(index) };
            // SAFETY: within the pool, which is ours.
            assert_eq!(unsafe { word.read() }, 0);
            // SAFETY: within the pool, which is ours.
            unsafe { word.write(!0) };
        }
    }

    #[test]
    fn a_kernel_that_refused_is_not_asked_again() {
        static HEAP: PageHeap = PageHeap::new();
        let pool = claim(&HEAP);
        HEAP.populate.0.set(1);
        assert!(!HEAP.prefaults().may_take(pool));
    }

    #[test]
    fn nothing_is_prefaulted_near_a_limit() {
        static HEAP: PageHeap = PageHeap::new();
        let pool = claim(&HEAP);
        HEAP.policy.assume_headroom(ARENA_BYTES as u64);
        assert!(!HEAP.prefaults().may_take(pool));
    }

    #[test]
    fn what_comes_in_huge_pages_is_not_prefaulted() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.thp.policy.set(1 + machine::HugePages::OnAdvice as u64);
        HEAP.tuning.huge_pages.store(HugePageChoice::Always as u64, Relaxed);
        assert!(!HEAP.prefaults().may_take(claim(&HEAP)));
    }
}
