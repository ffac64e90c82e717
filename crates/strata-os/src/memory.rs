//! The contract of every move that a range of addresses can make.
//!
//! ```text
//!  reserve · map · map_behind         take addresses
//!  commit · decommit                  let them be touched, or not
//!  purge · purge_lazily · populate    give memory back, or take it early
//!  advise_* · prefer_node · collapse · name   hints, which change no state
//!  find_resident                      a question, of any addresses
//!  give_back · map_at                 addresses of a part, for a while
//!  map_hugetlb                        addresses with memory that stays: nothing but `release` moves it on
//!  grow_in_place · shrink_in_place · relocate · release
//! ```
//!
//! Units are bytes. Every `ptr` is a multiple of [`page_size`](crate::machine::page_size), every size a multiple above
//! zero. `false` and `None` mean that the kernel refused and the range is as it was, unless the function says otherwise:
//! the caller may purge what it holds and try again. States are those of the crate's page.
//!
//! M1  A range handed out by `reserve` or `map` overlaps no other range that is still held.
//! M2  Memory that was never touched, or was purged (not with `MADV_FREE`) and not touched since, reads as zero.
//! M3  Only the holder of a range moves it, so no two calls work on the same page at a time.
//!
//! Does not know: how (`linux/`, `unix/`), nor who checks (`simulated/`).

use crate::hugetlb::{HugetlbPage, HugetlbRefusal};
use crate::imp;
use crate::node::Node;
use core::ffi::CStr;
use core::ptr::NonNull;

/// Whether a range is made of whole pages, as every function here wants it.
fn is_whole_pages(ptr: NonNull<u8>, size: usize) -> bool {
    let below_page = imp::page_size() - 1;
    ptr.addr().get() & below_page == 0 && is_page_count(size)
}

fn is_page_count(size: usize) -> bool {
    size != 0 && size & (imp::page_size() - 1) == 0
}

/// free → reserved: `size` bytes of addresses at a multiple of `align`, without memory or access.
///
/// `align` is a power of two; below a page it means a page. `None`: no addresses left, or a limit on them or on the
/// number of mappings was met.
pub fn reserve(size: usize, align: usize) -> Option<NonNull<u8>> {
    debug_assert!(is_page_count(size) && align.is_power_of_two(), "reserve of {size} bytes at {align}");
    imp::reserve(size, align)
}

/// free → committed: like [`reserve`] and [`commit`] in one call; reads as zero.
pub fn map(size: usize, align: usize) -> Option<NonNull<u8>> {
    debug_assert!(is_page_count(size) && align.is_power_of_two(), "map of {size} bytes at {align}");
    imp::map(size, align)
}

/// free → committed, as by [`map`]; but what lies behind the first `front` bytes, whole pages below `align`, is at the multiple of `align`.
pub fn map_behind(front: usize, size: usize, align: usize) -> Option<NonNull<u8>> {
    debug_assert!(is_page_count(size) && is_page_count(front) && front < align && align.is_power_of_two());
    imp::map_behind(front, size, align)
}

/// free → committed, in explicit huge pages, which are all there from now on; reads as zero.
///
/// `size` is whole pages of that size; `node` says which node they shall come from, if there is a choice. An error: none
/// was taken.
///
/// Such memory is never purged, advised or decommitted; `release` takes the whole range. After a `fork`, a write by the
/// child, and one by the parent to what the child still has, takes another page: if none is left, the *child* dies (SIGBUS).
pub fn map_hugetlb(
    size: usize,
    align: usize,
    page: HugetlbPage,
    node: Option<Node>,
) -> Result<NonNull<u8>, HugetlbRefusal> {
    debug_assert!(size != 0 && size.is_multiple_of(page.bytes()) && align.is_power_of_two());
    imp::map_hugetlb(size, align, page, node)
}

/// reserved or purged → committed: may be read and written from now on, and takes memory on first touch.
///
/// Reads as zero where it was reserved. `false`: a limit on data or on overcommitted memory was met.
///
/// # Safety
/// - The whole range is reserved or purged (not with `MADV_FREE`), and the caller holds it.
#[must_use]
pub unsafe fn commit(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::commit(ptr, size) }
}

/// committed or purged → reserved: the memory goes back and a touch faults.
///
/// `false`: at least the protection did not change; the contents may be lost already, and the range counts as purged.
///
/// # Safety
/// - The whole range is committed or purged, the caller holds it, and its contents are not used any more.
pub unsafe fn decommit(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::decommit(ptr, size) }
}

/// reserved, committed or purged → released: addresses and memory go back.
///
/// May cut a range out of a larger one. `false`: the kernel kept the addresses (it has a limit on the number of
/// mappings, and a hole makes one more); their memory went back (outside Linux, as by [`purge_lazily`]), and they are not
/// used again.
///
/// # Safety
/// - The caller holds the whole range, and neither its contents nor its addresses are used any more.
pub unsafe fn release(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::release(ptr, size) }
}

/// reserved, committed or purged → released, as by [`release`]; but `false` means that the range is as it was.
///
/// For a part of a larger range whose addresses may be taken again by [`map_at`], unless others got them meanwhile.
///
/// # Safety
/// - As for [`release`], unless it was refused.
#[must_use]
pub unsafe fn give_back(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::give_back(ptr, size) }
}

/// free → committed, at this very place; reads as zero.
pub fn map_at(ptr: NonNull<u8>, size: usize) -> At {
    debug_assert!(is_whole_pages(ptr, size));
    imp::map_at(ptr, size)
}

