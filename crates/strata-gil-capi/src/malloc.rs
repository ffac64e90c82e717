//! `malloc` and its family, as glibc has them.
//!
//! | question                     | answer                                                   |
//! |------------------------------|----------------------------------------------------------|
//! | zero bytes                   | the smallest block: unique, to be freed                  |
//! | over `PTRDIFF_MAX`, overflow | null, `ENOMEM`; `realloc` leaves the old block as it was |
//! | `realloc(p, 0)`              | frees `p`, null                                          |
//! | usable size                  | may be written in full; `realloc` keeps all of it        |
//!
//! Does not know: how anything is done.

use crate::{ALIGNMENT, HEAP, allocate, layout, told, usable_size};
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    allocate(size, ALIGNMENT)
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let layout = count.checked_mul(size).and_then(|bytes| layout(bytes, ALIGNMENT));
    // SAFETY: the size is not zero.
    told(layout.map_or(null_mut(), |layout| unsafe { HEAP.alloc_zeroed(layout) }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(pointer: *mut c_void) {
    if let Some(block) = NonNull::new(pointer.cast::<u8>()) {
        // SAFETY: C's contract: a live block of ours, given up here; glibc knows how long its blocks are.
        HEAP.with(|heap| unsafe { heap.dealloc_unsized(block) });
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfree(pointer: *mut c_void) {
    // SAFETY: the same contract.
    unsafe { free(pointer) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    let Some(block) = NonNull::new(pointer.cast::<u8>()) else { return allocate(size, ALIGNMENT) };
    if size == 0 {
        // SAFETY: the caller gives the block up.
        unsafe { free(pointer) };
        return null_mut();
    }
    // SAFETY: C's contract: a live block of ours.
    told(unsafe { resize(block, size) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(pointer: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: as for `realloc`.
        Some(bytes) => unsafe { realloc(pointer, bytes) },
        None => told(null_mut()),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(pointer: *mut c_void) -> usize {
    // SAFETY: C's contract: null, or a live block of ours.
    NonNull::new(pointer.cast()).map_or(0, |block| unsafe { usable_size(block) })
}

/// # Safety
/// - `block` is a live block of ours, which the caller gives up unless null comes back.
unsafe fn resize(block: NonNull<u8>, size: usize) -> *mut u8 {
    if layout(size, ALIGNMENT).is_none() {
        return null_mut();
    }
    HEAP.with(|heap| {
        // SAFETY: the same contract.
        let usable = unsafe { heap.pool_block_size(block) };
        // SAFETY: a legal size. That of a block of glibc's is glibc's business (`glibc.rs`).
        let held = unsafe { Layout::from_size_align_unchecked(usable.unwrap_or(ALIGNMENT), ALIGNMENT) };
        // SAFETY: the caller's block, which a layout of all that is usable describes as well as what was asked for.
        unsafe { heap.realloc(block.as_ptr(), held, size) }
    })
}
