//! The fast path of a free: a block of the current pool goes on its list; everything else takes a door.
//!
//! | the block's pool is …      | goes to                                   | costs                                   |
//! |----------------------------|-------------------------------------------|-----------------------------------------|
//! | current here               | `lists[class]`                            | 9 instructions, no metadata touched     |
//! | ours                       | the pool's list; retired when empty       | one cache line of metadata              |
//! | another thread's           | the outbox, then its remote word          | one compare-and-swap for a chain        |
//! | nobody's                   | a pocket, or becomes ours with this free  | nothing, or one compare-and-swap        |
//! | the first of a run; huge   | back to the segment layer                 | —                                       |
//!
//! The class that the caller names only selects the list that is compared with; a wrong one costs time, not memory.
//!
//! Does not know: `Layout`. Decision 0004 compares four ways for a local free.

use crate::cache::Cache;
use crate::current;
use strata_core::address::UserPtr;
use strata_core::arena::ArenaKind;
use strata_core::block::{BlockPtr, Chain};
use strata_core::pool::{Format, Freed, Pool, Pushed};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::SETTLE_LEAVES;

impl Cache {
    /// Frees a block of `class`.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is.
    /// - `pointer` came from this allocator and is the caller's to give back.
    #[inline(always)]
    pub unsafe fn free(&self, pointer: UserPtr, class: SizeClass) {
        // SAFETY: the same contract.
        if !unsafe { self.free_if_current(pointer, class) } {
            // SAFETY: as above.
            unsafe { self.free_elsewhere(pointer) };
        }
    }

    /// Frees a block if it lies in the current pool of `class`; whether it did. Any other pointer may be asked about.
    ///
    /// # Safety
    /// - As for [`free`](Self::free), if it does.
    #[inline(always)]
    pub unsafe fn free_if_current(&self, pointer: UserPtr, class: SizeClass) -> bool {
        let list = self.list(class);
        let is_current = pointer.is_in_pool_at(list.base_address());
        if is_current {
            // SAFETY: a block of the current pool, the caller's to give back.
            let block = unsafe { pointer.block() };
            // SAFETY: the owner's list (I1, I2 of `cache`).
            unsafe { list.free.push(block) };
        }
        is_current
    }

    /// Frees any block, whatever its size.
    ///
    /// # Safety
    /// - As for [`free`](Self::free).
    #[inline(never)]
    pub unsafe fn free_elsewhere(&self, pointer: UserPtr) {
        if pointer.pool_index().is_none() {
            // SAFETY: only huge allocations start in an arena's pool 0; the same contract.
            return unsafe { self.free_unpooled(pointer) };
        }
        // SAFETY: not arena-aligned (its pool index is not 0), and ours.
        let pool = unsafe { pointer.pool() };
        // SAFETY: the same contract.
        unsafe { self.free_in(pointer, pool) };
    }

    /// Frees a block whose pool is known already: what a free without a size inlines.
    ///
    /// # Safety
    /// - As for [`free`](Self::free); `pool` is the pool that `pointer` lies in.
    #[inline(always)]
    pub unsafe fn free_in(&self, pointer: UserPtr, pool: &'static Pool) {
        if pool.is_owned_by(self.identity()) {
            // SAFETY: the caller's to give back.
            let block = unsafe { pointer.block() };
            // SAFETY: we own the pool (I1 of `pool`).
            unsafe { self.free_own(pool, block) };
        } else {
            // SAFETY: the same contract.
            unsafe { self.free_foreign(pointer, pool) };
        }
    }

    /// # Safety
    /// - We own the pool; the block is of it, and the caller's to give back.
    #[inline(always)]
    unsafe fn free_own(&self, pool: &'static Pool, block: BlockPtr) {
        // SAFETY: the same contract.
        if let Freed::Empty = unsafe { pool.free_local(block) } {
            self.retire(pool);
        }
    }

    /// A block of a pool that is not ours: a door for those who found that out themselves.
    ///
    /// # Safety
    /// - As for [`free`](Self::free); `pool` is the pool that `pointer` lies in.
    #[inline(never)]
    pub unsafe fn free_foreign(&self, pointer: UserPtr, pool: &'static Pool) {
        let Format::Blocks(class) = pool.format() else {
            // SAFETY: the same contract.
            return unsafe { self.free_unpooled(pointer) };
        };
        // SAFETY: the caller's to give back.
        let block = unsafe { pointer.block() };
        match current::own(self) {
            // SAFETY: the same contract; the block is of `class`, by its pool.
            Some(own) => unsafe { own.give_or_hold(pool, class, block) },
            // SAFETY: as above.
            None => unsafe { settle_without_cache(pool, block) },
        }
    }

