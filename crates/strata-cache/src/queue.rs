//! The partial pools of one class, in the order in which they came: a ring of headers.
//!
//! The first is the oldest. One word a class: the last is the first's predecessor.
//!
//! Owner: the cache. Does not know: how full a pool is.

use strata_core::pool::Pool;
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

    /// The oldest.
    pub(crate) fn first(&self) -> Option<&'static Pool> {
        // SAFETY: pools in a queue are initialised, and their headers are never unmapped.
        unsafe { self.first.get().as_ref() }
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

    /// Makes the oldest the newest.
    pub(crate) fn rotate(&self) {
        if let Some(first) = self.first() {
            self.first.set(first.queue_links().0.get());
        }
    }

    /// The oldest pool that `wanted` accepts.
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
    use strata_segment::Directory;

    /// Pools that nobody else knows.
    fn pools<const COUNT: usize>(directory: &'static Directory) -> [&'static Pool; COUNT] {
        core::array::from_fn(|_| directory.claim_pool().unwrap().first)
    }

    /// What is in a queue, oldest first; it is empty afterwards.
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
    fn pools_leave_in_the_order_in_which_they_came() {
        static DIRECTORY: Directory = Directory::new();
        let pools = pools::<4>(&DIRECTORY);
        let indices: Vec<_> = pools.iter().map(|pool| pool.index().get()).collect();
        let queue = filled(&pools);
        assert_eq!(drained(&queue), indices);
        assert!(queue.first().is_none());
    }

    #[test]
    fn a_turn_makes_the_oldest_the_newest() {
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