/// What came of [`map_at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the range may be another's"]
pub enum At {
    /// The range is the caller's.
    Mapped,
    /// Some of its addresses are in use.
    Taken,
    /// A limit was met.
    Refused,
}

/// committed → purged: the memory goes back at once, and the range reads as zero.
///
/// `false`: part of the range may have kept its contents (locked pages do). Outside Linux a touch may fault then, if the
/// kernel has a limit on promised memory and no longer keeps its promise.
///
/// # Safety
/// - The whole range is committed or purged, the caller holds it, and its contents are not used any more.
#[must_use]
pub unsafe fn purge(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::purge(ptr, size) }
}

/// committed → purged: the kernel takes the memory when it needs some; until a page is written again, it reads as its
/// old contents or as zero.
///
/// Cheaper than [`purge`] when the memory is used again soon, but resident memory stays as it was meanwhile. `false`:
/// nothing happened (a kernel before 4.5).
///
/// # Safety
/// - As for [`purge`].
#[must_use]
pub unsafe fn purge_lazily(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::purge_lazily(ptr, size) }
}

/// committed or purged → committed: takes the memory of the whole range in one call instead of a fault per page.
///
/// `false`: no memory, or a kernel before 5.14; part of the range may be populated.
///
/// # Safety
/// - The whole range is committed or purged, and the caller holds it.
pub unsafe fn populate(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::populate(ptr, size) }
}

/// Asks for huge pages from now on; changes no state. `false`: a kernel without them.
///
/// # Safety
/// - The caller holds the whole range.
pub unsafe fn advise_huge_pages(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::advise_huge_pages(ptr, size) }
}

/// Asks for no huge pages from now on; changes no state. `false`: a kernel without them.
///
/// # Safety
/// - The caller holds the whole range.
pub unsafe fn advise_small_pages(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::advise_small_pages(ptr, size) }
}

/// Asks for pages of this node's memory from now on, or of the next one that has some; changes no state.
///
/// `false`: no such node, or a container that forbids to choose.
///
/// # Safety
/// - The caller holds the whole range.
pub unsafe fn prefer_node(ptr: NonNull<u8>, size: usize, node: Node) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::prefer_node(ptr, size, node) }
}

/// committed → committed: copies the range into huge pages now.
///
/// Takes up to a millisecond per huge page. `false`: no huge page was free, or a kernel before 6.1.
///
/// # Safety
/// - The whole range is committed or purged, and the caller holds it.
pub unsafe fn collapse(ptr: NonNull<u8>, size: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, size));
    // SAFETY: the same contract.
    unsafe { imp::collapse(ptr, size) }
}

/// Which pages are in memory, from `ptr` on: bit 0 of one byte for each, as the kernel found them in this moment.
///
/// A page that was read but never written counts, one that waits in swap space does not. `false`: some of the addresses are
/// not mapped, or the kernel does not say; the bytes mean nothing then. The range is not accessed: it need not be the caller's.
#[must_use]
pub fn find_resident(ptr: NonNull<u8>, pages: &mut [u8]) -> bool {
    debug_assert!(ptr.addr().get() & (imp::page_size() - 1) == 0 && !pages.is_empty());
    imp::find_resident(ptr, pages)
}

/// Adds `new - old` committed bytes behind a committed range without moving it. `false`: the addresses behind are taken.
///
/// # Safety
/// - `ptr .. ptr + old` is committed or purged, came from one [`map`], and the caller holds it.
/// - `new > old`.
#[must_use]
pub unsafe fn grow_in_place(ptr: NonNull<u8>, old: usize, new: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, old) && is_page_count(new) && new > old);
    // SAFETY: the same contract.
    unsafe { imp::grow_in_place(ptr, old, new) }
}

/// Releases the bytes from `new` to `old`. `false`: as for [`release`]; the tail is lost in any case.
///
/// # Safety
/// - The caller holds `ptr .. ptr + old`, and its tail is not used any more.
/// - `0 < new < old`.
pub unsafe fn shrink_in_place(ptr: NonNull<u8>, old: usize, new: usize) -> bool {
    debug_assert!(is_whole_pages(ptr, old) && is_page_count(new) && new < old);
    // SAFETY: the same contract.
    unsafe { imp::shrink_in_place(ptr, old, new) }
}

/// Moves the pages of a range, without copying, to `new` committed bytes at a multiple of `align`.
///
/// `Some`: the old range is released, and the bytes behind `old` read as zero. `None`: the old range is as it was, and up
/// to `new` bytes of addresses, without memory, may be lost for good; so do not insist.
///
/// # Safety
/// - `ptr .. ptr + old` is committed or purged, came from one [`map`], and the caller holds it.
/// - The old addresses are not used during the call; after `Some`, never.
/// - `new >= old`.
#[must_use]
pub unsafe fn relocate(ptr: NonNull<u8>, old: usize, new: usize, align: usize) -> Option<NonNull<u8>> {
    debug_assert!(is_whole_pages(ptr, old) && is_page_count(new) && new >= old && align.is_power_of_two());
    // SAFETY: the same contract.
    unsafe { imp::relocate(ptr, old, new, align) }
}

/// Names a range for readers of the kernel's list of mappings; best effort (kernel 5.17, if built with it).
///
/// At most 79 printable bytes without ``[ ] \ $ ` ``. Neighbouring mappings merge only if their names agree.
pub fn name(ptr: NonNull<u8>, size: usize, name: &'static CStr) {
    debug_assert!(is_whole_pages(ptr, size));
    imp::name(ptr, size, name);
}
