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
//! The straight path of `malloc` is twelve instructions up to 256 bytes, that of `free` eighteen; no memory but the thread's
//! cache, the block and (in `free`) the pool's header is touched.
//!
//! Does not know: how anything is done; `stratalloc` and `strata-cache` do.

use crate::free::{define_free, release};
use crate::{errno, trust};
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use strata_cache::current;
use strata_core::address::UserPtr;
use strata_core::layout::GRANULE_BYTES;
use strata_core::size_class::{SMALL_BYTES, SizeClass, padded};
use stratalloc::Strata;

/// Up to this size a class is a granule, so its list is found by a mask instead of a table.
const LINEAR_BYTES: usize = 256;
const _: () = assert!(SizeClass::of(LINEAR_BYTES).index() == (LINEAR_BYTES - 1) / GRANULE_BYTES);

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
unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: C's contract is ours: null, or the caller's block.
    unsafe { resize(pointer.cast(), size) }.cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(pointer: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: as for `realloc`.
        Some(bytes) => unsafe { resize(pointer.cast(), bytes) }.cast(),
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
    let last = size.wrapping_sub(1);
    // Each range finds its list and returns on its own: a class that could come from either costs four instructions.
    if last < LINEAR_BYTES {
        let class = SizeClass::from_index(last / GRANULE_BYTES);
        // SAFETY: the calling thread's own cache.
        if let Some(block) = unsafe { current::cache().alloc_ready(class) } {
            return block.as_non_null().as_ptr();
        }
    } else if last < SMALL_BYTES {
        // SAFETY: as above.
        if let Some(block) = unsafe { current::cache().alloc_ready(SizeClass::of_small(size)) } {
            return block.as_non_null().as_ptr();
        }
    }
    allocate_with_care(size)
}

/// Empty lists, and sizes that are no small class's: zero, large, impossible.
#[inline(never)]
extern "C" fn allocate_with_care(size: usize) -> *mut u8 {
    allocate_aligned(size.max(1), GRANULE_BYTES)
}

/// At least `size` bytes (not zero) at a multiple of `align`, a power of two; null with `ENOMEM` otherwise.
#[inline]
pub(crate) fn allocate_aligned(size: usize, align: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(size, align) else { return errno::no_memory() };
    // SAFETY: the size is not zero.
    let block = unsafe { Strata.alloc(layout) };
    if block.is_null() { errno::no_memory() } else { block }
}

fn allocate_zeroed(size: usize) -> *mut u8 {
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
    // SAFETY: the same contract, and the class is tried, not trusted.
    if !(size.wrapping_sub(1) < SMALL_BYTES && unsafe { release_current(pointer, size) }) {
        // SAFETY: the same contract.
        unsafe { release_elsewhere(pointer) };
    }
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

/// # Safety
/// - As for [`release`]; the size is one of a small class.
#[inline(always)]
unsafe fn release_current(pointer: *mut u8, size: usize) -> bool {
    let Some(block) = NonNull::new(pointer) else { return true };
    // SAFETY: a block of the current pool is ours, the caller's; the calling thread's own cache.
    unsafe { current::cache().free_if_current(UserPtr::new(block), SizeClass::of_small(size)) }
}

/// # Safety
/// - As for [`release`].
unsafe fn resize(pointer: *mut u8, size: usize) -> *mut u8 {
    let Some(block) = NonNull::new(pointer) else { return allocate(size) };
    if size == 0 {
        // SAFETY: the same contract.
        unsafe { release(pointer) };
        return null_mut();
    }
    if Layout::from_size_align(size, GRANULE_BYTES).is_err() {
        return errno::no_memory();
    }
    if trust::slot_mask() == 0 && !trust::is_ours(block) {
        return resize_of_another(block, size);
    }
    // SAFETY: ours and the caller's.
    let usable = unsafe { Strata::usable_size(block) };
    // SAFETY: what is usable is a size that an allocation has.
    let layout = unsafe { Layout::from_size_align_unchecked(usable, GRANULE_BYTES) };
    // SAFETY: the caller's block, which a layout of all that is usable describes as well as what was asked for.
    let resized = unsafe { Strata.realloc(pointer, layout, size) };
    if resized.is_null() { errno::no_memory() } else { resized }
}

/// A new block with what another allocator's holds, which stays: how long that one is, nobody tells, so all that can be
/// read is copied.
#[cold]
#[inline(never)]
fn resize_of_another(theirs: NonNull<u8>, size: usize) -> *mut u8 {
    let ours = allocate(size);
    if !ours.is_null() {
        let readable = trust::readable_bytes(theirs, size);
        // SAFETY: readable, and a new block of at least this size.
        unsafe { theirs.as_ptr().copy_to_nonoverlapping(ours, readable) };
    }
    ours
}
