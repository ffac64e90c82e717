//! `malloc` and its family, as glibc, POSIX and C23 have them.
//!
//! | question                     | answer                                                                            |
//! |------------------------------|-----------------------------------------------------------------------------------|
//! | zero bytes                   | the smallest block: unique, to be freed                                            |
//! | over `PTRDIFF_MAX`, overflow | null, `ENOMEM`; `realloc` leaves the old block as it was                           |
//! | `realloc(p, 0)`              | frees `p`, null, `errno` as it was (glibc)                                         |
//! | `errno` after success, free  | as it was                                                                          |
//! | usable size                  | may be written in full; `realloc` keeps all of it                                  |
//! | a wrong size to `free_sized` | no harm: it only chooses the list that is tried first                              |
//!
//! The straight path of `malloc` is 14 instructions up to 1 KiB and 17 up to 32 KiB, that of `free` 17; no memory but the
//! thread's cache, the block and a table's line or (in `free`) the pool's header is touched.
//!
//! Does not know: how anything is done; `stratalloc` and `strata-cache` do.

use crate::free::{define_free, release};
use crate::{errno, trust};
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use strata_cache::{ListPlace, current};
use strata_core::address::UserPtr;
use strata_core::block::BlockPtr;
use strata_core::layout::GRANULE_BYTES;
use strata_core::size_class::padded;
use stratalloc::Strata;

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    allocate(size).cast()
}

define_free! { free cfree }

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

#[unsafe(no_mangle)]
unsafe extern "C" fn free_sized(pointer: *mut c_void, size: usize) {
    // SAFETY: as for `free`.
    unsafe { release_sized(pointer.cast(), size) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free_aligned_sized(pointer: *mut c_void, alignment: usize, size: usize) {
    // SAFETY: as for `free`.
    unsafe { release_sized(pointer.cast(), padded(size, alignment)) };
}

/// At least `size` bytes; null with `ENOMEM` otherwise.
#[inline(always)]
pub(crate) fn allocate(size: usize) -> *mut u8 {
    // Zero bytes wrap to what is served with care.
    match pop(size.wrapping_sub(1)) {
        Some(block) => block.as_non_null().as_ptr(),
        None => allocate_with_care(size),
    }
}

/// A block for `last + 1` bytes from the list of its class, if there is one.
#[inline(always)]
fn pop(last: usize) -> Option<BlockPtr> {
    if let Some(place) = ListPlace::of_small(last) {
        // SAFETY: the calling thread's own cache.
        return unsafe { current::cache().pop_at(place) };
    }
    let place = ListPlace::of_medium(last)?;
    // SAFETY: as above.
    unsafe { current::cache().pop_at(place) }
}

/// Empty lists, and sizes that no list serves: zero, large, impossible.
#[inline(never)]
extern "C" fn allocate_with_care(size: usize) -> *mut u8 {
    let block = allocate_as(size.max(1), GRANULE_BYTES);
    if block.is_null() { errno::no_memory() } else { block }
}

/// At least `size` bytes at a multiple of `align`, a power of two; null with `ENOMEM` otherwise.
#[inline]
pub(crate) fn allocate_aligned(size: usize, align: usize) -> *mut u8 {
    let block = try_allocate_aligned(size, align);
    if block.is_null() { errno::no_memory() } else { block }
}

/// The same without a word about it in `errno`.
#[inline(never)]
pub(crate) extern "C" fn try_allocate_aligned(size: usize, align: usize) -> *mut u8 {
    // A size rounded up to the alignment has a class whose blocks are aligned.
    match pop(padded(size, align).wrapping_sub(1)) {
        Some(block) => block.as_non_null().as_ptr(),
        None => allocate_as(size.max(1), align),
    }
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
    if let Some(place) = ListPlace::of_small(size.wrapping_sub(1))
        // SAFETY: the calling thread's own cache.
        && let Some(block) = unsafe { current::cache().pop_at(place) }
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

/// Gives a block back whose size the caller knows: without a look at the pool's header if the class is in luck.
///
/// # Safety
/// - As for [`release`].
#[inline(always)]
pub(crate) unsafe fn release_sized(pointer: *mut u8, size: usize) {
    if let Some(block) = NonNull::new(pointer)
        && let Some(place) = ListPlace::of_small(size.wrapping_sub(1))
        // SAFETY: a block of the current pool is ours, the caller's; the calling thread's own cache.
        && unsafe { current::cache().push_at(place, UserPtr::new(block)) }
    {
        return;
    }
    // SAFETY: the same contract.
    unsafe { release_elsewhere(pointer) };
}

/// [`release`], out of line.
///
/// # Safety
/// - As for [`release`].
#[inline(never)]
unsafe extern "C" fn release_elsewhere(pointer: *mut u8) {
    // SAFETY: the same contract.
    unsafe { release(pointer) };
}
