//! Allocations that share no pool, allocated and freed: large ones are runs of pools, huge ones mappings of their own.
//!
//! Memory that the kernel has just zeroed is not zeroed again.
//!
//! Does not know: magazines; blocks of up to 256 KiB have a class and come from there.

use crate::cache::Cache;
use crate::thread;
#[cfg(not(strata_loom))]
use core::ptr::NonNull;
use strata_core::address::UserPtr;
use strata_core::arena::{ArenaHead, ArenaKind};
use strata_core::layout::LARGEST_RUN_BYTES;
#[cfg(not(strata_loom))]
use strata_core::layout::POOL_BYTES;
use strata_segment::{PageHeap, misuse};

/// Whether a run of pools serves the request; otherwise it is huge.
pub const fn is_run(size: usize, align: usize) -> bool {
    size <= LARGEST_RUN_BYTES && align <= LARGEST_RUN_BYTES
}

/// Allocates more than the largest class. `None`: out of memory or addresses, or an impossible size.
#[cfg(not(strata_loom))]
#[cold]
#[inline(never)]
pub fn alloc(size: usize, align: usize) -> Option<NonNull<u8>> {
    take(size, align, false).map(|(pointer, _)| pointer)
}

/// The same, all zero.
#[cfg(not(strata_loom))]
#[cold]
#[inline(never)]
pub fn alloc_zeroed(size: usize, align: usize) -> Option<NonNull<u8>> {
    let (pointer, dirty) = take(size, align, true)?;
    clear(pointer, size, dirty);
    Some(pointer)
}

/// An allocation, and which of its pools may hold something; a huge one that is to be zero is.
#[cfg(not(strata_loom))]
fn take(size: usize, align: usize, is_to_be_zero: bool) -> Option<(NonNull<u8>, u64)> {
    if size > isize::MAX as usize {
        return None;
    }
    let cache = thread::cache();
    let page_heap = thread::shared_page_heap();
    let held_off = thread::hold_off_forks(cache);
    let ask = || {
        if is_run(size, align) {
            page_heap.allocate_large(size, align)
        } else {
            page_heap.allocate_huge(size, align, is_to_be_zero).map(|(pointer, _)| (pointer, 0))
        }
    };
    let has_cache = cache.runtime().is_some();
    let taken = ask().or_else(|| {
        // This thread's own magazines may have what is wanted.
        has_cache.then(|| cache.let_go())?;
        ask()
    });
    drop(held_off);
    // Once the block is allocated; such allocations may be a thread's only ones.
    if has_cache {
        cache.maintain();
    } else {
        page_heap.tick();
    }
    thread::ensure_purge_thread();
    match taken {
        Some((block, _)) => thread::note_large(block, size),
        None => thread::note_refusal(),
    }
    taken
}

/// Zeroes the pools of a run that may hold something.
#[cfg(not(strata_loom))]
fn clear(start: NonNull<u8>, size: usize, dirty: u64) {
    if dirty == 0 {
        return;
    }
    for (index, offset) in (0..size).step_by(POOL_BYTES).enumerate() {
        if dirty >> index & 1 == 1 {
            // SAFETY: within the new allocation.
            let pool = unsafe { start.add(offset) };
            // SAFETY: within the new allocation, which only the caller has.
            unsafe { pool.write_bytes(0, POOL_BYTES.min(size - offset)) };
        }
    }
}

/// Frees a large or huge allocation.
///
/// # Safety
/// - `pointer` is one, and the caller's to give back.
#[cold]
#[inline(never)]
pub unsafe fn free(cache: &Cache, pointer: UserPtr) {
    let page_heap: &PageHeap = thread::page_heap(cache);
    // SAFETY: the start of the allocation.
    thread::note_freed(unsafe { pointer.block() });
    let held_off = thread::hold_off_forks(thread::own_or(cache));
    // SAFETY: the same contract.
    match unsafe { kind_of(page_heap, pointer) } {
        // SAFETY: the same contract.
        Some(ArenaKind::Huge) => unsafe { page_heap.free_huge(pointer) },
        Some(ArenaKind::Pools) => {
            // SAFETY: a run's first pool, in an arena of ours.
            let first = unsafe { pointer.pool() };
            // SAFETY: the same contract; what was freed before is no run any more.
            unsafe { page_heap.free_large(first) };
        }
        None => misuse::no_huge_block(pointer),
    }
    drop(held_off);
    page_heap.tick();
}

/// Whether a large or huge allocation lies among pools. `None`: it is none.
///
/// # Safety
/// - `pointer` is the start of one.
unsafe fn kind_of(page_heap: &PageHeap, pointer: UserPtr) -> Option<ArenaKind> {
    if pointer.is_arena_aligned() {
        return Some(ArenaKind::Huge);
    }
    if pointer.pool_index().is_none() && page_heap.was_unmapped(pointer) {
        return None;
    }
    // SAFETY: the head in front of it; if it was freed before, whatever lies there now.
    unsafe { ArenaHead::kind_at(pointer.arena().head_place()) }
}