    /// # Safety
    /// - The block is of `pool`, which is of `class` and not ours, and the caller's to give back.
    unsafe fn give_or_hold(&self, pool: &'static Pool, class: SizeClass, block: BlockPtr) {
        if pool.owner().is_null() {
            // SAFETY: the caller's block, of `class`.
            if unsafe { self.pocket_block(class, block) } {
                return self.note_foreign_free();
            }
            if self.spree.goes_here_and_there() {
                // SAFETY: the same contract.
                return unsafe { self.give_later(block) };
            }
        }
        // SAFETY: the same contract.
        unsafe { self.give(pool, class, block) };
    }

    /// Gives back a block that was held, of which its pool does not know that it was freed.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is; the block is of a pool, and the caller's to give back.
    pub(crate) unsafe fn give_held(&self, block: BlockPtr) {
        // SAFETY: a block of a class lies in a pool of an arena.
        let pool: &'static Pool = unsafe { UserPtr::new(block.as_non_null()).pool() };
        if pool.is_owned_by(self.identity()) {
            // SAFETY: we own the pool, and the block is the caller's.
            unsafe { self.free_own(pool, block) };
        } else if let Format::Blocks(class) = pool.format() {
            // SAFETY: the caller's promise; not ours.
            unsafe { self.give(pool, class, block) };
        }
    }

    /// # Safety
    /// - As for [`give_or_hold`](Self::give_or_hold).
    pub(crate) unsafe fn give(&self, pool: &'static Pool, class: SizeClass, block: BlockPtr) {
        if pool.owner().is_null() {
            let chain = Chain::of(block);
            // SAFETY: the caller's block.
            if let Pushed::Claimed = unsafe { pool.remote().push(pool, &chain) } {
                // SAFETY: claimed just now.
                unsafe { self.take_over(pool, class, chain) };
            }
        } else {
            // SAFETY: the caller's block.
            unsafe { self.post(pool, class, block) };
        }
        self.note_foreign_free();
    }

    /// A pool of nobody's became ours with the first free after it was left: keep it as a partial one.
    ///
    /// # Safety
    /// - The caller just claimed `pool` (of `class`) and owns the chain of its blocks.
    pub(crate) unsafe fn take_over(&self, pool: &'static Pool, class: SizeClass, chain: Chain) {
        pool.take_over(self.identity());
        let had_room = pool.room(class) > 0;
        // SAFETY: we own the pool and the chain.
        match unsafe { pool.accept_chain(chain) } {
            // SAFETY: we own it, and nothing in it lives.
            Freed::Empty => unsafe { self.directory().release_pool(pool) },
            Freed::StillLive => {
                self.keep_taken_over(class, pool, had_room);
                self.wake_for(self.partial_pools.get());
            }
        }
    }

    /// The last live block of a pool of ours was freed: the other door.
    #[cold]
    #[inline(never)]
    pub fn retire(&self, pool: &'static Pool) {
        let Format::Blocks(class) = pool.format() else { return };
        if self.list(class).base_address() == pool.base().addr().get() {
            // The current pool's count means nothing (I2 of `pool`): it ran down by frees that named another class.
            pool.stay_current();
            return;
        }
        self.drop_partial(class, pool);
        self.fresh.forget_class(class);
        // SAFETY: ours, out of its queue, and nothing in it lives.
        unsafe { self.directory().release_pool(pool) };
    }

    /// # Safety
    /// - `pointer` is a large or huge allocation and the caller's to give back.
    #[cold]
    #[inline(never)]
    unsafe fn free_unpooled(&self, pointer: UserPtr) {
        let directory = current::directory(self);
        // SAFETY: the same contract.
        match unsafe { kind_of_unpooled(pointer) } {
            // SAFETY: the same contract.
            ArenaKind::Huge => unsafe { directory.free_huge(pointer) },
            ArenaKind::Pools => {
                // SAFETY: a run's first pool, in an arena of ours.
                let first = unsafe { pointer.pool() };
                // SAFETY: the same contract.
                unsafe { directory.free_large(first) };
            }
        }
        directory.tick();
    }
}

/// Whether `pointer`, known not to be a block of a pool, is large or huge.
///
/// # Safety
/// - It is the start of a large or huge allocation.
pub(crate) unsafe fn kind_of_unpooled(pointer: UserPtr) -> ArenaKind {
    if pointer.is_arena_aligned() {
        return ArenaKind::Huge;
    }
    // SAFETY: ours, so the head in front of it is initialised.
    unsafe { pointer.arena().head() }.kind
}

/// A free on a thread that has no cache and gets none: its pool is settled at once.
///
/// # Safety
/// - The block is of `pool` and the caller's to give back.
unsafe fn settle_without_cache(pool: &'static Pool, block: BlockPtr) {
    let chain = Chain::of(block);
    // SAFETY: the caller's block.
    if let Pushed::Claimed = unsafe { pool.remote().push(pool, &chain) } {
        pool.reset_sink();
        // SAFETY: claimed just now: pool and chain are ours.
        let _ = unsafe { pool.accept_chain(chain) };
        if SETTLE_LEAVES {
            // SAFETY: ours, current nowhere.
            unsafe { current::shared_directory().leave_pool(pool) };
        }
    }
}
