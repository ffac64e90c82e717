//! The calls on memory, by way of the C library, with `errno` put back.
//!
//! Does not know: what they are for (`crate::memory` has the contract).

use crate::call::{Answer, by_errno};
use core::ffi::c_int;
use core::ptr::NonNull;

/// Private addresses without a file, at the hint if those are free, or if `kind` says so in any case.
///
/// # Safety
/// - Where `kind` replaces a mapping, the caller holds it, and it is not used any more.
pub(crate) unsafe fn mmap(hint: *mut u8, size: usize, protection: c_int, kind: c_int) -> Answer {
    by_errno(|| {
        // SAFETY: a range that the caller holds, by this function's contract.
        let start = unsafe { libc::mmap(hint.cast(), size, protection, kind, -1, 0) };
        (start != libc::MAP_FAILED).then(|| start.expose_provenance())
    })
}

/// # Safety
/// - The caller holds the range, and it is not used any more.
pub(crate) unsafe fn munmap(ptr: NonNull<u8>, size: usize) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    done(|| unsafe { libc::munmap(ptr.as_ptr().cast(), size) })
}

/// # Safety
/// - The caller holds the range, and no access that it loses is still needed.
pub(crate) unsafe fn mprotect(ptr: NonNull<u8>, size: usize, protection: c_int) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    done(|| unsafe { libc::mprotect(ptr.as_ptr().cast(), size, protection) })
}

/// # Safety
/// - The caller holds the range, and gives up its contents where the advice drops them.
pub(crate) unsafe fn madvise(ptr: NonNull<u8>, size: usize, advice: c_int) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    done(|| unsafe { libc::madvise(ptr.as_ptr().cast(), size, advice) })
}

/// # Safety
/// - `pages` has a byte for each page of the range.
pub(crate) unsafe fn mincore(ptr: NonNull<u8>, size: usize, pages: *mut u8) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    done(|| unsafe { libc::mincore(ptr.as_ptr().cast(), size, pages.cast()) })
}

fn done(call: impl FnOnce() -> c_int) -> Answer {
    by_errno(|| (call() == 0).then_some(0))
}
