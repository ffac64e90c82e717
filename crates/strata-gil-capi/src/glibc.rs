//! The C library's own allocator, by the names that no other library takes from it.
//!
//! `malloc` and the others are ours here, so a call of one would come back. glibc has its functions a second time as
//! `__libc_malloc` and so on, for libraries like this one; `malloc_usable_size` alone must be found behind us.
//!
//! I1  None of the second names calls one of the first, so the lock may be held around them.
//!
//! Does not know: pools, the lock.

use crate::ALIGNMENT;
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::mem::transmute;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::Relaxed;
use strata_gil::move_block;

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
}

/// Where everything goes that is no pool's: CPython's choice.
pub(crate) struct Glibc;

// SAFETY: glibc's functions, which align to 16 and, where more is asked for, as asked. They do not unwind.
unsafe impl GlobalAlloc for Glibc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > ALIGNMENT {
            // SAFETY: a power of two.
            return unsafe { __libc_memalign(layout.align(), layout.size()) }.cast();
        }
        // SAFETY: any size is allowed.
        unsafe { __libc_malloc(layout.size()) }.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller's block, which one of the functions here gave.
        unsafe { __libc_free(block.cast()) };
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= ALIGNMENT {
            // SAFETY: any size is allowed.
            return unsafe { __libc_calloc(1, layout.size()) }.cast();
        }
        // SAFETY: the caller's layout.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: a fresh block of that length.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.align() <= ALIGNMENT {
            // SAFETY: the caller's block, which one of the functions here gave.
            return unsafe { __libc_realloc(block.cast(), new_size) }.cast();
        }
        // SAFETY: the caller promises that the new size is legal with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the caller's block and its layout.
        unsafe { move_block(self, block, layout, new) }
    }
}

/// Bytes that may be used of a block of glibc's; none if it cannot be asked.
///
/// # Safety
/// - `block` is a live block that glibc gave.
pub(crate) unsafe fn usable_size(block: NonNull<u8>) -> usize {
    // SAFETY: what carries this name is null or this function.
    let ask = unsafe { transmute::<*mut c_void, Option<UsableSize>>(namesake()) };
    // SAFETY: the caller's block, of the library that is asked.
    ask.map_or(0, |ask| unsafe { ask(block.as_ptr().cast()) })
}

type UsableSize = unsafe extern "C" fn(*mut c_void) -> usize;

/// glibc's `malloc_usable_size`: the next one behind our own.
fn namesake() -> *mut c_void {
    static FOUND: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
    // Relaxed, both: a function's address, whichever thread found it.
    let found = FOUND.load(Relaxed);
    if !found.is_null() {
        return found;
    }
    // SAFETY: a name that ends with a zero byte.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"malloc_usable_size".as_ptr()) };
    FOUND.store(found, Relaxed);
    found
}
