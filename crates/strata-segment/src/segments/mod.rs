//! Address space: segments, which of them have what is wanted, and which thread asks the operating system for more.
//!
//! | file      | what it does                                                           |
//! |-----------|------------------------------------------------------------------------|
//! | `segment` | up to 64 arenas side by side, and the words that hand out their pools  |
//! | `index`   | all segments by number; `hints`: which of them may have what is wanted |
//! | `growth`  | more memory from the system; `asking`: one thread at a time asks       |
//! | `numa`    | which segments a thread searches first                                 |
//! | `advised` | arenas that may get huge pages                                         |
//! | `vacancy` | addresses that are given back although their segment stays             |
//! | `hugetlb` | segments of explicit huge pages                                        |
//!
//! Does not know: what the memory is for, when it is given back.

pub(crate) mod advised;
pub(crate) mod asking;
mod growth;
pub(crate) mod hints;
pub(crate) mod hugetlb;
pub(crate) mod index;
pub(crate) mod numa;
pub(crate) mod segment;
pub(crate) mod vacancy;

use crate::counters::Counters;
use crate::tuning::Tuning;
use asking::Asking;
use index::Index;
use numa::Placement;
use segment::Segment;

/// The room: references to what it may reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments<'heap> {
    pub(crate) tuning: &'heap Tuning,
    pub(crate) asking: &'heap Asking,
    pub(crate) placement: &'heap Placement,
    pub(crate) index: &'heap Index,
    pub(crate) counters: &'heap Counters,
}

impl<'heap> Segments<'heap> {
    /// All published segments, oldest first.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'static Segment> + use<'heap> {
        self.index.segments()
    }

    /// Those whose memory may be given back: not in explicit huge pages.
    pub(crate) fn returnable(self) -> impl Iterator<Item = &'static Segment> + use<'heap> {
        self.iter().filter(|segment| !segment.is_pinned())
    }

    /// Whether `address` lies in a segment of ours (huge mappings are not found).
    pub(crate) fn contains(self, address: usize) -> bool {
        self.iter().any(|segment| segment.contains(address))
    }
}
