//! Taking addresses at an alignment, making them usable, and giving them back.
//!
//! The kernel aligns to a page (since 6.7, large requests to 2 MiB), so an alignment beyond is won in three steps, each
//! tried only if the one before failed:
//!
//! ```text
//!  1  ask, and keep what comes if it happens to be aligned: it is, when the last one was and the kernel hands out
//!     addresses downwards
//!  2  give it back, and ask for the aligned address just below, which is free if nothing lay in between
//!  3  ask for more, and cut off both ends (`posix/trim.rs`): only what stays is made usable, and counts against limits on data
//! ```
//!
//! Addresses that are only reserved are `PROT_NONE` and `MAP_NORESERVE`, and no part of a core dump (`gcore` would write 256 MiB of
//! zeroes for a segment): they count against the address space, not against overcommit. Those of `map` are charged at once, so that an absurd size fails here and not in the
//! out-of-memory killer.
//!
//! Does not know: who asks, nor the states (`crate::memory` has the contract).

use super::advise::{keep_out_of_dumps, purge, take_into_dumps};
use super::kernel;
use super::machine::page_size;
use crate::call;
use crate::counters::Call;
use crate::memory::At;
use crate::posix::trim::{aligned_by_trimming, is_aligned_behind, unmap};
use core::ffi::c_int;
use core::ptr::{self, NonNull};

const READ_WRITE: c_int = libc::PROT_READ | libc::PROT_WRITE;
const PRIVATE: c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

/// What fresh addresses may be used for.
#[derive(Clone, Copy)]
enum Access {
    /// None, nor is any promised.
    Nothing,
    /// None yet.
    Later,
    ReadWrite,
}

pub(crate) fn reserve(size: usize, align: usize) -> Option<NonNull<u8>> {
    let reserved = aligned(size, align, 0, Access::Nothing)?;
    keep_out_of_dumps(reserved, size);
    Some(reserved)
}

pub(crate) fn map(size: usize, align: usize) -> Option<NonNull<u8>> {
    aligned(size, align, 0, Access::ReadWrite)
}

pub(crate) fn map_behind(front: usize, size: usize, align: usize) -> Option<NonNull<u8>> {
    aligned(size, align, front, Access::ReadWrite)
}

/// # Safety
/// - As for [`crate::memory::commit`].
pub(crate) unsafe fn commit(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: M3: the range is the caller's, and more access does no harm.
    let committed = unsafe { protect(ptr, size, READ_WRITE) };
    if committed {
        take_into_dumps(ptr, size);
    }
    committed
}

/// # Safety
/// - As for [`crate::memory::decommit`].
pub(crate) unsafe fn decommit(ptr: NonNull<u8>, size: usize) -> bool {
    // One `mmap` over the range would do both, but where it fails it can leave a hole that another thread maps into.
    // SAFETY: the caller gives up the contents.
    let purged = unsafe { purge(ptr, size) };
    keep_out_of_dumps(ptr, size);
    // SAFETY: M3, and the range is not used any more.
    let protected = unsafe { protect(ptr, size, libc::PROT_NONE) };
    purged && protected
}

/// # Safety
/// - As for [`crate::memory::release`].
pub(crate) unsafe fn release(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the same contract.
    let unmapped = unsafe { unmap(ptr, size) };
    if !unmapped {
        // SAFETY: the range is still mapped and ours, and its contents are given up.
        unsafe { purge(ptr, size) };
    }
    unmapped
}

/// # Safety
/// - As for [`crate::memory::give_back`].
pub(crate) unsafe fn give_back(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the same contract.
    unsafe { unmap(ptr, size) }
}

