//! How numbers map to slots, and what a search along the hints asks.

use super::*;
use crate::segments::numa::Locality;
use std::cell::Cell;
use strata_core::layout::{ARENA_BYTES, ARENAS_PER_SEGMENT, USABLE_POOLS};

/// How many segments of full size are in 64 TiB.
const SEGMENTS_IN_64_TIB: usize = (64 << 40) / (ARENAS_PER_SEGMENT * ARENA_BYTES);

/// One arena. An index may have it under many numbers, each as if it stood for addresses of its own.
fn segment() -> &'static Segment {
    Segment::reserve(1, Locality::Anywhere, |_| false).unwrap()
}

/// The same, without a free pool or a reserved arena.
fn full_segment() -> &'static Segment {
    let segment = segment();
    assert!(segment.pools[0].claim_exactly(USABLE_POOLS));
    segment.open.clear_if(0, || true);
    segment
}

#[test]
fn a_search_asks_one_segment_of_64_tib_once_those_that_have_nothing_are_forgotten() {
    static INDEX: Index = Index::new();
    let (full, last) = (full_segment(), segment());
    assert!((1..SEGMENTS_IN_64_TIB).all(|next| INDEX.publish_at(next - 1, full)));
    assert!(INDEX.publish_at(SEGMENTS_IN_64_TIB - 1, last));
    assert_eq!(INDEX.next_number(), SEGMENTS_IN_64_TIB);
    let class = Kind::Abandoned(SizeClass::of(1000));
    INDEX.raise(class, SEGMENTS_IN_64_TIB - 1);
    let asks = |kind| {
        let asked = Cell::new(0);
        let found = INDEX.find(kind, |segment| {
            asked.set(asked.get() + 1);
            core::ptr::eq(segment, last).then_some(())
        });
        assert!(found.is_some());
        asked.get()
    };
    assert_eq!(asks(Kind::Open), SEGMENTS_IN_64_TIB, "each was new, and is asked once");
    assert_eq!([asks(Kind::Open), asks(class)], [1, 1]);
}

#[test]
fn each_number_has_a_slot_of_its_own() {
    assert_eq!([0, 63, 64, 4159, 4160].map(Index::place_of), [(1, 0), (1, 63), (2, 0), (2, 4095), (3, 0)]);
    assert_eq!(Index::place_of(64 + 4096 + 262_144 - 1), (3, 262_143));
    assert_eq!(Index::place_of(64 + 4096 + 262_144), (4, 0));
}

#[test]
fn a_chunk_is_made_when_its_first_number_is_wanted() {
    static INDEX: Index = Index::new();
    assert!(INDEX.chunk(2).is_none());
    assert!(INDEX.has_room_for(64) && INDEX.chunk(2).is_some() && INDEX.chunk(3).is_none());
    assert!(!INDEX.has_room_for(Chunk::first_number(5)), "more than 16.9 million");
    assert_eq!((INDEX.next_number(), INDEX.segments().count()), (0, 0));
}

#[test]
fn a_hint_that_leads_nowhere_is_forgotten() {
    static INDEX: Index = Index::new();
    let class = Kind::Abandoned(SizeClass::of(1000));
    let seems_to_have = |kind| INDEX.first_chunk().hints(kind).find(&mut |_| true, &|_| false);
    INDEX.raise(class, 5);
    assert!(seems_to_have(class) && !seems_to_have(Kind::Abandoned(SizeClass::of(2000))));
    assert!(INDEX.find(class, Some).is_none());
    assert!(!seems_to_have(class));
}
