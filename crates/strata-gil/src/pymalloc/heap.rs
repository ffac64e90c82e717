//! One allocation and one free through pools, arenas and the system, by the thread that holds the lock.
//!
//! ```text
//! allocate:  front partial pool ──► else a pool of the fullest usable arena ──► else a new arena
//! free:      mask to the pool, ours? ──► push ──► was full: join its circle
//!                                            └──► now empty: back to its arena, which moves or is unmapped
//! ```
//!
//! I1  A pool is in its class's circle ⇔ it is used (some blocks out, some free).
//! I2  An arena is admitted by `addresses` ⇔ its object has a base.
//!
//! Does not know: the lock, the system path.
//! Idea: CPython's obmalloc, as told in the files below.

use super::address::{AddressTest, header_around};
use super::arena::Arena;
use super::class::ClassIndex;
use super::parameters::{Parameters, Set, Sizes};
use super::pool::{Given, PoolRef, Taken};
use super::table::{ArenaIndex, ArenaTable};
use super::usable::{Moved, UsableArenas};
use super::used::UsedPools;
use core::ptr::NonNull;
use strata_os::memory;

pub(crate) struct Heap<P: Set> {
    used: UsedPools,
    usable: UsableArenas,
    pub(super) arenas: ArenaTable,
    pub(super) arena_counts: ArenaCounts,
    pub(super) addresses: P::Addresses,
}

/// No more alignment than the kernel gives, as in the original: so pools longer than a page lose one to alignment.
const ANY_PAGE: usize = 1;

/// Arenas over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArenaCounts {
    pub(super) current: usize,
    pub(super) highest: usize,
    pub(super) total: usize,
}

/// Whose a block was.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Freed {
    /// It is free now.
    Ours,
    /// Nothing was done.
    Foreign,
}

// SAFETY: the raw pointers lead to mappings that the heap owns, wherever it is used from.
unsafe impl<P: Parameters> Send for Heap<P> {}

impl<P: Parameters> Heap<P> {
    pub(crate) const NEW: Self = Self {
        used: UsedPools::EMPTY,
        usable: UsableArenas::EMPTY,
        arenas: ArenaTable::EMPTY,
        arena_counts: ArenaCounts { current: 0, highest: 0, total: 0 },
        addresses: P::Addresses::NONE,
    };

    /// A block of a class; none when the system refuses an arena.
    #[inline]
    pub(crate) fn allocate(&mut self, class: ClassIndex) -> Option<NonNull<u8>> {
        let Some(pool) = self.used.front(class) else { return self.allocate_in_new_pool(class) };
        match pool.take::<P>() {
            Taken::More(block) => Some(block),
            Taken::Last(block) => {
                self.used.remove(class, pool);
                Some(block)
            }
        }
    }

    /// Takes a block back, if it is ours.
    ///
    /// # Safety
    /// - `block` is what an allocator gave, is mapped, and is no longer used.
    #[inline]
    pub(crate) unsafe fn free(&mut self, block: NonNull<u8>) -> Freed {
        let Some(pool) = self.pool_of(block) else { return Freed::Foreign };
        // SAFETY: it lies in our pool; the caller gives it up.
        match unsafe { pool.give(block) } {
            Given::StillUsed => {}
            Given::WasFull => self.used.push_front(pool.class(), pool),
            Given::NowEmpty => self.retire(pool),
        }
        Freed::Ours
    }

    /// The length of the block, if it is ours.
    #[inline]
    pub(crate) fn usable_size(&self, block: NonNull<u8>) -> Option<usize> {
        self.pool_of(block).map(|pool| pool.class().bytes::<P>())
    }

    #[inline]
    fn pool_of(&self, block: NonNull<u8>) -> Option<PoolRef> {
        if !self.addresses.owns::<P>(&self.arenas, block) {
            return None;
        }
        let header = NonNull::new(header_around::<P>(block))?;
        // SAFETY: I2, the arena is mapped; the program has a block of this pool, so the pool was founded.
        Some(unsafe { PoolRef::at(header) })
    }

    #[cold]
    #[inline(never)]
    fn allocate_in_new_pool(&mut self, class: ClassIndex) -> Option<NonNull<u8>> {
        let pool = self.take_pool()?;
        self.used.push_front(class, pool);
        Some(pool.open::<P>(class))
    }

    /// A free pool of the fullest arena that has one.
    fn take_pool(&mut self) -> Option<PoolRef> {
        let index = match self.usable.front() {
            Some(index) => index,
            None => self.open_arena()?,
        };
        let pool = self.arenas.at(index).take_pool::<P>(index);
        self.usable.after_take(&mut self.arenas);
        pool
    }

    /// The last block of a pool came back.
    #[cold]
    #[inline(never)]
    fn retire(&mut self, pool: PoolRef) {
        self.used.remove(pool.class(), pool);
        let index = self.arenas.stored(pool.arena());
        self.arenas.at(index).give_pool(pool);
        match self.usable.after_give(&mut self.arenas, index) {
            Moved::Drained => self.close_arena(index),
            Moved::Joined | Moved::Behind | Moved::Stayed => {}
        }
    }

    fn open_arena(&mut self) -> Option<ArenaIndex> {
        let index = self.arenas.take_unused()?;
        let Some(base) = self.map_arena() else {
            self.arenas.give_unused(index);
            return None;
        };
        // SAFETY: fresh memory of an arena's length, ours until `close_arena`.
        *self.arenas.at(index) = unsafe { Arena::open::<P>(base) };
        self.usable.start(&mut self.arenas, index);
        self.arena_counts.opened();
        Some(index)
    }

    fn map_arena(&mut self) -> Option<NonNull<u8>> {
        let base = memory::map(P::ARENA_BYTES, ANY_PAGE)?;
        if self.addresses.admit(base) {
            return Some(base);
        }
        // SAFETY: just mapped, and not used yet.
        unsafe { memory::release(base, P::ARENA_BYTES) };
        None
    }

    fn close_arena(&mut self, index: ArenaIndex) {
        let base = self.arenas.at(index).close();
        self.arenas.give_unused(index);
        self.arena_counts.current -= 1;
        if let Some(base) = base {
            self.addresses.dismiss(base);
            // SAFETY: all its pools are free, so no block of it is out, and no list names them any more.
            unsafe { memory::release(base, P::ARENA_BYTES) };
        }
    }
}

impl ArenaCounts {
    fn opened(&mut self) {
        self.total += 1;
        self.current += 1;
        self.highest = self.highest.max(self.current);
    }
}

#[cfg(test)]
#[path = "heap_tests.rs"]
mod tests;
