//! Heaps for C programs: `strata_heap_…` of `include/strata.h`, which says what they promise.
//!
//! A `struct strata_heap *` is the heap itself, taken apart; each call but `new` and `delete` borrows it.
//!
//! Does not know: what a heap is; `stratalloc` does.

use crate::{errno, realloc, trust};
use core::alloc::Layout;
use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::ptr::{NonNull, null_mut};
use strata_core::layout::GRANULE_BYTES;
use stratalloc::{Heap, Strata};

/// Only ever behind a pointer.
type CHeap = ();

/// The heap, for the time of a call.
///
/// # Safety
/// - `heap` is a heap, not deleted, and no other thread uses it now.
unsafe fn borrow(heap: NonNull<CHeap>) -> ManuallyDrop<Heap> {
    // SAFETY: a live heap of this thread's for now, by this function's contract; this one is not dropped.
    ManuallyDrop::new(unsafe { Heap::from_raw(heap) })
}

/// What C gets: the block, or null with `ENOMEM`.
fn or_no_memory(block: Option<NonNull<u8>>) -> *mut c_void {
    block.map_or_else(|| errno::no_memory(), |block| block.as_ptr().cast())
}

#[unsafe(no_mangle)]
extern "C" fn strata_heap_new() -> *mut CHeap {
    Heap::new().map_or_else(|_| errno::no_memory(), |heap| heap.into_raw().as_ptr())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strata_heap_delete(heap: *mut CHeap) {
    if let Some(heap) = NonNull::new(heap) {
        // SAFETY: a heap that the caller gives up, by the header's contract.
        drop(unsafe { Heap::from_raw(heap) });
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strata_heap_malloc(heap: NonNull<CHeap>, size: usize) -> *mut c_void {
    // SAFETY: the header's contract.
    unsafe { allocate(heap, size, GRANULE_BYTES) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strata_heap_calloc(heap: NonNull<CHeap>, count: usize, size: usize) -> *mut c_void {
    // SAFETY: the header's contract.
    let heap = unsafe { borrow(heap) };
    let layout = count.checked_mul(size).and_then(|bytes| Layout::from_size_align(bytes, GRANULE_BYTES).ok());
    or_no_memory(layout.and_then(|layout| heap.alloc_zeroed(layout)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strata_heap_aligned_alloc(
    heap: NonNull<CHeap>,
    alignment: usize,
    size: usize,
) -> *mut c_void {
    if !alignment.is_power_of_two() {
        return errno::invalid();
    }
    // SAFETY: the header's contract.
    unsafe { allocate(heap, size, alignment) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strata_heap_realloc(
    heap: NonNull<CHeap>,
    pointer: *mut c_void,
    size: usize,
) -> *mut c_void {
    let Some(block) = NonNull::new(pointer.cast::<u8>()) else {
        // SAFETY: the header's contract.
        return unsafe { allocate(heap, size, GRANULE_BYTES) };
    };
    if size == 0 {
        // SAFETY: the header's contract.
        unsafe { strata_heap_free(heap, pointer) };
        return null_mut();
    }
    if !trust::is_ours(block) {
        // SAFETY: the header's contract.
        let ours = unsafe { allocate(heap, size, GRANULE_BYTES) };
        return realloc::copy_of_another(block, ours.cast(), size).cast();
    }
    // SAFETY: the header's contract.
    let layout = unsafe { layout_of(block) };
    // SAFETY: the header's contract.
    let heap = unsafe { borrow(heap) };
    // SAFETY: the header's contract; a layout of all that is usable describes the block.
    or_no_memory(unsafe { heap.realloc(block, layout, size) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strata_heap_free(heap: NonNull<CHeap>, pointer: *mut c_void) {
    if let Some(block) = NonNull::new(pointer.cast::<u8>())
        && trust::is_ours(block)
    {
        // SAFETY: the header's contract.
        let heap = unsafe { borrow(heap) };
        // SAFETY: the header's contract.
        unsafe { heap.dealloc_unsized(block) };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strata_heap_collect(heap: NonNull<CHeap>) {
    // SAFETY: the header's contract.
    unsafe { borrow(heap) }.collect();
}

/// # Safety
/// - As for [`borrow`].
unsafe fn allocate(heap: NonNull<CHeap>, size: usize, align: usize) -> *mut c_void {
    // SAFETY: the same contract.
    let heap = unsafe { borrow(heap) };
    or_no_memory(Layout::from_size_align(size, align).ok().and_then(|layout| heap.alloc(layout)))
}

/// A layout that describes a block of which nothing but the address is known.
///
/// # Safety
/// - `block` is a live allocation of this allocator.
unsafe fn layout_of(block: NonNull<u8>) -> Layout {
    // SAFETY: a live allocation of ours, by this function's contract.
    let usable = unsafe { Strata::usable_size(block) };
    // SAFETY: what is usable is a size that an allocation has.
    unsafe { Layout::from_size_align_unchecked(usable, GRANULE_BYTES) }
}
