//! Explicit huge pages outside Linux: none are set apart.
//!
//! Does not know: anything.

use crate::hugetlb::{HugetlbPage, HugetlbRefusal};
use crate::node::Node;
use core::ptr::NonNull;

/// As [`crate::memory::map_hugetlb`]: refused.
pub(crate) fn map_hugetlb(
    _size: usize,
    _align: usize,
    _page: HugetlbPage,
    _node: Option<Node>,
) -> Result<NonNull<u8>, HugetlbRefusal> {
    Err(HugetlbRefusal::NoSuchSize)
}

/// Pages of this size that are set apart: no such size.
pub(crate) fn hugetlb_pages(_page: HugetlbPage) -> Option<u64> {
    None
}

/// Bytes of explicit huge pages that this process has.
pub(crate) fn hugetlb_bytes() -> u64 {
    0
}