pub(crate) fn map_at(ptr: NonNull<u8>, size: usize) -> At {
    let flags = PRIVATE | libc::MAP_FIXED_NOREPLACE;
    let mapped = call::address_or_errno(Call::Map, || {
        // SAFETY: without `MAP_FIXED` the kernel gives only addresses that are free (M1).
        unsafe { kernel::mmap(ptr.as_ptr(), size, READ_WRITE, flags) }
    });
    match mapped {
        Ok(place) if place == ptr => At::Mapped,
        // A kernel before 4.17 takes the address for a hint.
        Ok(elsewhere) => {
            // SAFETY: mapped a moment ago, and not shared yet.
            unsafe { release(elsewhere, size) };
            At::Taken
        }
        Err(libc::EEXIST) => At::Taken,
        Err(_) => At::Refused,
    }
}

fn aligned(size: usize, align: usize, front: usize, access: Access) -> Option<NonNull<u8>> {
    let first = anywhere(ptr::null_mut(), size, access)?;
    if is_aligned_behind(front, first, align) {
        return Some(first);
    }
    // SAFETY: mapped a moment ago, and not shared yet.
    unsafe { release(first, size) };
    aligned_at_hint(first, size, align, front, access)
        .or_else(|| aligned_by_asking_for_more(size, align, front, access))
}

#[cold]
fn aligned_by_asking_for_more(
    size: usize,
    align: usize,
    front: usize,
    access: Access,
) -> Option<NonNull<u8>> {
    let at_first = if let Access::ReadWrite = access { Access::Later } else { access };
    let whole = |bytes| anywhere(ptr::null_mut(), bytes, at_first);
    let part = aligned_by_trimming(size, align, front, page_size(), whole)?;
    // SAFETY: mapped a moment ago, and not shared yet.
    let is_usable = !matches!(access, Access::ReadWrite) || unsafe { protect(part, size, READ_WRITE) };
    if !is_usable {
        // SAFETY: as above.
        unsafe { release(part, size) };
    }
    is_usable.then_some(part)
}

#[cold]
fn aligned_at_hint(
    first: NonNull<u8>,
    size: usize,
    align: usize,
    front: usize,
    access: Access,
) -> Option<NonNull<u8>> {
    let below = first.as_ptr().map_addr(|address| ((address + front) & !(align - 1)).saturating_sub(front));
    let second = anywhere(below, size, access)?;
    if is_aligned_behind(front, second, align) {
        return Some(second);
    }
    // SAFETY: mapped a moment ago, and not shared yet.
    unsafe { release(second, size) };
    None
}

/// A fresh mapping at the hint if that is free, or else where the kernel likes.
fn anywhere(hint: *mut u8, size: usize, access: Access) -> Option<NonNull<u8>> {
    let (protection, flags) = match access {
        Access::Nothing => (libc::PROT_NONE, PRIVATE | libc::MAP_NORESERVE),
        Access::Later => (libc::PROT_NONE, PRIVATE),
        Access::ReadWrite => (READ_WRITE, PRIVATE),
    };
    call::address(Call::Map, || {
        // SAFETY: without `MAP_FIXED` the kernel gives only addresses that are free (M1).
        unsafe { kernel::mmap(hint, size, protection, flags) }
    })
}

/// # Safety
/// - The caller holds the range, and no access that it loses is still needed.
unsafe fn protect(ptr: NonNull<u8>, size: usize, protection: c_int) -> bool {
    // SAFETY: M3.
    call::is_done(Call::Protect, || unsafe { kernel::mprotect(ptr, size, protection) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::in_child::is_true_in_a_child;

    const MIB: usize = 1 << 20;

    #[test]
    fn only_what_stays_counts_against_a_limit_on_data() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let data = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
        let kib: u64 = data.trim().trim_end_matches(" kB").parse().unwrap();
        let most = (kib << 10) + 512 * MIB as u64;
        assert!(is_true_in_a_child(|| {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            // SAFETY: reads `limit`.
            unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) };
            let front = page_size();
            let is_there = aligned_by_asking_for_more(256 * MIB, 512 * MIB, front, Access::ReadWrite)
                .is_some_and(|start| is_aligned_behind(front, start, 512 * MIB));
            let is_more_refused = anywhere(ptr::null_mut(), 512 * MIB, Access::ReadWrite).is_none();
            is_there && is_more_refused
        }));
    }
}
