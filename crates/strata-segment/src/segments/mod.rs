//! Address space: segments, which of them have what is wanted, and which thread asks the operating system for more.
//!
//! | file      | what it does                                                           |
//! |-----------|------------------------------------------------------------------------|
//! | `segment` | up to 64 arenas side by side, and the words that hand out their pools  |
//! | `index`   | all segments by number; `hints`: which of them may have what is wanted |
//! | `findable`| what a segment has, and how searches come to know                      |
//! | `growth`  | more memory from the system; `asking`: one thread at a time asks       |
//! | `numa`    | which segments a thread searches first                                 |
//! | `advised` | arenas that may get huge pages                                         |
//! | `vacancy` | addresses that are given back although their segment stays             |
//! | `hugetlb` | segments of explicit huge pages                                        |
//!
//! Does not know: what the memory is for, when it is given back.

pub(crate) mod advised;
pub(crate) mod asking;
mod findable;
mod growth;
pub(crate) mod hints;
pub(crate) mod hugetlb;
pub(crate) mod index;
pub(crate) mod numa;
pub(crate) mod segment;
pub(crate) mod vacancy;

use crate::counters::{Counters, Footprint};
use crate::tuning::Tuning;
use asking::Asking;
use index::Index;
use numa::Placement;
use segment::Segment;
use strata_core::layout::{POOL_BYTES, USABLE_POOLS};

/// The room: references to what it may reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments<'heap> {
    tuning: &'heap Tuning,
    asking: &'heap Asking,
    placement: &'heap Placement,
    index: &'heap Index,
    counters: &'heap Counters,
}

impl<'heap> Segments<'heap> {
    #[inline]
    pub(crate) fn new(
        tuning: &'heap Tuning,
        asking: &'heap Asking,
        placement: &'heap Placement,
        index: &'heap Index,
        counters: &'heap Counters,
    ) -> Self {
        Self { tuning, asking, placement, index, counters }
    }

    /// What the layer counts about itself.
    pub(crate) fn counters(self) -> &'heap Counters {
        self.counters
    }

    /// The number of nodes, if it was asked for.
    pub(crate) fn known_nodes(self) -> u64 {
        self.placement.known_nodes()
    }

    /// All published segments, oldest first.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'static Segment> + use<'heap> {
        self.index.segments()
    }

    /// Those whose memory may be given back: not in explicit huge pages.
    pub(crate) fn returnable(self) -> impl Iterator<Item = &'static Segment> + use<'heap> {
        self.iter().filter(|segment| !segment.is_pinned())
    }

    /// The memory of pools, and the part of it that is free: some ten nanoseconds for each arena, since pool headers are not read.
    pub(crate) fn footprint(self) -> Footprint {
        let (mut held, mut idle) = (0, 0);
        for segment in self.iter() {
            for arena in segment.committed_arenas() {
                let free = segment.pools[arena as usize].glance();
                let kept = if segment.is_pinned() { 0 } else { segment.free_with_memory(arena) };
                // The first pool holds the arena's metadata.
                held += 1 + u64::from((USABLE_POOLS & (!free | kept)).count_ones());
                idle += u64::from(kept.count_ones());
            }
        }
        Footprint { held_bytes: held * POOL_BYTES as u64, idle_bytes: idle * POOL_BYTES as u64 }
    }

    /// Whether `address` lies in a segment of ours (huge mappings are not found).
    pub(crate) fn contains(self, address: usize) -> bool {
        self.iter().any(|segment| segment.contains(address))
    }
}
