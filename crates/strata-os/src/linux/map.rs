//! Taking addresses at an alignment, making them usable, and giving them back.
//!
//! The kernel aligns to a page (since 6.7, large requests to 2 MiB), so an alignment beyond is won in three steps, each
//! tried only if the one before failed:
//!
//! ```text
//!  1  ask, and keep what comes if it happens to be aligned: it is, when the last one was and the kernel hands out
//!     addresses downwards
//!  2  give it back, and ask for the aligned address just below, which is free if nothing lay in between
//!  3  ask for `align - page` more, and cut off both ends:
//!
//!         whole ─►├─ head ─┼────────── size ──────────┼─ tail ─┤       head + tail = align - page
//!                          ▲ multiple of align
//! ```
//!
//! Addresses that are only reserved are `PROT_NONE` and `MAP_NORESERVE`: they count against the address space, not
//! against overcommit. Those of `map` are charged at once, so that an absurd size fails here and not in the
//! out-of-memory killer.
//!
//! Does not know: who asks, nor the states (`crate::memory` has the contract).

use super::advise::purge;
use super::machine::page_size;
use crate::call;
use crate::counters::Call;
use core::ffi::c_int;
use core::ptr::{self, NonNull};

const READ_WRITE: c_int = libc::PROT_READ | libc::PROT_WRITE;
const PRIVATE: c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

/// What fresh addresses may be used for.
#[derive(Clone, Copy)]
enum Access {
    Nothing,
    ReadWrite,
}

pub(crate) fn reserve(size: usize, align: usize) -> Option<NonNull<u8>> {
    aligned(size, align, Access::Nothing)
}

pub(crate) fn map(size: usize, align: usize) -> Option<NonNull<u8>> {
    aligned(size, align, Access::ReadWrite)
}

/// # Safety
/// - As for [`crate::memory::commit`].
pub(crate) unsafe fn commit(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: M3: the range is the caller's, and more access harms nobody.
    unsafe { protect(ptr, size, READ_WRITE) }
}

/// # Safety
/// - As for [`crate::memory::decommit`].
pub(crate) unsafe fn decommit(ptr: NonNull<u8>, size: usize) -> bool {
    // One `mmap` over the range would do both, but where it fails it can leave a hole that another thread maps into.
    // SAFETY: the caller gives up the contents.
    let purged = unsafe { purge(ptr, size) };
    // SAFETY: M3, and nobody touches the range any more.
    let protected = unsafe { protect(ptr, size, libc::PROT_NONE) };
    purged && protected
}

/// # Safety
/// - As for [`crate::memory::release`].
pub(crate) unsafe fn release(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: M3, and nobody uses the range any more.
    let unmapped = call::is_done(Call::Unmap, || unsafe { libc::munmap(ptr.as_ptr().cast(), size) });
    if !unmapped {
        // SAFETY: the range is still mapped and ours, and its contents are given up.
        unsafe { purge(ptr, size) };
    }
    unmapped
}

fn aligned(size: usize, align: usize, access: Access) -> Option<NonNull<u8>> {
    let first = anywhere(ptr::null_mut(), size, access)?;
    if is_aligned(first, align) {
        return Some(first);
    }
    // SAFETY: mapped a moment ago, and nobody has seen it.
    unsafe { release(first, size) };
    aligned_at_hint(first, size, align, access).or_else(|| aligned_by_trimming(size, align, access))
}

#[cold]
fn aligned_at_hint(first: NonNull<u8>, size: usize, align: usize, access: Access) -> Option<NonNull<u8>> {
    let below = first.as_ptr().map_addr(|address| address & !(align - 1));
    let second = anywhere(below, size, access)?;
    if is_aligned(second, align) {
        return Some(second);
    }
    // SAFETY: mapped a moment ago, and nobody has seen it.
    unsafe { release(second, size) };
    None
}

#[cold]
fn aligned_by_trimming(size: usize, align: usize, access: Access) -> Option<NonNull<u8>> {
    let slack = align.saturating_sub(page_size());
    let whole = anywhere(ptr::null_mut(), size.checked_add(slack)?, access)?;
    let head = head_bytes(whole.addr().get(), align);
    // SAFETY: `head <= slack`, as both are whole pages, so `start` lies in the mapping.
    let start = unsafe { whole.byte_add(head) };
    // SAFETY: `head + size <= slack + size`, the end of the mapping.
    let end = unsafe { start.byte_add(size) };
    // SAFETY: the head lies in the fresh mapping, before what is handed out.
    unsafe { release_if_any(whole, head) };
    // SAFETY: the tail lies in the fresh mapping, behind what is handed out.
    unsafe { release_if_any(end, slack - head) };
    Some(start)
}

/// # Safety
/// - As for [`release`], but the range may be empty.
unsafe fn release_if_any(ptr: NonNull<u8>, size: usize) {
    if size != 0 {
        // SAFETY: the same contract.
        unsafe { release(ptr, size) };
    }
}

/// The bytes from `address` to the next multiple of `align`, a power of two.
const fn head_bytes(address: usize, align: usize) -> usize {
    address.wrapping_neg() & (align - 1)
}

fn is_aligned(ptr: NonNull<u8>, align: usize) -> bool {
    head_bytes(ptr.addr().get(), align) == 0
}

/// A fresh mapping at the hint if that is free, or else where the kernel likes.
fn anywhere(hint: *mut u8, size: usize, access: Access) -> Option<NonNull<u8>> {
    let (protection, flags) = match access {
        Access::Nothing => (libc::PROT_NONE, PRIVATE | libc::MAP_NORESERVE),
        Access::ReadWrite => (READ_WRITE, PRIVATE),
    };
    call::address(Call::Map, || {
        // SAFETY: without `MAP_FIXED` the kernel gives only addresses that nobody holds (M1).
        unsafe { libc::mmap(hint.cast(), size, protection, flags, -1, 0) }
    })
}

/// # Safety
/// - The caller holds the range, and nobody uses access that it loses.
unsafe fn protect(ptr: NonNull<u8>, size: usize, protection: c_int) -> bool {
    // SAFETY: M3.
    call::is_done(Call::Protect, || unsafe { libc::mprotect(ptr.as_ptr().cast(), size, protection) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn the_head_ends_at_the_next_multiple() {
        for align in [1_usize, 2, 4, 64] {
            for address in 0..300_usize {
                let head = head_bytes(address, align);
                assert!(head < align);
                assert_eq!((address + head) % align, 0);
            }
        }
    }

    #[test]
    fn every_step_keeps_the_alignment() {
        let page = page_size();
        for align in [page, 64 << 10, 4 * MIB, 64 * MIB] {
            for size in [page, 3 * page, 4 * MIB] {
                let plain = reserve(size, align).unwrap();
                let trimmed = aligned_by_trimming(size, align, Access::Nothing).unwrap();
                assert!(is_aligned(plain, align) && is_aligned(trimmed, align));
                // SAFETY: reserved above.
                assert!(unsafe { release(plain, size) });
                // SAFETY: reserved above.
                assert!(unsafe { release(trimmed, size) });
            }
        }
    }

    #[test]
    fn trimming_leaves_the_whole_size_usable() {
        let (size, align) = (4 * page_size(), 16 * MIB);
        let ptr = aligned_by_trimming(size, align, Access::ReadWrite).unwrap();
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
        assert_eq!(reserve((isize::MAX as usize) & !(page - 1), 4 * MIB), None);
        assert_eq!(aligned_by_trimming(usize::MAX & !(page - 1), 4 * MIB, Access::Nothing), None);
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
