//! Allocations that share no pool: large ones are runs of pools, huge ones mappings of their own.
//!
//! Memory that the kernel has just zeroed is not zeroed again.
//!
//! Does not know: thread caches.

use core::ptr::{NonNull, null_mut};
use strata_cache::current::{self, RUNTIME};
use strata_core::layout::{LARGEST_RUN_BYTES, POOL_BYTES};

/// Allocates more than the largest class. Null: out of memory or addresses, or an impossible size.
#[cold]
#[inline(never)]
pub(crate) fn alloc(size: usize, align: usize) -> *mut u8 {
    if size > isize::MAX as usize {
        return null_mut();
    }
    keep_house();
    let pointer = if is_large(size, align) {
        RUNTIME.directory.allocate_large(size, align).map(|(pointer, _)| pointer)
    } else {
        RUNTIME.directory.allocate_huge(size, align, false).map(|(pointer, _)| pointer)
    };
    pointer.map_or(null_mut(), NonNull::as_ptr)
}

/// The same, all zero.
#[cold]
#[inline(never)]
pub(crate) fn alloc_zeroed(size: usize, align: usize) -> *mut u8 {
    if size > isize::MAX as usize {
        return null_mut();
    }
    keep_house();
    if is_large(size, align) {
        let Some((pointer, dirty)) = RUNTIME.directory.allocate_large(size, align) else { return null_mut() };
        clear(pointer, size, dirty);
        return pointer.as_ptr();
    }
    match RUNTIME.directory.allocate_huge(size, align, true) {
        Some((pointer, is_zero)) => {
            debug_assert!(is_zero);
            pointer.as_ptr()
        }
        None => null_mut(),
    }
}

/// What a slow path does on the way: such allocations may be a thread's only ones.
fn keep_house() {
    RUNTIME.directory.tick();
    current::hire_janitor();
}

/// Whether a run of pools serves the request.
pub(crate) const fn is_large(size: usize, align: usize) -> bool {
    size <= LARGEST_RUN_BYTES && align <= LARGEST_RUN_BYTES
}

/// Zeroes the pools of a run that may hold something.
fn clear(start: NonNull<u8>, size: usize, dirty: u64) {
    for (index, offset) in (0..size).step_by(POOL_BYTES).enumerate() {
        if dirty >> index & 1 == 1 {
            // SAFETY: within the new allocation.
            let pool = unsafe { start.add(offset) };
            // SAFETY: as above.
            unsafe { pool.write_bytes(0, POOL_BYTES.min(size - offset)) };
        }
    }
}
