//! pymalloc's layers behind one mutex, under the names that C programs call: `libstrata_gil.so`, to preload.
//!
//! | file      | names                                                                    |
//! |-----------|--------------------------------------------------------------------------|
//! | `malloc`  | `malloc calloc realloc reallocarray free cfree`, `malloc_usable_size`    |
//! | `aligned` | `posix_memalign aligned_alloc memalign valloc pvalloc`                   |
//! | `glibc`   | none: what serves long blocks                                            |
//!
//! G1  Whatever these names gave is of `HEAP`: a pool's, or glibc's.
//! G2  Nothing here allocates through Rust's `alloc` or calls one of the names: the compiler has no `malloc` to go round in.
//!     Where the C library calls them from inside (`pthread_atfork`, `dlsym`), no lock is held.
//!
//! Does not know: pools, the lock (`strata-gil` does).

mod aligned;
mod glibc;
mod malloc;

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};
use glibc::Glibc;
use strata_gil::{Current, Gil, Unlocked};

/// One lock for every call, as long as it takes, glibc's part included: CPython holds its own through all of it, too.
///
/// The classic set would not do: its blocks are aligned to 8, and C promises 16.
// SAFETY: `Gil` lets one call at a time in, and each one sees what those before it did.
static HEAP: Gil<Unlocked<Current, Glibc>> = Gil::new(unsafe { Unlocked::one_thread(Glibc) });

/// What every C block is aligned to.
const ALIGNMENT: usize = 16;

/// At least `size` bytes at a multiple of `alignment`, a power of two; null with `ENOMEM` otherwise.
fn allocate(size: usize, alignment: usize) -> *mut c_void {
    let block = layout(size, alignment).map_or(null_mut(), |layout| {
        // SAFETY: the size is not zero.
        unsafe { HEAP.alloc(layout) }
    });
    told(block)
}

/// Zero bytes are the smallest block: unique, and to be freed.
fn layout(size: usize, alignment: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), alignment.max(ALIGNMENT)).ok()
}

/// Null says why.
fn told(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        set_errno(libc::ENOMEM);
    }
    block.cast()
}

/// Bytes that may be used of a block.
///
/// # Safety
/// - `block` is a live block of this library.
unsafe fn usable_size(block: NonNull<u8>) -> usize {
    // SAFETY: the same contract.
    let of_pool = HEAP.with(|heap| unsafe { heap.pool_block_size(block) });
    // SAFETY: G1: not of a pool, so it is glibc's.
    of_pool.unwrap_or_else(|| unsafe { glibc::usable_size(block) })
}

fn set_errno(code: c_int) {
    // SAFETY: always allowed.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the calling thread's own.
    unsafe { errno.write(code) };
}
