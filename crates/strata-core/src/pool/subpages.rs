//! The sixteenths of a pool, and of all pools of a span, as masks; and which blocks of a class overlap them.
//!
//! ```text
//!   subpage  0    1    2    3   …  15 │ 16   17  …        a bit each; 16 and on: of the span's second pool
//!   blocks   0 ──────┼ 1 ───────┼ 2 ──┼─────┼ 3 …
//! ```
//!
//! Does not know: what is a hole.

use super::Pool;
use crate::layout::{GRANULE_SHIFT, MOST_SPAN_POOLS, POOL_BYTES};
use crate::masks::{wide_bits_of, wide_run_mask};
use crate::size_class::SizeClass;

/// Subpages of a pool: bits of the mask.
pub const SUBPAGES: u32 = 16;
/// Bytes of a subpage: the smallest page there is.
pub const SUBPAGE_BYTES: usize = POOL_BYTES / SUBPAGES as usize;

/// A bit for each subpage of a pool, or of all pools of a span.
pub type Subpages = u128;

/// Subpages of the longest span.
pub(super) const SPAN_SUBPAGES: usize = MOST_SPAN_POOLS * SUBPAGES as usize;

const _: () = assert!(SPAN_SUBPAGES <= Subpages::BITS as usize);

/// All subpages of a pool of `class`, or of a span.
pub(super) const fn all_of(class: SizeClass) -> Subpages {
    wide_run_mask(0, class.span_pools() * SUBPAGES)
}

/// What each pool of a span says of its subpages, together.
#[inline]
pub(super) fn each_of_span(class: SizeClass, holes_of: impl Fn(u32) -> u32) -> Subpages {
    (0..class.span_pools())
        .fold(0, |holes, distance| holes | Subpages::from(holes_of(distance)) << (distance * SUBPAGES))
}

/// The mask of the subpages that a block of `class` overlaps that begins at `offset`.
pub(super) fn subpages_from(offset: usize, class: SizeClass) -> Subpages {
    let (first, last) = (offset / SUBPAGE_BYTES, (offset + class.block_bytes() - 1) / SUBPAGE_BYTES);
    wide_run_mask(first as u32, (last - first) as u32 + 1)
}

pub(super) fn subpages_of_index(class: SizeClass, index: u32) -> Subpages {
    subpages_from(index as usize * class.block_bytes(), class)
}

pub(super) fn granule_of_index(class: SizeClass, index: u32) -> u16 {
    ((index as usize * class.block_bytes()) >> GRANULE_SHIFT) as u16
}

/// The first block of `class` that overlaps a subpage, and the first behind those that do.
pub(super) fn blocks_over(subpage: u32, class: SizeClass) -> (u32, u32) {
    let (start, bytes) = (subpage as usize * SUBPAGE_BYTES, class.block_bytes());
    let end = (start + SUBPAGE_BYTES).div_ceil(bytes) as u32;
    ((start / bytes) as u32, end.min(Pool::capacity(class)))
}

/// The blocks of `class`, of those `carved`, that overlap one of `subpages`; each once, in order.
pub(super) fn blocks_in(subpages: Subpages, class: SizeClass, carved: u32) -> impl Iterator<Item = u32> {
    let mut next = 0;
    wide_bits_of(subpages).flat_map(move |subpage| {
        let (first, end) = blocks_over(subpage, class);
        let (first, end) = (first.max(next), end.min(carved));
        next = next.max(end);
        first..end
    })
}

/// The subpages of a pool behind the first `bytes`.
pub(super) fn subpages_behind(bytes: usize, page_bytes: usize) -> u32 {
    let front = bytes.div_ceil(SUBPAGE_BYTES) as u32;
    let behind = wide_run_mask(front, SUBPAGES - front);
    whole_pages(behind, page_bytes) as u32
}

/// The subpages of those pages all of whose subpages are in `subpages`.
pub(super) fn whole_pages(subpages: Subpages, page_bytes: usize) -> Subpages {
    // No pool holds a longer page.
    if page_bytes > POOL_BYTES { 0 } else { pages(subpages, page_bytes, |within, page| within == page) }
}

/// The subpages of those pages of which `subpages` has one at least.
pub fn pages_over(subpages: Subpages, page_bytes: usize) -> Subpages {
    pages(subpages, page_bytes, |within, _| within != 0)
}

/// The subpages of those pages of which `is_meant` says so, given those of `subpages` within the page, and all that it has.
fn pages(subpages: Subpages, page_bytes: usize, is_meant: fn(Subpages, Subpages) -> bool) -> Subpages {
    let subpages_a_page = (page_bytes / SUBPAGE_BYTES) as u32;
    if subpages_a_page == 1 {
        return subpages;
    }
    let pages = (0..Subpages::BITS).step_by(subpages_a_page as usize);
    pages
        .map(|start| wide_run_mask(start, subpages_a_page))
        .filter(|page| is_meant(subpages & page, *page))
        .fold(0, |pages, page| pages | page)
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_whole_although_some_of_it_are_holes_already() {
        assert_eq!(pages_over(0b1001_0010, 4 << 10), 0b1001_0010);
        assert_eq!(pages_over(0b1000_0010_0000, 16 << 10), 0b1111_1111_0000);
        assert_eq!(pages_over(1 << 15, 64 << 10), 0xffff);
    }

    #[test]
    fn a_page_stays_of_which_some_is_in_use() {
        assert_eq!(whole_pages(0b1001_0010, 4 << 10), 0b1001_0010);
        assert_eq!(whole_pages(0b1111_0111_1111, 16 << 10), 0b1111_0000_1111);
        assert_eq!(whole_pages(0xffff | 1 << 127, 64 << 10), 0xffff);
        assert_eq!(whole_pages(Subpages::MAX, 2 * POOL_BYTES), 0);
    }
}
