//! The partial pools of each class, in circles.
//!
//! ```text
//! heads[class] ──► A ⇄ B ⇄ C ⇄ (A)       null: no partial pool
//! ```
//!
//! Full pools are in no list; a full pool that gets a block back joins at the front, so that it is served next, and
//! pools that hardly serve stay at the back and can drain.
//!
//! The original saves a branch: a head is two pointers that pretend to be the `next` and `prev` of a header, so the
//! head is a member of its circle and an empty circle points to itself. That needs the head's own address in the initial
//! value; a Rust `static` built by a `const fn` cannot know it. Here a head is one pointer to the front pool. The
//! allocation's test (null, instead of "is it the head?") costs the same; joining and leaving, rare, branch once more.
//!
//! Does not know: blocks, arenas.

use super::class::ClassIndex;
use super::parameters::CLASS_COUNT_MAX;
use super::pool::PoolRef;

pub(crate) struct UsedPools {
    heads: [Option<PoolRef>; CLASS_COUNT_MAX],
}

impl UsedPools {
    pub(crate) const EMPTY: Self = Self { heads: [None; CLASS_COUNT_MAX] };

    #[inline]
    pub(crate) fn front(&self, class: ClassIndex) -> Option<PoolRef> {
        self.heads[class.slot()]
    }

    pub(crate) fn push_front(&mut self, class: ClassIndex, pool: PoolRef) {
        let front = self.heads[class.slot()].replace(pool).unwrap_or(pool);
        let back = if front == pool { pool } else { front.prev().unwrap_or(front) };
        link(back, pool);
        link(pool, front);
    }

    /// `pool` is in the circle of `class`.
    pub(crate) fn remove(&mut self, class: ClassIndex, pool: PoolRef) {
        let (Some(next), Some(prev)) = (pool.next(), pool.prev()) else { return };
        link(prev, next);
        let head = &mut self.heads[class.slot()];
        if *head == Some(pool) {
            *head = (next != pool).then_some(next);
        }
    }
}

fn link(first: PoolRef, second: PoolRef) {
    first.set_next(Some(second));
    second.set_prev(Some(first));
}

#[cfg(test)]
mod tests {
    use super::super::parameters::Current;
    use super::super::testing::PoolMemory;
    use super::*;
    use std::vec::Vec;

    fn class() -> ClassIndex {
        ClassIndex::of::<Current>(40).unwrap()
    }

    fn circle(used: &UsedPools) -> Vec<PoolRef> {
        let Some(front) = used.front(class()) else { return Vec::new() };
        let mut pools = std::vec![front];
        while pools.last().unwrap().next() != Some(front) {
            let next = pools.last().unwrap().next().unwrap();
            assert_eq!(next.prev(), pools.last().copied());
            pools.push(next);
        }
        assert_eq!(front.prev(), pools.last().copied());
        pools
    }

    #[test]
    fn a_pool_joins_at_the_front() {
        let memory = PoolMemory::<Current>::new(3);
        let mut used = UsedPools::EMPTY;
        (0..3).for_each(|i| used.push_front(class(), memory.pool(i)));
        assert_eq!(circle(&used), [memory.pool(2), memory.pool(1), memory.pool(0)]);
    }

    #[test]
    fn a_pool_leaves_from_the_front_the_middle_and_the_back() {
        for leaving in 0..3 {
            let memory = PoolMemory::<Current>::new(3);
            let mut used = UsedPools::EMPTY;
            (0..3).for_each(|i| used.push_front(class(), memory.pool(i)));
            used.remove(class(), memory.pool(leaving));
            let left: Vec<_> = (0..3).rev().filter(|&i| i != leaving).map(|i| memory.pool(i)).collect();
            assert_eq!(circle(&used), left);
        }
    }

    #[test]
    fn the_last_pool_leaves_an_empty_circle() {
        let memory = PoolMemory::<Current>::new(1);
        let mut used = UsedPools::EMPTY;
        used.push_front(class(), memory.pool(0));
        used.remove(class(), memory.pool(0));
        assert_eq!(used.front(class()), None);
        used.push_front(class(), memory.pool(0));
        assert_eq!(circle(&used), [memory.pool(0)]);
    }
}
