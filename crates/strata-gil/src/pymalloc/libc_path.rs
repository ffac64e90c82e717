//! The C library's allocator, where everything goes that is too long or too strictly aligned for a pool.
//!
//! `std`'s `System` does the same, but is not there without `std`.
//!
//! Does not know: pools, the lock.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;

/// What `malloc` promises on 64-bit targets.
const MALLOC_ALIGNMENT: usize = 16;

/// `malloc`, `calloc`, `realloc`, `free`, and `posix_memalign` for strict alignments.
///
/// Not for a library that itself exports `malloc`: its calls would come back to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct LibcPath;

// SAFETY: the C library's functions, with alignment as they promise it. They do not unwind.
unsafe impl GlobalAlloc for LibcPath {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if needs_memalign(layout) {
            return memalign(layout);
        }
        // SAFETY: any size is allowed.
        unsafe { libc::malloc(layout.size()) }.cast()
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _layout: Layout) {
        // SAFETY: the caller's block came from one of the functions here.
        unsafe { libc::free(ptr.cast()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !needs_memalign(layout) {
            // SAFETY: any size is allowed.
            return unsafe { libc::calloc(1, layout.size()) }.cast();
        }
        let block = memalign(layout);
        if !block.is_null() {
            // SAFETY: a fresh block of that length.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size is legal with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if !needs_memalign(new) {
            // SAFETY: the caller's block came from one of the functions here.
            return unsafe { libc::realloc(ptr.cast(), new_size) }.cast();
        }
        // SAFETY: the caller's block, and a legal layout.
        unsafe { move_block(self, ptr, layout, new) }
    }
}

/// A small block may be less aligned in some C libraries, as nothing so small can need 16.
fn needs_memalign(layout: Layout) -> bool {
    layout.align() > MALLOC_ALIGNMENT || layout.align() > layout.size()
}

fn memalign(layout: Layout) -> *mut u8 {
    let mut block = null_mut();
    let alignment = layout.align().max(size_of::<usize>());
    // SAFETY: a power of two, at least a pointer's length.
    let error = unsafe { libc::posix_memalign(&raw mut block, alignment, layout.size()) };
    if error == 0 { block.cast() } else { null_mut() }
}

/// Allocates anew, copies what fits, frees; null changes nothing.
///
/// # Safety
/// - `ptr` is a block of `allocator` with the layout `old`; `new` is legal and not empty.
pub unsafe fn move_block(allocator: &impl GlobalAlloc, ptr: *mut u8, old: Layout, new: Layout) -> *mut u8 {
    // SAFETY: the caller's layout.
    let moved = unsafe { allocator.alloc(new) };
    if moved.is_null() {
        return moved;
    }
    // SAFETY: both blocks have that many bytes, and they are two blocks.
    unsafe { moved.copy_from_nonoverlapping(ptr, old.size().min(new.size())) };
    // SAFETY: the caller's block, which it may not use again.
    unsafe { allocator.dealloc(ptr, old) };
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_alignments_hold_through_realloc() {
        for alignment in [1, 16, 32, 4096] {
            let layout = Layout::from_size_align(100, alignment).unwrap();
            // SAFETY: the layout is not empty.
            let block = unsafe { LibcPath.alloc_zeroed(layout) };
            // SAFETY: the block just allocated.
            let grown = unsafe { LibcPath.realloc(block, layout, 10_000) };
            assert_eq!(grown.addr() % alignment, 0);
            // SAFETY: 100 zeroed bytes were carried over.
            assert_eq!(unsafe { grown.wrapping_add(99).read() }, 0);
            // SAFETY: the block, with its new size.
            unsafe { LibcPath.dealloc(grown, Layout::from_size_align(10_000, alignment).unwrap()) };
        }
    }

    #[test]
    fn an_impossible_request_gets_null() {
        for alignment in [1, 4096] {
            let layout = Layout::from_size_align(isize::MAX as usize - 8191, alignment).unwrap();
            // SAFETY: the layout is not empty.
            let block = unsafe { LibcPath.alloc(layout) };
            // Seen from outside, or the optimiser drops the call and assumes success.
            assert!(core::hint::black_box(block).is_null());
        }
    }
}
