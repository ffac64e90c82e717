//! The functions of `crate::memory`, checked, and failing as planned.
//!
//! Every one goes the same way: is the move legal, may the call succeed, what does the memory behind say; only then does
//! the table move. What gives addresses away moves the table first, since another thread may get them at once.
//!
//! Does not know: which states there are (`table`).

use super::faults::may_succeed;
use super::promises::{charged, discharge};
use super::table::{self, Move};
use super::{Remains, backing, hugetlb, nodes};
use crate::memory::At;
use core::ffi::CStr;
use core::ptr::NonNull;

pub(crate) use super::hugetlb::{hugetlb_bytes, hugetlb_pages, map_hugetlb};
pub(crate) use super::nodes::{memory_nodes, prefer_node, running_node};
pub(crate) use super::{budget, page_size};

pub(crate) fn reserve(size: usize, align: usize) -> Option<NonNull<u8>> {
    take(size, Move::TAKE_RESERVED, || backing::reserve(size, align.max(page_size())))
}

pub(crate) fn map(size: usize, align: usize) -> Option<NonNull<u8>> {
    take(size, Move::TAKE_COMMITTED, || backing::map(size, align.max(page_size())))
}

pub(crate) fn map_behind(front: usize, size: usize, align: usize) -> Option<NonNull<u8>> {
    take(size, Move::TAKE_COMMITTED, || backing::map_behind(front, size, align.max(page_size())))
}

fn take(size: usize, step: Move, call: impl FnOnce() -> Option<NonNull<u8>>) -> Option<NonNull<u8>> {
    if !may_succeed() || size > table::LARGEST_RANGE_BYTES {
        return None;
    }
    let promised = if step == Move::TAKE_COMMITTED { size } else { 0 };
    let ptr = charged(promised, Option::is_some, call)?;
    table::make(ptr, size, step);
    Some(ptr)
}

/// # Safety
/// - As for [`crate::memory::commit`].
pub(crate) unsafe fn commit(ptr: NonNull<u8>, size: usize) -> bool {
    let fresh = size - table::promised_bytes(ptr, size);
    // SAFETY: the same contract.
    step(ptr, size, Move::COMMIT, || charged(fresh, is_true, || unsafe { backing::commit(ptr, size) }))
}

/// # Safety
/// - As for [`crate::memory::decommit`].
pub(crate) unsafe fn decommit(ptr: NonNull<u8>, size: usize) -> bool {
    let promised = table::promised_bytes(ptr, size);
    // SAFETY: the same contract.
    let done =
        purging(ptr, size, (Move::DECOMMIT, Remains::Zero), || unsafe { backing::decommit(ptr, size) });
    if done {
        // Linux goes on to count it; what was decommitted would have to be told apart from what was only reserved.
        discharge(promised);
    }
    done
}

/// # Safety
/// - As for [`crate::memory::purge`].
pub(crate) unsafe fn purge(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the same contract.
    purging(ptr, size, (Move::PURGE, Remains::Zero), || unsafe { backing::purge(ptr, size) })
}

/// # Safety
/// - As for [`crate::memory::purge_lazily`].
pub(crate) unsafe fn purge_lazily(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the same contract.
    purging(ptr, size, (Move::PURGE, Remains::OldOrZero), || unsafe { backing::purge_lazily(ptr, size) })
}

/// # Safety
/// - As for [`crate::memory::populate`].
pub(crate) unsafe fn populate(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the same contract.
    step(ptr, size, Move::POPULATE, || unsafe { backing::populate(ptr, size) })
}

/// # Safety
/// - As for [`crate::memory::collapse`].
pub(crate) unsafe fn collapse(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the same contract.
    step(ptr, size, Move::USE, || unsafe { backing::collapse(ptr, size) })
}

/// # Safety
/// - As for [`crate::memory::advise_huge_pages`].
pub(crate) unsafe fn advise_huge_pages(ptr: NonNull<u8>, size: usize) -> bool {
    table::check(ptr, size, Move::HOLD);
    hugetlb::refuse(ptr, size);
    // SAFETY: the same contract.
    unsafe { backing::advise_huge_pages(ptr, size) }
}

/// # Safety
/// - As for [`crate::memory::advise_small_pages`].
pub(crate) unsafe fn advise_small_pages(ptr: NonNull<u8>, size: usize) -> bool {
    table::check(ptr, size, Move::HOLD);
    hugetlb::refuse(ptr, size);
    // SAFETY: the same contract.
    unsafe { backing::advise_small_pages(ptr, size) }
}

/// A page of ours is several of the real ones, any of which may be there.
pub(crate) fn find_resident(ptr: NonNull<u8>, pages: &mut [u8]) -> bool {
    let mut real = [0; 65536 / 4096];
    let real = &mut real[..page_size() / backing::page_size()];
    may_succeed()
        && pages.iter_mut().enumerate().all(|(index, page)| {
            let start = ptr.map_addr(|address| address.saturating_add(index * page_size()));
            let known = backing::find_resident(start, real);
            *page = real.iter().fold(0, |any, page| any | page);
            known
        })
}

