//! Memory for loom models: from `std::alloc`, with no system call of ours behind it.
//!
//! ```text
//!  ├─ pad ─┤ tag ┼──────────── size ────────────┤       the tag tells `release` what to give back
//!                ▲ multiple of align
//! ```
//!
//! H1  Every range handed out has its tag in the 32 bytes before it, and is released from its start.
//!
//! A model releases what it reserved as a whole; of a part only the state changes, and the memory leaks. Nothing grows in place, and a move is
//! a copy. A purge is silent here, and told to the model's hook.

use crate::memory::At;
use core::ffi::CStr;
use core::ptr::{self, NonNull};
use std::alloc::{Layout, alloc_zeroed, dealloc};

#[derive(Clone, Copy)]
#[repr(C)]
struct Tag {
    magic: usize,
    pad: usize,
    size: usize,
    align: usize,
}

const MAGIC: usize = 0x5354_5241_5441_4f53;

pub(crate) fn page_size() -> usize {
    4096
}

pub(crate) fn reserve(size: usize, align: usize) -> Option<NonNull<u8>> {
    map_behind(0, size, align)
}

pub(crate) fn map_behind(front: usize, size: usize, align: usize) -> Option<NonNull<u8>> {
    let align = align.max(page_size());
    // A page at least, as `front` is whole pages below `align`.
    let pad = align - front;
    let layout = Layout::from_size_align(size.checked_add(pad)?, align).ok()?;
    // SAFETY: the size is not zero, as `pad` is not.
    let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
    // SAFETY: `pad` bytes are within the allocation.
    let ptr = unsafe { base.byte_add(pad) };
    let tag = Tag { magic: MAGIC, pad, size: layout.size(), align };
    // SAFETY: H1: the tag lies in the pad, which is a page at least.
    unsafe { tag_of(ptr).write(tag) };
    Some(ptr)
}

pub(crate) fn map(size: usize, align: usize) -> Option<NonNull<u8>> {
    reserve(size, align)
}

/// # Safety
/// - As for [`crate::memory::release`].
pub(crate) unsafe fn release(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: H1, or the bytes before a part of a range.
    let tag = unsafe { tag_of(ptr).read() };
    if tag.magic == MAGIC && tag.size == size.wrapping_add(tag.pad) {
        // SAFETY: H1.
        let base = unsafe { ptr.byte_sub(tag.pad) };
        // SAFETY: as in `map_behind`, where it succeeded.
        let layout = unsafe { Layout::from_size_align_unchecked(tag.size, tag.align) };
        // SAFETY: allocated in `reserve` with this layout.
        unsafe { dealloc(base.as_ptr(), layout) };
    }
    true
}

/// # Safety
/// - As for [`crate::memory::relocate`].
pub(crate) unsafe fn relocate(ptr: NonNull<u8>, old: usize, new: usize, align: usize) -> Option<NonNull<u8>> {
    let target = map(new, align)?;
    // SAFETY: `old <= new`, and two allocations do not overlap.
    unsafe { ptr::copy_nonoverlapping(ptr.as_ptr(), target.as_ptr(), old) };
    // SAFETY: the caller gives up the old range.
    unsafe { release(ptr, old) };
    Some(target)
}

/// # Safety
/// - As for [`crate::memory::grow_in_place`].
pub(crate) unsafe fn grow_in_place(_: NonNull<u8>, _: usize, _: usize) -> bool {
    false
}

/// # Safety
/// - As for [`crate::memory::shrink_in_place`].
pub(crate) unsafe fn shrink_in_place(_: NonNull<u8>, _: usize, _: usize) -> bool {
    true
}

pub(crate) fn find_resident(_: NonNull<u8>, _: &mut [u8]) -> bool {
    false
}

pub(crate) fn name(_: NonNull<u8>, _: usize, _: &'static CStr) {}

/// Of a part that was given back: it stayed where it was.
pub(crate) fn map_at(_: NonNull<u8>, _: usize) -> At {
    At::Mapped
}

/// What changes only a state: the same answer for all of them.
///
/// # Safety
/// - As for the function of that name in [`crate::memory`].
pub(crate) unsafe fn granted(_: NonNull<u8>, _: usize) -> bool {
    true
}

pub(crate) use self::{
    granted as advise_huge_pages, granted as advise_small_pages, granted as collapse, granted as commit,
    granted as decommit, granted as give_back, granted as populate, granted as purge,
    granted as purge_lazily,
};

fn tag_of(ptr: NonNull<u8>) -> NonNull<Tag> {
    ptr.cast::<Tag>().map_addr(|address| {
        let address = address.get() - size_of::<Tag>();
        core::num::NonZero::new(address).unwrap_or(core::num::NonZero::<usize>::MIN)
    })
}
