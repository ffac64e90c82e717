//! The fast path of a free: push the block into its class's magazine, whichever pool it is of and whichever thread owns that.
//!
//! | caller                   | finds the magazine by                            | instructions |
//! |--------------------------|--------------------------------------------------|--------------|
//! | Rust, which has a layout | its size, mostly a constant                      | 8            |
//! | C, which has an address  | one load from the pool's header (`free_unsized`) | 15           |
//!
//! A magazine that is full, a thread without a cache, large runs and huge blocks leave by one slow path.
//!
//! Does not know: `Layout`; what happens on the slow path (`flush`, `large`).

use crate::cache::Cache;
use crate::chains::pool_of;
use crate::{large, thread};
use strata_core::address::UserPtr;
use strata_core::block::{BlockPtr, Chain};
use strata_core::pool::{Format, Pool};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::CACHELESS_FREE_GIVES;

impl Cache {
    /// Frees a block that serves as one of `class`.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is.
    /// - `pointer` is a block of a pool of this allocator, at least as large as those of `class`, and the caller's to give back.
    #[inline(always)]
    pub unsafe fn free(&self, pointer: UserPtr, class: SizeClass) {
        debug_assert!(pointer.pool_index().is_some(), "a huge block is no block of a pool");
        // SAFETY: the caller's to give back.
        let block = unsafe { pointer.block() };
        // SAFETY: the thread's own magazine; large enough by the same contract.
        if !unsafe { self.magazine(class).push(block) } {
            // SAFETY: the same contract.
            unsafe { self.free_at_the_door(class, block) };
        }
    }

    /// Frees any block, whatever its size.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is; `pointer` came from this allocator and is the caller's to give back.
    #[inline(never)]
    pub unsafe fn free_unsized(&self, pointer: UserPtr) {
        if pointer.pool_index().is_none() {
            // SAFETY: only huge allocations start in an arena's pool 0; the same contract.
            return unsafe { large::free(self, pointer) };
        }
        // SAFETY: not arena-aligned (its pool index is not 0), and ours.
        let pool = unsafe { pointer.pool() };
        // SAFETY: the same contract.
        unsafe { self.free_in(pointer, pool) };
    }

    /// Frees a block whose pool is known already: what a free without a size inlines.
    ///
    /// # Safety
    /// - As for [`free_unsized`](Self::free_unsized); `pool` is the pool that `pointer` lies in.
    #[inline(always)]
    pub unsafe fn free_in(&self, pointer: UserPtr, pool: &'static Pool) {
        // SAFETY: the caller's to give back.
        let block = unsafe { pointer.block() };
        // SAFETY: an open pool records where its class's magazine lies; 0 leads to one that is always full.
        let magazine = unsafe { self.magazine_at(pool.magazine()) };
        // SAFETY: the thread's own magazine, of the pool's class.
        if !unsafe { magazine.push(block) } {
            // SAFETY: the same contract.
            unsafe { self.free_in_at_the_door(pointer, pool) };
        }
    }

    /// The slow half of [`free_in`](Self::free_in), for callers that found the magazine full themselves.
    ///
    /// # Safety
    /// - As for [`free_in`](Self::free_in).
    #[cold]
    #[inline(never)]
    pub unsafe fn free_in_at_the_door(&self, pointer: UserPtr, pool: &'static Pool) {
        // SAFETY: the caller's to give back.
        let block = unsafe { pointer.block() };
        match pool.format() {
            // SAFETY: the caller's block, of its pool's class.
            Format::Blocks(class) => unsafe { self.free_at_the_door(class, block) },
            // SAFETY: the same contract.
            Format::Idle | Format::Run(_) => unsafe { large::free(self, pointer) },
        }
    }

    /// # Safety
    /// - As for [`free`](Self::free).
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn free_at_the_door(&self, class: SizeClass, block: BlockPtr) {
        if self.runtime().is_some() {
            // SAFETY: the same contract.
            return unsafe { self.flush(class, block) };
        }
        // SAFETY: the same contract.
        unsafe { thread::free_by_sentinel(self, class, block) };
    }

    /// Frees a block on a thread whose cache is a sentinel.
    ///
    /// # Safety
    /// - As for [`free`](Self::free).
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn free_without_cache(&self, class: SizeClass, block: BlockPtr) {
        match thread::own(self) {
            // SAFETY: the same contract, with the cache that the thread has by now.
            Some(own) => unsafe { own.free(UserPtr::new(block.as_non_null()), class) },
            // SAFETY: the same contract.
            None => unsafe { free_without_cache(block) },
        }
    }
}

/// A free on a thread that has no cache and gets none: the block goes to its pool at once.
///
/// # Safety
/// - The block is of a pool, and the caller's to give back.
unsafe fn free_without_cache(block: BlockPtr) {
    // SAFETY: a block of a pool.
    let pool = unsafe { pool_of(block) };
    if let Format::Blocks(class) = pool.format()
        && CACHELESS_FREE_GIVES
    {
        let page_heap = thread::shared_page_heap();
        thread::note_returned_without_cache(class);
        crate::flush::expect_block(block);
        let _held_off = (!cfg!(strata_loom)).then(|| page_heap.fork_gate.enter_as_stranger());
        // SAFETY: the caller's block, of this pool.
        unsafe { crate::flush::give(page_heap, pool, class, &Chain::of(block)) };
    }
}
