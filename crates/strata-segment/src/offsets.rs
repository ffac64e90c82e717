//! Offsets in the segment layer, for a reader in another process.
//!
//! Does not know: the reader.

use crate::counters::Counters;
use crate::huge::cache::{HugeCache, SLOT_COUNT, Stored};
use crate::page_heap::PageHeap;
use crate::purge::policy::Policy;
use crate::purge::schedule::PurgeSchedule;
use crate::purge::thread::PurgeThread;
use crate::segments::index::{CHUNKS, Index};
use crate::segments::numa::Placement;
use crate::segments::segment::Segment;
use crate::tuning::Tuning;
use core::mem::offset_of;
use strata_core::offsets::Offsets;

/// The offsets of the fields of a page heap that lies at offset `at`, and of what it leads to.
pub const fn place_page_heap(offsets: Offsets, at: usize) -> Offsets {
    let mut offsets = place_counters(place_segment(offsets));
    let index = at + offset_of!(PageHeap, index);
    let cache = at + offset_of!(PageHeap, huge_cache);
    offsets.runtime_purge_due =
        (at + offset_of!(PageHeap, purge_schedule) + offset_of!(PurgeSchedule, due)) as u32;
    offsets.runtime_purge_delay =
        (at + offset_of!(PageHeap, tuning) + offset_of!(Tuning, purge_delay_ms)) as u32;
    offsets.runtime_purge_thread =
        (at + offset_of!(PageHeap, purge_thread) + offset_of!(PurgeThread, word)) as u32;
    offsets.runtime_nodes = (at + offset_of!(PageHeap, placement) + offset_of!(Placement, nodes)) as u32;
    offsets.runtime_backoff = (at + offset_of!(PageHeap, policy) + Policy::BACKOFF_AT) as u32;
    offsets.runtime_counters = (at + offset_of!(PageHeap, counters)) as u32;
    offsets.runtime_class_pools = (at + offset_of!(PageHeap, class_pools)) as u32;
    offsets.runtime_segments = (index + offset_of!(Index, slots)) as u32;
    offsets.runtime_more_segments = (index + offset_of!(Index, more)) as u32;
    offsets.runtime_more_count = CHUNKS as u32 - 1;
    offsets.runtime_huge_slots = (cache + offset_of!(HugeCache, slots)) as u32;
    offsets.runtime_huge_slot_count = SLOT_COUNT as u32;
    offsets.runtime_huge_kept = (cache + offset_of!(HugeCache, kept_bytes)) as u32;
    offsets.piece_bytes = offset_of!(Stored, bytes) as u32;
    offsets
}

const fn place_counters(mut offsets: Offsets) -> Offsets {
    offsets.counter_reserved = offset_of!(Counters, reserved_bytes) as u32;
    offsets.counter_committed = offset_of!(Counters, committed_bytes) as u32;
    offsets.counter_pinned = offset_of!(Counters, pinned_bytes) as u32;
    offsets.counter_pools = offset_of!(Counters, pools) as u32;
    offsets.counter_large_blocks = offset_of!(Counters, large_blocks) as u32;
    offsets.counter_large_bytes = offset_of!(Counters, large_bytes) as u32;
    offsets.counter_huge_blocks = offset_of!(Counters, huge_blocks) as u32;
    offsets.counter_huge_bytes = offset_of!(Counters, huge_bytes) as u32;
    offsets.counter_purged = offset_of!(Counters, purged_bytes) as u32;
    offsets.counter_purge_calls = offset_of!(Counters, purge_calls) as u32;
    offsets.counter_passes = offset_of!(Counters, passes) as u32;
    offsets
}

const fn place_segment(mut offsets: Offsets) -> Offsets {
    offsets.segment_bytes = size_of::<Segment>() as u32;
    offsets.segment_base = offset_of!(Segment, base) as u32;
    offsets.segment_arena_count = offset_of!(Segment, arena_count) as u32;
    offsets.segment_backing = offset_of!(Segment, backing) as u32;
    offsets.segment_ready = offset_of!(Segment, ready) as u32;
    offsets.segment_free = offset_of!(Segment, pools) as u32;
    offsets.segment_dirty = offset_of!(Segment, dirty) as u32;
    offsets.segment_lazy = offset_of!(Segment, lazy) as u32;
    offsets.segment_settled = offset_of!(Segment, idle_twice) as u32;
    offsets.segment_advised = offset_of!(Segment, advised) as u32;
    offsets
}
