//! `realloc` and `reallocarray`: in place at sight, or by a slow path.
//!
//! | the block                      | the new size             | what happens                                   |
//! |--------------------------------|--------------------------|------------------------------------------------|
//! | null                           | any                      | `malloc`                                       |
//! | any                            | 0                        | freed; null, `errno` as it was (glibc)         |
//! | of a pool                      | uses at least half of it | stays where it is                              |
//! | large, huge                    | above 32 KiB             | grows, shrinks or moves its pages, if it can   |
//! | of another allocator (`trust`) | any                      | copied as far as it can be read; the old stays |
//! | all others                     | any                      | allocated, copied, freed                       |
//!
//! Does not know: how blocks of more than a class are resized; `stratalloc` does.

use crate::free::release;
use crate::malloc::allocate;
use crate::{errno, trust};
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use strata_core::address::UserPtr;
use strata_core::layout::GRANULE_BYTES;
use strata_core::pool::{Format, Pool};
use stratalloc::Strata;

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

/// # Safety
/// - As for [`release`].
#[inline(always)]
unsafe fn resize(pointer: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: null or ours where the mask is not 0 (`trust`).
    match unsafe { UserPtr::in_pool(pointer, trust::slot_mask()) } {
        Some((_, pool)) if fits(pool, size) => pointer,
        // SAFETY: the same contract.
        _ => unsafe { resize_with_care(pointer, size) },
    }
}

/// Whether a block of `pool` would stay where it is if it were resized to `size`, which is not zero then.
#[inline(always)]
fn fits(pool: &Pool, size: usize) -> bool {
    match pool.format() {
        Format::Blocks(class) => (class.block_bytes() / 2..=class.block_bytes()).contains(&size),
        Format::Run(_) | Format::Idle => false,
    }
}

/// # Safety
/// - As for [`release`].
#[inline(never)]
unsafe extern "C" fn resize_with_care(pointer: *mut u8, size: usize) -> *mut u8 {
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
        return copy_of_another(block, allocate(size), size);
    }
    // SAFETY: ours and the caller's.
    let usable = unsafe { Strata::usable_size(block) };
    // SAFETY: what is usable is a size that an allocation has.
    let layout = unsafe { Layout::from_size_align_unchecked(usable, GRANULE_BYTES) };
    // SAFETY: the caller's block, which a layout of all that is usable describes as well as what was asked for.
    let resized = unsafe { Strata.realloc(pointer, layout, size) };
    if resized.is_null() { errno::no_memory() } else { resized }
}

/// `ours`, null or a new block of `size` bytes, with what another allocator's block holds, which stays: how long that one is,
/// not known, so all that can be read is copied.
#[cold]
#[inline(never)]
pub(crate) fn copy_of_another(theirs: NonNull<u8>, ours: *mut u8, size: usize) -> *mut u8 {
    if !ours.is_null() {
        let readable = trust::readable_bytes(theirs, size);
        // SAFETY: readable, and a new block of at least this size.
        unsafe { theirs.as_ptr().copy_to_nonoverlapping(ours, readable) };
    }
    ours
}