pub(crate) fn name(ptr: NonNull<u8>, size: usize, name: &'static CStr) {
    table::check(ptr, size, Move::HOLD);
    backing::name(ptr, size, name);
}

/// # Safety
/// - As for [`crate::memory::grow_in_place`].
pub(crate) unsafe fn grow_in_place(ptr: NonNull<u8>, old: usize, new: usize) -> bool {
    table::check(ptr, old, Move::USE);
    // SAFETY: the same contract.
    let grow = || unsafe { backing::grow_in_place(ptr, old, new) };
    let grown = may_succeed() && charged(new - old, is_true, grow);
    if grown {
        // SAFETY: `old < new`, so this is inside the range.
        let fresh = unsafe { ptr.byte_add(old) };
        table::make(fresh, new - old, Move::TAKE_COMMITTED);
    }
    grown
}

/// # Safety
/// - As for [`crate::memory::shrink_in_place`].
pub(crate) unsafe fn shrink_in_place(ptr: NonNull<u8>, old: usize, new: usize) -> bool {
    // SAFETY: `new < old`, so this is inside the range.
    let tail = unsafe { ptr.byte_add(new) };
    unpromise(tail, old - new);
    if may_succeed() {
        // SAFETY: the same contract.
        return unsafe { backing::shrink_in_place(ptr, old, new) };
    }
    // SAFETY: the caller gives up the tail.
    unsafe { keep_addresses(tail, old - new) }
}

/// # Safety
/// - As for [`crate::memory::relocate`].
pub(crate) unsafe fn relocate(ptr: NonNull<u8>, old: usize, new: usize, align: usize) -> Option<NonNull<u8>> {
    table::check(ptr, old, Move::USE);
    if !may_succeed() || new > table::LARGEST_RANGE_BYTES {
        return None;
    }
    table::make(ptr, old, Move::RELEASE);
    // SAFETY: the same contract.
    let relocate = || unsafe { backing::relocate(ptr, old, new, align.max(page_size())) };
    let moved = charged(new.saturating_sub(old), Option::is_some, relocate);
    match moved {
        Some(target) => table::make(target, new, Move::TAKE_COMMITTED),
        None => table::make(ptr, old, Move::TAKE_COMMITTED),
    }
    moved
}

/// # Safety
/// - As for [`crate::memory::release`].
pub(crate) unsafe fn release(ptr: NonNull<u8>, size: usize) -> bool {
    unpromise(ptr, size);
    hugetlb::forget(ptr, size);
    nodes::forget(ptr, size);
    if may_succeed() {
        // SAFETY: the same contract.
        return unsafe { backing::release(ptr, size) };
    }
    // SAFETY: the caller gives up the range.
    unsafe { keep_addresses(ptr, size) }
}

/// # Safety
/// - As for [`crate::memory::give_back`].
pub(crate) unsafe fn give_back(ptr: NonNull<u8>, size: usize) -> bool {
    table::check(ptr, size, Move::RELEASE);
    if !may_succeed() {
        return false;
    }
    if cfg!(strata_loom) {
        super::purged(ptr, size, Remains::Zero);
    }
    let promised = table::promised_bytes(ptr, size);
    table::make(ptr, size, Move::RELEASE);
    // SAFETY: the same contract.
    let given = unsafe { backing::give_back(ptr, size) };
    if given {
        discharge(promised);
    } else {
        table::make(ptr, size, Move::TAKE_COMMITTED);
    }
    given
}

pub(crate) fn map_at(ptr: NonNull<u8>, size: usize) -> At {
    if !may_succeed() {
        return At::Refused;
    }
    let is_mapped = |mapped: &Option<At>| *mapped == Some(At::Mapped);
    let mapped = charged(size, is_mapped, || Some(backing::map_at(ptr, size))).unwrap_or(At::Refused);
    if mapped == At::Mapped {
        table::make(ptr, size, Move::TAKE_COMMITTED);
    }
    mapped
}

fn is_true(answer: &bool) -> bool {
    *answer
}

/// What is released is promised no more.
fn unpromise(ptr: NonNull<u8>, size: usize) {
    discharge(table::promised_bytes(ptr, size));
    table::make(ptr, size, Move::RELEASE);
}

/// A refused release: the memory goes back, the addresses stay mapped for good, so they are never reused.
///
/// # Safety
/// - As for [`crate::memory::release`].
unsafe fn keep_addresses(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the contents are not used any more.
    let _ = unsafe { backing::purge(ptr, size) };
    false
}

fn purging(
    ptr: NonNull<u8>,
    size: usize,
    (made, remains): (Move, Remains),
    call: impl FnOnce() -> bool,
) -> bool {
    let done = step(ptr, size, made, call);
    if done {
        super::purged(ptr, size, remains);
    }
    done
}

fn step(ptr: NonNull<u8>, size: usize, made: Move, call: impl FnOnce() -> bool) -> bool {
    table::check(ptr, size, made);
    hugetlb::refuse(ptr, size);
    let done = may_succeed() && call();
    if done {
        table::make(ptr, size, made);
    }
    done
}
