//! Changing a block's size: in place where it can be, by moving pages where that is cheaper, by copying otherwise.
//!
//! | from → to      | how                                                                        |
//! |----------------|----------------------------------------------------------------------------|
//! | class → class  | in place while at least half of the block stays used                       |
//! | large → large  | claims the pools behind, or gives the tail's back                          |
//! | huge → huge    | extends or cuts the mapping, else moves its pages (`mremap`)               |
//! | anything else  | allocate, copy, free                                                       |
//!
//! Does not know: how long a block will live.

use crate::global::Strata;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use strata_cache::large;
use strata_cache::thread::{self, RUNTIME};
use strata_core::address::UserPtr;
use strata_core::pool::{Format, Pool};
use strata_core::size_class::{SizeClass, padded};
use strata_segment::Resized;

/// Resizes an allocation whose class changes. Null: out of memory, and the old one is as it was.
///
/// # Safety
/// - As for [`GlobalAlloc::realloc`].
#[cold]
#[inline(never)]
pub(crate) unsafe fn resize(pointer: UserPtr, old: Layout, new: Layout) -> *mut u8 {
    // SAFETY: the same contract.
    if let Some(resized) = unsafe { in_place(pointer, old.size(), new) } {
        return resized.as_ptr();
    }
    // SAFETY: a layout of a size above zero, by the same contract.
    let fresh = unsafe { Strata.alloc(new) };
    if !fresh.is_null() {
        let kept = old.size().min(new.size());
        // SAFETY: two allocations of at least `kept` bytes.
        unsafe { pointer.as_non_null().as_ptr().copy_to_nonoverlapping(fresh, kept) };
        // By its address: what C says of its layout is made up from what is usable, which may be a class's size although the block is
        // huge (one of few bytes at a multiple of an arena).
        // SAFETY: the caller gives the old block up.
        unsafe { thread::cache().free_unsized(pointer) };
    }
    fresh
}

/// Tries to resize without copying; the address may change all the same.
///
/// # Safety
/// - `pointer` is the caller's allocation, aligned as `new` asks; after `Some`, only the returned address is.
pub(crate) unsafe fn in_place(pointer: UserPtr, old_size: usize, new: Layout) -> Option<NonNull<u8>> {
    // SAFETY: ours.
    match unsafe { place_of(pointer) } {
        Place::Block(block_bytes) => serves_as(block_bytes, new).then(|| pointer.as_non_null()),
        Place::Run(pool, run_bytes) => {
            // A run stays a run: a request that a class would serve moves.
            if !large::is_run(new.size(), new.align())
                || new.size() <= strata_core::layout::LARGEST_CLASS_BYTES
            {
                return None;
            }
            let _held_off = thread::hold_off_forks(thread::cache());
            let fits = if new.size() <= run_bytes {
                // SAFETY: the caller's run.
                unsafe { RUNTIME.page_heap.shrink_large(pool, new.size()) };
                true
            } else {
                // SAFETY: the caller's run.
                unsafe { RUNTIME.page_heap.grow_large(pool, new.size()) }
            };
            fits.then(|| noted(pointer, pointer.as_non_null(), new.size()))
        }
        Place::Huge => {
            if large::is_run(new.size(), new.align()) || new.size() > isize::MAX as usize {
                return None;
            }
            let _held_off = thread::hold_off_forks(thread::cache());
            // SAFETY: the caller's mapping.
            match unsafe { RUNTIME.page_heap.resize_huge(pointer, old_size, new.size()) } {
                Resized::InPlace => Some(noted(pointer, pointer.as_non_null(), new.size())),
                Resized::Moved(moved) => Some(noted(pointer, moved, new.size())),
                Resized::Refused => None,
            }
        }
    }
}

/// The allocation at its new place, of which the profiler has taken note.
fn noted(old: UserPtr, new: NonNull<u8>, bytes: usize) -> NonNull<u8> {
    strata_cache::profile::note_resized(old.as_non_null(), new, bytes);
    new
}

/// Whether a block may go on with another layout: at least half of it stays used, and it is as aligned as blocks of the class in
/// whose magazine it will be freed.
fn serves_as(block_bytes: usize, new: Layout) -> bool {
    let size = padded(new.size(), new.align());
    size <= block_bytes
        && size >= block_bytes / 2
        && SizeClass::of(size).block_bytes().trailing_zeros() <= block_bytes.trailing_zeros()
}

/// Where an allocation lies, and how many bytes of it may be used.
#[derive(Debug)]
pub(crate) enum Place {
    /// In a pool, with blocks of this size.
    Block(usize),
    /// On a run of pools of this many bytes.
    Run(&'static Pool, usize),
    /// In a mapping of its own.
    Huge,
}

/// Where `pointer` lies.
///
/// # Safety
/// - It is a live allocation of this allocator.
pub(crate) unsafe fn place_of(pointer: UserPtr) -> Place {
    if pointer.pool_index().is_none() {
        return Place::Huge;
    }
    // SAFETY: ours and not arena-aligned, since its pool index is not 0.
    let pool = unsafe { pointer.pool() };
    match pool.format() {
        Format::Blocks(class) => Place::Block(class.block_bytes()),
        Format::Run(pools) => Place::Run(pool, pools as usize * strata_core::layout::POOL_BYTES),
        // A run that was freed: there is no huge block either, which is found then.
        Format::Idle => Place::Huge,
    }
}

/// Bytes that may be used of an allocation: at least what was asked for.
///
/// # Safety
/// - `pointer` is a live allocation of this allocator.
pub(crate) unsafe fn usable_size(pointer: UserPtr) -> usize {
    // SAFETY: the same contract.
    match unsafe { place_of(pointer) } {
        Place::Block(bytes) | Place::Run(_, bytes) => bytes,
        // SAFETY: the same contract.
        Place::Huge => unsafe { RUNTIME.page_heap.usable_huge(pointer) },
    }
}
