//! `malloc` and its family, as glibc, POSIX and C23 have them.
//!
//! | question                     | answer                                                   |
//! |------------------------------|----------------------------------------------------------|
//! | zero bytes                   | the smallest block: unique, to be freed                  |
//! | over `PTRDIFF_MAX`, overflow | null, `ENOMEM`; `realloc` leaves the old block as it was |
//! | `realloc(p, 0)`              | frees `p`, null, `errno` as it was (glibc)               |
//! | `errno` after success, free  | as it was                                                |
//! | usable size                  | may be written in full; `realloc` keeps all of it        |
//! | a wrong size to `free_sized` | no harm: it is not read                                  |
//!
//! The straight path of `malloc` is 12 instructions up to 1 KiB and 16 up to 32 KiB, that of `free` 15; no memory but the
//! thread's cache and a table's line or (in `free`) the pool's header is touched.
//!
//! Does not know: how anything is done; `stratalloc` and `strata-cache` do.

use crate::free::define_free;
use crate::take::{define_malloc, pop};
use crate::{errno, trust};
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use strata_cache::{MagazinePlace, thread};
use strata_core::layout::GRANULE_BYTES;
use strata_core::size_class::padded;
use stratalloc::Strata;

define_malloc! { malloc, allocate_with_care }

// What C23 passes beside the pointer is not asked: the pool knows, at the cost of one load, and a wrong size does no harm.
define_free! { free cfree free_sized free_aligned_sized }

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(bytes) => allocate_zeroed(bytes).cast(),
        None => errno::no_memory(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(pointer: *mut c_void) -> usize {
    match NonNull::new(pointer.cast()) {
        // SAFETY: ours, and the caller's to ask about.
        Some(block) if trust::is_ours(block) => unsafe { Strata::usable_size(block) },
        _ => 0,
    }
}

/// At least `size` bytes; null with `ENOMEM` otherwise.
#[inline(always)]
pub(crate) fn allocate(size: usize) -> *mut u8 {
    match pop(size) {
        Some(block) => block.as_non_null().as_ptr(),
        None => allocate_with_care(size),
    }
}

/// Empty magazines, and sizes that no magazine serves: large, impossible.
#[inline(never)]
extern "C" fn allocate_with_care(size: usize) -> *mut u8 {
    let block = allocate_as(size.max(1), GRANULE_BYTES);
    if block.is_null() { errno::no_memory() } else { block }
}

/// At least `size` bytes at a multiple of `align`, a power of two; null with `ENOMEM` otherwise.
#[inline(never)]
pub(crate) extern "C" fn allocate_aligned(size: usize, align: usize) -> *mut u8 {
    // A size rounded up to the alignment has a class whose blocks are aligned.
    if let Some(block) = pop(padded(size, align)) {
        return block.as_non_null().as_ptr();
    }
    let block = allocate_as(size.max(1), align);
    if block.is_null() { errno::no_memory() } else { block }
}

/// At least `size` bytes, which is above zero, at a multiple of `align`; null otherwise.
#[inline(never)]
fn allocate_as(size: usize, align: usize) -> *mut u8 {
    match Layout::from_size_align(size, align) {
        // SAFETY: the size is not zero.
        Ok(layout) => unsafe { Strata.alloc(layout) },
        Err(_) => null_mut(),
    }
}

#[inline(always)]
fn allocate_zeroed(size: usize) -> *mut u8 {
    if let Some(place) = MagazinePlace::of_small(size)
        // SAFETY: the calling thread's own cache.
        && let Some(block) = unsafe { thread::alloc_cache().pop_at(place) }
    {
        let block = block.as_non_null().as_ptr();
        // SAFETY: a new block of at least this size.
        unsafe { block.write_bytes(0, size) };
        return block;
    }
    allocate_zeroed_with_care(size)
}

/// As [`allocate_with_care`]; what is large enough to be worth the question may be zero anyway.
#[inline(never)]
extern "C" fn allocate_zeroed_with_care(size: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(size.max(1), GRANULE_BYTES) else { return errno::no_memory() };
    // SAFETY: the size is not zero.
    let block = unsafe { Strata.alloc_zeroed(layout) };
    if block.is_null() { errno::no_memory() } else { block }
}
