//! Blocks of strict alignment, as POSIX, C11 and older C libraries have them.
//!
//! `valloc` and `pvalloc` are here because their blocks are freed by our `free`.
//!
//! Does not know: how anything is done.

use crate::{ALIGNMENT, allocate, set_errno};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if !alignment.is_power_of_two() || !alignment.is_multiple_of(size_of::<usize>()) {
        return libc::EINVAL;
    }
    // SAFETY: always allowed.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the calling thread's own.
    let before = unsafe { errno.read() };
    let block = allocate(size, alignment);
    // POSIX returns the reason and leaves `errno`.
    set_errno(before);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: C's contract: the caller's place.
    unsafe { place.write(block) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    memalign(alignment, size)
}

#[unsafe(no_mangle)]
extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    match alignment.max(ALIGNMENT).checked_next_power_of_two() {
        Some(alignment) => allocate(size, alignment),
        None => {
            set_errno(libc::EINVAL);
            null_mut()
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn valloc(size: usize) -> *mut c_void {
    allocate(size, page_bytes())
}

#[unsafe(no_mangle)]
extern "C" fn pvalloc(size: usize) -> *mut c_void {
    // What overflows stays as long as it is, and is refused.
    allocate(size.max(1).checked_next_multiple_of(page_bytes()).unwrap_or(size), page_bytes())
}

fn page_bytes() -> usize {
    // SAFETY: asks nothing of the caller.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4_096)
}
