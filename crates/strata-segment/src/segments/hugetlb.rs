//! Explicit huge pages that the user reserved by option (hugetlb): segments whose memory stays for good.
//!
//! ```text
//!   2 MiB pages   ├──────────────── a segment: 64 arenas of two pages each, or fewer ────────────────┤
//!   1 GiB pages   ├─ segment ─┼─ segment ─┼─ segment ─┼─ segment ─┤   four to a page
//! ```
//!
//! Every arena is ready from the start and their memory is never given back, advised or decommitted: the kernel keeps these
//! pages for the process whether they are used or not. Several nodes get equal shares.
//!
//! Does not know: what the memory is for, nor how to report a failure. Decision 0012.

use super::Segments;
use super::segment::Segment;
use core::ptr::NonNull;
use strata_core::layout::{ARENA_BYTES, ARENAS_PER_SEGMENT};
use strata_os::machine::{HugetlbPage, HugetlbRefusal, Node};
use strata_os::memory;

const SEGMENT_BYTES: usize = ARENA_BYTES * ARENAS_PER_SEGMENT;

/// The outcome of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the user asked for it and wants to know"]
pub struct Reserved {
    /// Bytes that were reserved.
    pub bytes: u64,
    /// Why it is not all.
    pub refusal: Option<HugetlbRefusal>,
}

impl Segments<'_> {
    /// Takes `bytes` of explicit huge pages for small, medium and large blocks: as much of it as there is.
    pub(crate) fn reserve_hugetlb(&self, page: HugetlbPage, bytes: u64) -> Reserved {
        let mut got = Reserved { bytes: 0, refusal: None };
        let nodes = self.ask_for_nodes();
        let smallest = smallest_piece(page) as u64;
        for (index, node) in (0_u64..).zip(nodes.iter()) {
            let others = u64::from(nodes.count()) - index;
            let share = (bytes - got.bytes).div_ceil(others).next_multiple_of(smallest);
            let node = (nodes.count() > 1).then_some(node);
            self.reserve_share(page, share.min(bytes - got.bytes), node, &mut got);
        }
        if got.bytes == bytes {
            // What was refused as one piece came in several.
            got.refusal = None;
        }
        got
    }

    /// The largest piece first; what is refused is tried again in halves.
    fn reserve_share(&self, page: HugetlbPage, share: u64, node: Option<Node>, got: &mut Reserved) {
        let smallest = smallest_piece(page);
        let (mut left, mut piece) = (share as usize, SEGMENT_BYTES.max(smallest));
        loop {
            piece = piece.min(left) & !(smallest - 1);
            if piece == 0 {
                return;
            }
            match memory::map_hugetlb(piece, ARENA_BYTES, page, node) {
                Ok(start) => {
                    self.use_pages(start, piece, node);
                    got.bytes += piece as u64;
                    left -= piece;
                }
                Err(refusal) => {
                    got.refusal = Some(refusal);
                    piece /= 2;
                }
            }
        }
    }

    /// Makes segments of memory that is all there.
    fn use_pages(&self, start: NonNull<u8>, bytes: usize, node: Option<Node>) {
        for offset in (0..bytes).step_by(SEGMENT_BYTES) {
            let arenas = (bytes - offset).min(SEGMENT_BYTES) / ARENA_BYTES;
            // SAFETY: within the range.
            let place = unsafe { start.byte_add(offset) };
            // SAFETY: at a multiple of the arena size, zero, ours, and never given back.
            let segment = unsafe { Segment::of_hugetlb(place, arenas as u32, node) };
            self.publish_at_any_place(segment);
        }
        self.placement.set_matters();
    }
}

/// Whole pages, and whole arenas.
fn smallest_piece(page: HugetlbPage) -> usize {
    page.bytes().max(ARENA_BYTES)
}
