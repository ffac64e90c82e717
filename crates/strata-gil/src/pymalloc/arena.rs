//! Pools of one mapping: which are free, and which were never carved.
//!
//! ```text
//! base                                     next_virgin
//! │ (slack) │ pool │ pool │ pool │ … │     virgin pools …      │ (slack) │
//!               ▲ free_pools ─► ─► null
//! free_count = pools on the free list + virgin pools
//! ```
//!
//! A mapping is aligned to a page. Where pools are larger, the first one starts at their next multiple, and one
//! pool's length is lost to alignment: 63 pools instead of 64.
//!
//! I1  `base` is none ⇔ the object is unused ⇔ it is in the table's list of unused objects.
//! I2  0 < `free_count` ⇔ the arena is in the list of usable arenas.
//!
//! Does not know: how arenas are ordered, size classes.

use super::parameters::{Parameters, Sizes};
use super::pool::PoolRef;
use super::table::ArenaIndex;
use core::ptr::NonNull;

pub(crate) struct Arena {
    /// What the system gave; none: this object is unused.
    base: Option<NonNull<u8>>,
    /// The first pool that was never carved, or the end of the last pool.
    next_virgin: Option<NonNull<u8>>,
    /// Emptied pools, last one first.
    free_pools: Option<PoolRef>,
    free_count: u32,
    total_count: u32,
    /// Usable: the next, emptier arena. Unused: the next unused object.
    pub(crate) next: Option<ArenaIndex>,
    /// Usable: the arena before. Otherwise stale.
    pub(crate) prev: Option<ArenaIndex>,
}

impl Arena {
    pub(crate) const UNUSED: Self = Self {
        base: None,
        next_virgin: None,
        free_pools: None,
        free_count: 0,
        total_count: 0,
        next: None,
        prev: None,
    };

    pub(crate) fn unused(next: Option<ArenaIndex>) -> Self {
        Self { next, ..Self::UNUSED }
    }

    /// An arena whose pools are all virgin.
    ///
    /// # Safety
    /// - `base` is the start of `ARENA_BYTES` of mapped memory that nothing else uses until `close`.
    pub(crate) unsafe fn open<P: Parameters>(base: NonNull<u8>) -> Self {
        let slack = slack::<P>(base);
        let count = ((P::ARENA_BYTES - slack) / P::POOL_BYTES) as u32;
        // SAFETY: the slack is shorter than a pool.
        let first = unsafe { base.byte_add(slack) };
        Self {
            base: Some(base),
            next_virgin: Some(first),
            free_count: count,
            total_count: count,
            ..Self::UNUSED
        }
    }

    /// The mapping, for the caller to give back; the object is unused from now on.
    pub(crate) fn close(&mut self) -> Option<NonNull<u8>> {
        let base = self.base;
        *self = Self::UNUSED;
        base
    }

    /// A free pool: the one that emptied last, else a virgin one. `number` is the arena's own, for the pool's header.
    pub(crate) fn take_pool<P: Parameters>(&mut self, number: ArenaIndex) -> Option<PoolRef> {
        let left = self.free_count.checked_sub(1)?;
        self.free_count = left;
        let Some(pool) = self.free_pools else { return self.carve_pool::<P>(number) };
        self.free_pools = pool.next();
        Some(pool)
    }

    /// Takes an emptied pool of this arena back.
    pub(crate) fn give_pool(&mut self, pool: PoolRef) {
        pool.set_next(self.free_pools);
        self.free_pools = Some(pool);
        self.free_count += 1;
        debug_assert!(self.free_count <= self.total_count);
    }

    fn carve_pool<P: Parameters>(&mut self, number: ArenaIndex) -> Option<PoolRef> {
        let start = self.next_virgin?;
        // SAFETY: no emptied pool was left, so the count spoke of a virgin one, which ends inside the mapping.
        self.next_virgin = Some(unsafe { start.byte_add(P::POOL_BYTES) });
        // SAFETY: inside the mapping, as above; the first pool was aligned, and steps are whole pools.
        Some(unsafe { PoolRef::found(start, number.number()) })
    }
}

/// Questions.
impl Arena {
    #[inline]
    pub(crate) fn base(&self) -> Option<NonNull<u8>> {
        self.base
    }

    pub(crate) fn free_count(&self) -> usize {
        self.free_count as usize
    }

    pub(crate) fn total_count(&self) -> usize {
        self.total_count as usize
    }

    /// The pools that were carved, in the order of their addresses: used, full and emptied ones.
    pub(crate) fn carved_pools<P: Parameters>(&self) -> impl Iterator<Item = PoolRef> {
        let first = self.base.map(|base| (base, slack::<P>(base)));
        let end = self.next_virgin.map_or(0, |virgin| virgin.addr().get());
        first.into_iter().flat_map(move |(base, slack)| {
            let count = (end - base.addr().get() - slack) / P::POOL_BYTES;
            (0..count).map(move |i| pool_at(base, slack + i * P::POOL_BYTES))
        })
    }
}

/// The bytes before the first pool.
fn slack<P: Parameters>(base: NonNull<u8>) -> usize {
    base.addr().get().wrapping_neg() & (P::POOL_BYTES - 1)
}

/// The pool at an offset at which `carve_pool` made one.
fn pool_at(base: NonNull<u8>, offset: usize) -> PoolRef {
    // SAFETY: inside the mapping.
    let start = unsafe { base.byte_add(offset) };
    // SAFETY: `found` wrote a header there.
    unsafe { PoolRef::at(start.cast()) }
}

#[cfg(test)]
impl Arena {
    /// An arena object without memory, for tests of the order.
    pub(crate) fn counted(free_count: u32, total_count: u32) -> Self {
        Self { base: Some(NonNull::dangling()), free_count, total_count, ..Self::UNUSED }
    }

    pub(crate) fn set_free_count(&mut self, count: u32) {
        self.free_count = count;
    }
}

#[cfg(test)]
#[path = "arena_tests.rs"]
mod tests;
