//! Blocks at addresses that the program wants, as POSIX, C23 and glibc have them.
//!
//! | name             | an alignment that is no power of two      | size zero, too much                               |
//! |------------------|-------------------------------------------|---------------------------------------------------|
//! | `posix_memalign` | `EINVAL` (and below a pointer's size)     | a block; `ENOMEM` as result and `errno` (glibc)   |
//! | `aligned_alloc`  | null, `EINVAL` (C23; glibc from 2.38 on)  | a block; null, `ENOMEM`                           |
//! | `memalign`       | the next one (glibc)                      | as above                                          |
//! | `valloc`         | the page size                             | as above                                          |
//! | `pvalloc`        | the page size, and whole pages            | a page; as above                                  |
//!
//! A size need not be a multiple of the alignment. All are freed by `free`.
//!
//! Does not know: size classes.

use crate::errno;
use crate::malloc::allocate_aligned;
use core::ffi::{c_int, c_void};
use strata_os::machine;

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if !alignment.is_power_of_two() || alignment < size_of::<*mut c_void>() {
        return libc::EINVAL;
    }
    let block = allocate_aligned(size, alignment);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's place for the pointer.
    unsafe { place.write(block.cast()) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    if alignment.is_power_of_two() { allocate_aligned(size, alignment).cast() } else { errno::invalid() }
}

#[unsafe(no_mangle)]
extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    match alignment.checked_next_power_of_two() {
        Some(alignment) => allocate_aligned(size, alignment).cast(),
        None => errno::invalid(),
    }
}

#[unsafe(no_mangle)]
extern "C" fn valloc(size: usize) -> *mut c_void {
    allocate_aligned(size, machine::page_size()).cast()
}

#[unsafe(no_mangle)]
extern "C" fn pvalloc(size: usize) -> *mut c_void {
    let page = machine::page_size();
    match size.max(1).checked_next_multiple_of(page) {
        Some(pages) => allocate_aligned(pages, page).cast(),
        None => errno::no_memory(),
    }
}
