//! Taking addresses at an alignment, making them usable, and giving them back.
//!
//! The kernel aligns to a page. Where that is not enough, more are asked for, and both ends cut off (`posix/trim.rs`).
//!
//! Addresses that are only reserved are `PROT_NONE`, which no kernel counts as promised memory.
//!
//! Does not know: who asks, nor the states (`crate::memory` has the contract).

use super::advise::purge_lazily;
use super::kernel;
use super::machine::page_size;
use crate::call;
use crate::counters::Call;
use crate::memory::At;
use crate::posix::trim::{aligned_by_trimming, is_aligned_behind, unmap};
use core::ffi::c_int;
use core::ptr::{self, NonNull};

const READ_WRITE: c_int = libc::PROT_READ | libc::PROT_WRITE;
const PRIVATE: c_int = libc::MAP_PRIVATE | libc::MAP_ANON;

pub(crate) fn reserve(size: usize, align: usize) -> Option<NonNull<u8>> {
    aligned(size, align, 0, libc::PROT_NONE)
}

pub(crate) fn map(size: usize, align: usize) -> Option<NonNull<u8>> {
    aligned(size, align, 0, READ_WRITE)
}

pub(crate) fn map_behind(front: usize, size: usize, align: usize) -> Option<NonNull<u8>> {
    aligned(size, align, front, READ_WRITE)
}

/// # Safety
/// - As for [`crate::memory::commit`].
pub(crate) unsafe fn commit(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: M3: the range is the caller's, and more access does no harm.
    call::is_done(Call::Protect, || unsafe { kernel::mprotect(ptr, size, READ_WRITE) })
}

/// # Safety
/// - As for [`crate::memory::decommit`].
pub(crate) unsafe fn decommit(ptr: NonNull<u8>, size: usize) -> bool {
    // Fresh pages without access in place of the old ones. POSIX lets a refusal leave a hole, into which another thread
    // may map; but no kernel has a reason to refuse what takes neither more addresses nor memory.
    let flags = PRIVATE | libc::MAP_FIXED;
    // SAFETY: M3, and the range is not used any more.
    call::address(Call::Map, || unsafe { kernel::mmap(ptr.as_ptr(), size, libc::PROT_NONE, flags) }).is_some()
}

/// # Safety
/// - As for [`crate::memory::release`].
pub(crate) unsafe fn release(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the same contract.
    let unmapped = unsafe { unmap(ptr, size) };
    if !unmapped {
        // A hole was one mapping too many; a remapping would be, too.
        // SAFETY: the range is still mapped and ours, and its contents are given up.
        let _ = unsafe { purge_lazily(ptr, size) };
    }
    unmapped
}

/// # Safety
/// - As for [`crate::memory::give_back`].
pub(crate) unsafe fn give_back(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the same contract.
    unsafe { unmap(ptr, size) }
}

/// POSIX lets the kernel take the address for a hint, and all do while it is free.
pub(crate) fn map_at(ptr: NonNull<u8>, size: usize) -> At {
    let mapped = call::address(Call::Map, || {
        // SAFETY: without `MAP_FIXED` the kernel gives only addresses that are free (M1).
        unsafe { kernel::mmap(ptr.as_ptr(), size, READ_WRITE, PRIVATE) }
    });
    match mapped {
        Some(place) if place == ptr => At::Mapped,
        Some(elsewhere) => {
            // SAFETY: mapped a moment ago, and not shared yet.
            unsafe { release(elsewhere, size) };
            At::Taken
        }
        None => At::Refused,
    }
}

fn aligned(size: usize, align: usize, front: usize, protection: c_int) -> Option<NonNull<u8>> {
    let first = anywhere(size, protection)?;
    if is_aligned_behind(front, first, align) {
        return Some(first);
    }
    // SAFETY: mapped a moment ago, and not shared yet.
    unsafe { release(first, size) };
    aligned_by_trimming(size, align, front, page_size(), |whole| anywhere(whole, protection))
}

/// A fresh mapping where the kernel likes.
fn anywhere(size: usize, protection: c_int) -> Option<NonNull<u8>> {
    call::address(Call::Map, || {
        // SAFETY: without `MAP_FIXED` the kernel gives only addresses that are free (M1).
        unsafe { kernel::mmap(ptr::null_mut(), size, protection, PRIVATE) }
    })
}
