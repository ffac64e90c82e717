//! The calls on memory, each with the types of its arguments.
//!
//! Does not know: what they are for (`crate::memory` has the contract).

use super::raw::{Answer, Argument, call, flags, number};
use core::ffi::c_int;
use core::ptr::NonNull;

/// Fresh private addresses without a file, at the hint if those are free.
///
/// # Safety
/// - `kind` replaces no mapping.
#[cfg(not(strata_tsan))]
pub(crate) unsafe fn mmap(hint: *mut u8, size: usize, protection: c_int, kind: c_int) -> Answer {
    let no_file = flags(-1);
    let arguments = [hint.cast(), number(size), flags(protection), flags(kind), no_file, number(0)];
    // SAFETY: takes addresses that are free.
    unsafe { call(libc::SYS_mmap, arguments) }
}

/// # Safety
/// - The caller holds the range, and it is not used any more.
#[cfg(not(strata_tsan))]
pub(crate) unsafe fn munmap(ptr: NonNull<u8>, size: usize) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    unsafe { call(libc::SYS_munmap, [of(ptr), number(size)]) }
}

/// The same by the C library, which ThreadSanitizer listens to: addresses that come again have no past for it.
///
/// # Safety
/// - As above.
#[cfg(strata_tsan)]
pub(crate) unsafe fn mmap(hint: *mut u8, size: usize, protection: c_int, kind: c_int) -> Answer {
    crate::call::by_errno(|| {
        // SAFETY: a range that the caller holds, by this function's contract.
        let start = unsafe { libc::mmap(hint.cast(), size, protection, kind, -1, 0) };
        (start != libc::MAP_FAILED).then(|| start.expose_provenance())
    })
}

/// The same by the C library.
///
/// # Safety
/// - The caller holds the range, and it is not used any more.
#[cfg(strata_tsan)]
pub(crate) unsafe fn munmap(ptr: NonNull<u8>, size: usize) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    crate::call::by_errno(|| (unsafe { libc::munmap(ptr.as_ptr().cast(), size) } == 0).then_some(0))
}

/// # Safety
/// - The caller holds the range, and no access that it loses is still needed.
pub(crate) unsafe fn mprotect(ptr: NonNull<u8>, size: usize, protection: c_int) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    unsafe { call(libc::SYS_mprotect, [of(ptr), number(size), flags(protection)]) }
}

/// # Safety
/// - The caller holds the range, and gives up its contents where the advice drops them.
pub(crate) unsafe fn madvise(ptr: NonNull<u8>, size: usize, advice: c_int) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    unsafe { call(libc::SYS_madvise, [of(ptr), number(size), flags(advice)]) }
}

/// # Safety
/// - `pages` has a byte for each page of the range.
pub(crate) unsafe fn mincore(ptr: NonNull<u8>, size: usize, pages: *mut u8) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    unsafe { call(libc::SYS_mincore, [of(ptr), number(size), pages.cast()]) }
}

/// # Safety
/// - The caller holds the range, and `target`, too, if it is to move there.
pub(crate) unsafe fn mremap(ptr: NonNull<u8>, old: usize, new: usize, how: c_int, target: *mut u8) -> Answer {
    // SAFETY: a range that the caller holds, by this function's contract.
    unsafe { call(libc::SYS_mremap, [of(ptr), number(old), number(new), flags(how), target.cast()]) }
}

fn of(ptr: NonNull<u8>) -> Argument {
    ptr.as_ptr().cast()
}
