//! The partial pools of one class, those at lower addresses first, more or less: a ring of headers.
//!
//! A pool that has room comes first if it lies below the one that was, and last otherwise. That is no order to rely on, but enough
//! for blocks to be taken at one end while pools at the other drain. One word a class: the last is the first's predecessor.
//!
//! Owner: the cache.
//! Idea: the lowest first (jemalloc's slabs, and first fit in order of addresses before it). Decision 0019.

use strata_core::pool::Pool;
use strata_core::size_class::SizeClass;
use strata_core::sync::OwnedPtr;

/// A ring of pools, linked through their headers.
#[derive(Debug)]
pub(crate) struct Queue {
    first: OwnedPtr<Pool>,
}

impl Queue {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { first: OwnedPtr::null() }
        }
    }

    /// The first.
    pub(crate) fn first(&self) -> Option<&'static Pool> {
        // SAFETY: pools in a queue are initialised, and their headers are never unmapped.
        unsafe { self.first.get().as_ref() }
    }

    /// The one behind `pool`, which is in this queue.
    pub(crate) fn behind(&self, pool: &Pool) -> Option<&'static Pool> {
        let next = pool.queue_links().0.get();
        // SAFETY: as above; the first again means that there is none.
        if next == self.first.get() { None } else { unsafe { next.as_ref() } }
    }

    /// The last.
    pub(crate) fn last(&self) -> Option<&'static Pool> {
        // SAFETY: as above.
        self.first().and_then(|first| unsafe { first.queue_links().1.get().as_ref() })
    }

    /// The one before `pool`, which is in this queue.
    pub(crate) fn before(&self, pool: &Pool) -> Option<&'static Pool> {
        if core::ptr::from_ref(pool) == self.first.get().cast_const() {
            return None;
        }
        // SAFETY: as above.
        unsafe { pool.queue_links().1.get().as_ref() }
    }

    /// Puts `pool`, which is of `class` and in no queue, first if it has room and lies below the one that is, and last otherwise:
    /// without room at the front, it would hide those that have some.
    pub(crate) fn push(&self, class: SizeClass, pool: &'static Pool) {
        let place = core::ptr::from_ref(pool).cast_mut();
        let is_lowest = place < self.first.get();
        self.push_back(pool);
        if is_lowest && pool.has_room(class) {
            self.first.set(place);
        }
    }

    /// Puts `pool`, which is in no queue, last.
    pub(crate) fn push_back(&self, pool: &'static Pool) {
        let place = core::ptr::from_ref(pool).cast_mut();
        let (next, prev) = pool.queue_links();
        match self.first() {
            None => {
                next.set(place);
                prev.set(place);
                self.first.set(place);
            }
            Some(first) => {
                let last = first.queue_links().1.get();
                next.set(self.first.get());
                prev.set(last);
                // SAFETY: the last pool of the ring.
                unsafe { &*last }.queue_links().0.set(place);
                first.queue_links().1.set(place);
            }
        }
    }

    /// Takes `pool`, which is in this queue, out.
    pub(crate) fn remove(&self, pool: &Pool) {
        let (next, prev) = (pool.queue_links().0.get(), pool.queue_links().1.get());
        let place = core::ptr::from_ref(pool).cast_mut();
        if next == place {
            self.first.set(core::ptr::null_mut());
        } else {
            // SAFETY: neighbours in the ring.
            unsafe { &*prev }.queue_links().0.set(next);
            // SAFETY: as above.
            unsafe { &*next }.queue_links().1.set(prev);
            if self.first.get() == place {
                self.first.set(next);
            }
        }
    }

    /// Makes the first the last.
    pub(crate) fn rotate(&self) {
        if let Some(first) = self.first() {
            self.first.set(first.queue_links().0.get());
        }
    }

    /// The first pool that `wanted` accepts.
    pub(crate) fn find(&self, wanted: impl Fn(&Pool) -> bool) -> Option<&'static Pool> {
        let first = self.first()?;
        let mut pool = first;
        loop {
            if wanted(pool) {
                return Some(pool);
            }
            // SAFETY: the ring of a queue that is not empty.
            pool = unsafe { &*pool.queue_links().0.get() };
            if core::ptr::eq(pool, first) {
                return None;
            }
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use std::vec::Vec;
    use strata_core::layout::LARGEST_CLASS_BYTES;
    use strata_core::pool::Memory;
    use strata_segment::Directory;

    /// Pools that nobody else knows.
    fn pools<const COUNT: usize>(directory: &'static Directory) -> [&'static Pool; COUNT] {
        core::array::from_fn(|_| directory.claim_pool().unwrap().first)
    }

    /// What is in a queue, from the first on; it is empty afterwards.
    fn drained(queue: &Queue) -> Vec<usize> {
        core::iter::from_fn(|| queue.first().inspect(|pool| queue.remove(pool)))
            .map(|pool| pool.index().get())
            .collect()
    }

    fn filled(pools: &[&'static Pool]) -> Queue {
        let queue = Queue::new();
        pools.iter().for_each(|pool| queue.push_back(pool));
        queue
    }

    #[test]
    fn pools_put_last_leave_in_the_order_in_which_they_came() {
        static DIRECTORY: Directory = Directory::new();
        let pools = pools::<4>(&DIRECTORY);
        let indices: Vec<_> = pools.iter().map(|pool| pool.index().get()).collect();
        let queue = filled(&pools);
        assert_eq!(drained(&queue), indices);
        assert!(queue.first().is_none());
    }

    #[test]
    fn a_pool_with_room_below_the_first_comes_first_and_any_other_last() {
        static DIRECTORY: Directory = Directory::new();
        let class = SizeClass::of(LARGEST_CLASS_BYTES);
        let mut pools = pools::<5>(&DIRECTORY);
        pools.sort_unstable_by_key(|pool| pool.base());
        pools.iter().for_each(|pool| pool.open(class, core::ptr::null_mut(), Memory::Zero));
        let [full, lowest, low, high, highest] = pools;
        // SAFETY: opened just now: the test's, and of this class.
        while unsafe { full.carve_untouched(class) }.is_some() {}
        let queue = Queue::new();
        [low, highest, lowest, full, high].into_iter().for_each(|pool| queue.push(class, pool));
        assert_eq!(drained(&queue), [lowest, low, highest, full, high].map(|pool| pool.index().get()));
    }

    #[test]
    fn a_queue_can_be_walked_both_ways() {
        static DIRECTORY: Directory = Directory::new();
        let pools = pools::<3>(&DIRECTORY);
        let indices = pools.map(|pool| pool.index().get());
        let queue = filled(&pools);
        let walked = |start: Option<&'static Pool>, step: fn(&Queue, &Pool) -> Option<&'static Pool>| {
            core::iter::successors(start, |pool| step(&queue, pool))
                .map(|pool| pool.index().get())
                .collect::<Vec<_>>()
        };
        assert_eq!(walked(queue.first(), Queue::behind), indices);
        let mut backwards = walked(queue.last(), Queue::before);
        backwards.reverse();
        assert_eq!(backwards, indices);
        assert!(Queue::new().last().is_none());
    }

    #[test]
    fn a_turn_makes_the_first_the_last() {
        static DIRECTORY: Directory = Directory::new();
        let [a, b, c] = pools(&DIRECTORY);
        let queue = filled(&[a, b, c]);
        queue.rotate();
        assert_eq!(drained(&queue), [b, c, a].map(|pool| pool.index().get()));
        // Neither an empty queue nor one of a single pool minds.
        queue.rotate();
        queue.push_back(a);
        queue.rotate();
        assert_eq!(drained(&queue), [a.index().get()]);
    }

    #[test]
    fn whichever_pool_is_taken_out_the_others_keep_their_order() {
        static DIRECTORY: Directory = Directory::new();
        let pools = pools::<4>(&DIRECTORY);
        for out in 0..4 {
            let queue = filled(&pools);
            queue.remove(pools[out]);
            let others = pools.iter().enumerate().filter(|(index, _)| *index != out);
            let others: Vec<_> = others.map(|(_, pool)| pool.index().get()).collect();
            assert_eq!(drained(&queue), others);
        }
    }
}
