//! Strata as Rust's global allocator: every `Layout`, inlined into the program that uses it.
//!
//! A constant size folds to a constant class, so a `Box::new` is a handful of instructions without a call. Sizes above the
//! largest class leave by slow paths.
//!
//! Does not know: how anything is done; each line below is a door into the layer that does.

use crate::realloc;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use strata_cache::size_table::MEDIUM_BYTES;
use strata_cache::{MagazinePlace, large, thread};
use strata_core::address::UserPtr;
use strata_core::pool::Memory;
use strata_core::size_class::{SMALL_BYTES, SizeClass, has_class, padded};

/// The allocator.
///
/// ```
/// use stratalloc::Strata;
///
/// #[global_allocator]
/// static GLOBAL: Strata = Strata;
///
/// fn main() {
///     let words: Vec<String> = ["memory", "comes", "back"].map(String::from).to_vec();
///     assert_eq!(words.concat(), "memorycomesback");
/// }
/// ```
///
/// Blocks are aligned to 16 bytes or the layout's alignment, whichever is more. All values of this type are the same
/// allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strata;

/// From this block size on, a zeroed allocation asks whether the memory is zero anyway.
const ASK_FOR_ZERO_BYTES: usize = 1024;

/// The size to serve, so that a block of its class is aligned as the layout asks.
#[inline(always)]
fn padded_size(layout: Layout) -> usize {
    // SAFETY: a global allocator is never asked for zero bytes.
    unsafe { core::hint::assert_unchecked(layout.size() != 0) };
    padded(layout.size(), layout.align())
}

/// The class that serves a layout; `None`: larger than any.
#[inline(always)]
fn class_of(layout: Layout) -> Option<SizeClass> {
    let size = padded_size(layout);
    if size <= SMALL_BYTES {
        Some(SizeClass::of_small(size))
    } else if size <= MEDIUM_BYTES || has_class(size, layout.align()) {
        Some(SizeClass::of(size))
    } else {
        None
    }
}

// SAFETY: blocks are disjoint, aligned (size_class I2) and live until freed; nothing unwinds; layouts are the caller's to
// get right: they choose the magazine.
unsafe impl GlobalAlloc for Strata {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = padded_size(layout);
        let Some(place) = MagazinePlace::of_small(size) else { return alloc_above_small(size, layout) };
        // SAFETY: the calling thread's own cache.
        match unsafe { thread::alloc_cache().alloc_at(place, size) } {
            Some(block) => block.as_non_null().as_ptr(),
            None => null_mut(),
        }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: a live allocation, by this trait's contract, is not null.
        let pointer = UserPtr::new(unsafe { NonNull::new_unchecked(pointer) });
        let size = padded_size(layout);
        let Some(place) = MagazinePlace::of_small(size) else {
            // SAFETY: the caller gives the block back.
            return unsafe { free_above_small(pointer, size) };
        };
        // SAFETY: the caller gives the block back, of this size; the calling thread's own cache.
        unsafe { thread::cache().free_at(pointer, place, size) };
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class_of(layout) else {
            return or_null(large::alloc_zeroed(layout.size(), layout.align()));
        };
        if class.block_bytes() >= ASK_FOR_ZERO_BYTES {
            return alloc_zeroed_medium(class, layout.size());
        }
        // SAFETY: the same contract.
        let pointer = unsafe { self.alloc(layout) };
        if !pointer.is_null() {
            // SAFETY: a new block of at least this size.
            unsafe { pointer.write_bytes(0, layout.size()) };
        }
        pointer
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: a live allocation, by this trait's contract, is not null.
        let old = UserPtr::new(unsafe { NonNull::new_unchecked(pointer) });
        // SAFETY: by this trait's contract `new_size`, rounded up to the alignment, is a possible layout.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let (old_class, new_class) = (class_of(layout), class_of(new_layout));
        if old_class.is_some() && old_class == new_class {
            return pointer;
        }
        // SAFETY: the same contract.
        unsafe { realloc::resize(old, layout, new_layout) }
    }
}

fn or_null(pointer: Option<NonNull<u8>>) -> *mut u8 {
    pointer.map_or(null_mut(), NonNull::as_ptr)
}

/// Above the sizes that are worth code in every caller: a pool's block, or none.
#[inline(never)]
fn alloc_above_small(size: usize, layout: Layout) -> *mut u8 {
    if size > MEDIUM_BYTES && !has_class(size, layout.align()) {
        return or_null(large::alloc(layout.size(), layout.align()));
    }
    // SAFETY: the calling thread's own cache.
    match unsafe { thread::alloc_cache().alloc_for(size) } {
        Some(block) => block.as_non_null().as_ptr(),
        None => null_mut(),
    }
}

/// # Safety
/// - `pointer` is an allocation of `size` padded bytes, and the caller's to give back.
#[inline(never)]
unsafe fn free_above_small(pointer: UserPtr, size: usize) {
    if size > MEDIUM_BYTES {
        // Of a class, or on a run, if its alignment is more than a pool's.
        // SAFETY: the calling thread's own cache; the same contract.
        return unsafe { thread::cache().free_unsized(pointer) };
    }
    // SAFETY: the calling thread's own cache; the same contract.
    unsafe { thread::cache().free(pointer, SizeClass::of(size)) };
}

#[inline(never)]
fn alloc_zeroed_medium(class: SizeClass, bytes: usize) -> *mut u8 {
    // SAFETY: the calling thread's own cache.
    let Some((block, memory)) = (unsafe { thread::alloc_cache().alloc_zeroable(class, bytes) }) else {
        return null_mut();
    };
    let pointer = block.as_non_null().as_ptr();
    if memory == Memory::Used {
        // SAFETY: a new block of at least this size.
        unsafe { pointer.write_bytes(0, bytes) };
    }
    pointer
}
