//! Taking addresses at an alignment, making them usable, and giving them back.
//!
//! The kernel aligns to a page. Where that is not enough, `align - page` more are asked for, and both ends cut off:
//!
//! ```text
//!   whole ─►├─ head ─┼────────── size ──────────┼─ tail ─┤       head + tail = align - page
//!                    ▲ multiple of align
//! ```
//!
//! Addresses that are only reserved are `PROT_NONE`, which no kernel counts as promised memory.
//!
//! Does not know: who asks, nor the states (`crate::memory` has the contract).

use super::advise::purge_lazily;
use super::machine::page_size;
use crate::call;
use crate::counters::Call;
use core::ffi::c_int;
use core::ptr::{self, NonNull};

const READ_WRITE: c_int = libc::PROT_READ | libc::PROT_WRITE;
const PRIVATE: c_int = libc::MAP_PRIVATE | libc::MAP_ANON;

pub(crate) fn reserve(size: usize, align: usize) -> Option<NonNull<u8>> {
    aligned(size, align, libc::PROT_NONE)
}

pub(crate) fn map(size: usize, align: usize) -> Option<NonNull<u8>> {
    aligned(size, align, READ_WRITE)
}

/// # Safety
/// - As for [`crate::memory::commit`].
pub(crate) unsafe fn commit(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: M3: the range is the caller's, and more access harms nobody.
    call::is_done(Call::Protect, || unsafe { libc::mprotect(ptr.as_ptr().cast(), size, READ_WRITE) })
}

/// # Safety
/// - As for [`crate::memory::decommit`].
pub(crate) unsafe fn decommit(ptr: NonNull<u8>, size: usize) -> bool {
    // Fresh pages without access in place of the old ones. POSIX lets a refusal leave a hole, into which another thread
    // may map; but no kernel has a reason to refuse what takes neither more addresses nor memory.
    let flags = PRIVATE | libc::MAP_FIXED;
    // SAFETY: M3, and nobody touches the range any more.
    call::address(Call::Map, || unsafe {
        libc::mmap(ptr.as_ptr().cast(), size, libc::PROT_NONE, flags, -1, 0)
    })
    .is_some()
}

/// # Safety
/// - As for [`crate::memory::release`].
pub(crate) unsafe fn release(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: M3, and nobody uses the range any more.
    let unmapped = call::is_done(Call::Unmap, || unsafe { libc::munmap(ptr.as_ptr().cast(), size) });
    if !unmapped {
        // A hole was one mapping too many; a remapping would be, too.
        // SAFETY: the range is still mapped and ours, and its contents are given up.
        let _ = unsafe { purge_lazily(ptr, size) };
    }
    unmapped
}

fn aligned(size: usize, align: usize, protection: c_int) -> Option<NonNull<u8>> {
    let first = anywhere(size, protection)?;
    if head_bytes(first, align) == 0 {
        return Some(first);
    }
    // SAFETY: mapped a moment ago, and nobody has seen it.
    unsafe { release(first, size) };
    aligned_by_trimming(size, align, protection)
}

#[cold]
fn aligned_by_trimming(size: usize, align: usize, protection: c_int) -> Option<NonNull<u8>> {
    let slack = align.saturating_sub(page_size());
    let whole = anywhere(size.checked_add(slack)?, protection)?;
    let head = head_bytes(whole, align);
    // SAFETY: `head <= slack`, as both are whole pages, so `start` lies in the mapping.
    let start = unsafe { whole.byte_add(head) };
    // SAFETY: `head + size <= slack + size`, the end of the mapping.
    let end = unsafe { start.byte_add(size) };
    for (ptr, size) in [(whole, head), (end, slack - head)] {
        if size != 0 {
            // SAFETY: an end of the fresh mapping, which nobody has seen.
            unsafe { release(ptr, size) };
        }
    }
    Some(start)
}

/// The bytes from `ptr` to the next multiple of `align`, a power of two.
fn head_bytes(ptr: NonNull<u8>, align: usize) -> usize {
    ptr.addr().get().wrapping_neg() & (align - 1)
}

/// A fresh mapping where the kernel likes.
fn anywhere(size: usize, protection: c_int) -> Option<NonNull<u8>> {
    call::address(Call::Map, || {
        // SAFETY: without `MAP_FIXED` the kernel gives only addresses that nobody holds (M1).
        unsafe { libc::mmap(ptr::null_mut(), size, protection, PRIVATE, -1, 0) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn both_ways_keep_the_alignment() {
        let page = page_size();
        for align in [page, 64 << 10, 4 * MIB, 64 * MIB] {
            for size in [page, 3 * page, 4 * MIB] {
                for ptr in [reserve(size, align), aligned_by_trimming(size, align, libc::PROT_NONE)] {
                    let ptr = ptr.unwrap();
                    assert_eq!(head_bytes(ptr, align), 0);
                    // SAFETY: reserved above.
                    assert!(unsafe { release(ptr, size) });
                }
            }
        }
    }

    #[test]
    fn trimming_leaves_the_whole_size_usable() {
        let (size, align) = (4 * page_size(), 16 * MIB);
        let ptr = aligned_by_trimming(size, align, READ_WRITE).unwrap();
        for offset in [0, size - 1] {
            // SAFETY: within the mapping.
            let place = unsafe { ptr.byte_add(offset) };
            // SAFETY: within the mapping.
            unsafe { place.write(1) };
        }
        // SAFETY: mapped above.
        assert!(unsafe { release(ptr, size) });
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let page = page_size();
        assert_eq!(reserve(usize::MAX & !(page - 1), page), None);
        assert_eq!(map((isize::MAX as usize) & !(page - 1), 4 * MIB), None);
        assert_eq!(aligned_by_trimming(usize::MAX & !(page - 1), 4 * MIB, libc::PROT_NONE), None);
    }

    #[test]
    fn memory_reads_as_zero_after_commit_and_after_decommit() {
        let size = 8 * page_size();
        let ptr = reserve(size, MIB).unwrap();
        for _ in 0..2 {
            // SAFETY: reserved.
            assert!(unsafe { commit(ptr, size) });
            // SAFETY: committed.
            assert_eq!(unsafe { ptr.read() }, 0);
            // SAFETY: committed.
            unsafe { ptr.write(7) };
            // SAFETY: committed, and nobody else knows it.
            assert!(unsafe { decommit(ptr, size) });
        }
        // SAFETY: reserved.
        assert!(unsafe { release(ptr, size) });
    }
}
