//! A pool of explicit huge pages: as many as a test says, and a panic where they are treated as ordinary memory.
//!
//! None at first, whatever the real machine has. What is behind them are ordinary pages.
//!
//! Does not know: sizes of processes.

use super::backing;
use super::faults::may_succeed;
use super::nodes::prefer_node;
use super::ranges::Ranges;
use super::table::{self, Move};
use crate::hugetlb::{HugetlbPage, HugetlbRefusal};
use crate::node::Node;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

// All Relaxed: set by a test before it calls; numbers that stand alone.
static FREE: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
static TAKEN: Ranges = Ranges::new();

fn free(page: HugetlbPage) -> &'static AtomicU64 {
    match page {
        HugetlbPage::TwoMiB => &FREE[0],
        HugetlbPage::OneGiB => &FREE[1],
    }
}

/// Sets `count` pages of this size apart.
pub fn set_hugetlb_pages(page: HugetlbPage, count: u64) {
    free(page).store(count, Ordering::Relaxed);
}

/// Pages of this size that are still free.
pub fn free_hugetlb_pages(page: HugetlbPage) -> u64 {
    free(page).load(Ordering::Relaxed)
}

pub(crate) fn map_hugetlb(
    size: usize,
    align: usize,
    page: HugetlbPage,
    node: Option<Node>,
) -> Result<NonNull<u8>, HugetlbRefusal> {
    let wanted = (size / page.bytes()) as u64;
    let take = |free: u64| free.checked_sub(wanted);
    if !may_succeed() || free(page).fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
        return Err(HugetlbRefusal::TooFew);
    }
    let start = backing::map(size, align).ok_or(HugetlbRefusal::NoAddresses)?;
    table::make(start, size, Move::TAKE_COMMITTED);
    TAKEN.note(start, size, 0);
    if let Some(node) = node {
        // SAFETY: mapped just now.
        unsafe { prefer_node(start, size, node) };
    }
    Ok(start)
}

pub(crate) fn hugetlb_pages(page: HugetlbPage) -> Option<u64> {
    Some(free_hugetlb_pages(page))
}

pub(crate) fn hugetlb_bytes() -> u64 {
    0
}

/// Panics if any of the range is explicit huge pages, which must not be treated as ordinary memory.
pub(super) fn refuse(ptr: NonNull<u8>, size: usize) {
    assert!(TAKEN.find(ptr, size).is_none(), "a move of explicit huge pages at {ptr:?}");
}

/// The range is free.
pub(super) fn forget(ptr: NonNull<u8>, size: usize) {
    TAKEN.forget(ptr, size);
}
