//! Offsets in the runtime and its caches, for a reader in another process.
//!
//! Does not know: the reader.

use crate::cache::{Cache, ClassState, CountingState, SMALL_COUNT};
use crate::magazine::{DEPTH, FIELDS, LARGE_DEPTH};
use crate::peaks;
use crate::registry::{Registry, Runtime};
use crate::slabs::{CACHES_PER_SLAB, FAN, Slab, Slabs};
use crate::turnover;
use core::mem::offset_of;
use strata_core::counters::Flow;
use strata_core::offsets::Offsets;
use strata_segment::place_page_heap;

/// The offsets of this build.
pub(crate) static OFFSETS: Offsets =
    place_cache(place_registry(place_page_heap(Offsets::of_core(), offset_of!(Runtime, page_heap))));

const fn place_registry(mut offsets: Offsets) -> Offsets {
    let registry = offset_of!(Runtime, registry);
    offsets.runtime_first_slab = (registry + offset_of!(Registry, slabs) + offset_of!(Slabs, first)) as u32;
    offsets.runtime_caches_ever = (registry + offset_of!(Registry, ever)) as u32;
    offsets.runtime_departed = offset_of!(Runtime, departed) as u32;
    [offsets.turnover_taken, offsets.turnover_returned] = turnover::FIELDS;
    offsets.departed_bytes = turnover::DEPARTED_BYTES as u32;
    let outside = offset_of!(Runtime, outside);
    [offsets.runtime_outside_bytes, offsets.runtime_outside] =
        [(outside + peaks::FIELDS[0]) as u32, (outside + peaks::FIELDS[1]) as u32];
    offsets.flow_bytes = size_of::<Flow>() as u32;
    offsets.slab_free = offset_of!(Slab, free) as u32;
    offsets.slab_next = offset_of!(Slab, next) as u32;
    offsets.slab_next_count = FAN as u32;
    offsets.slab_bytes = size_of::<Slab>() as u32;
    offsets.slab_caches = offset_of!(Slab, caches) as u32;
    offsets.slab_cache_count = CACHES_PER_SLAB as u32;
    offsets
}

const fn place_cache(mut offsets: Offsets) -> Offsets {
    offsets.cache_bytes = size_of::<Cache>() as u32;
    offsets.cache_thread = offset_of!(Cache, thread) as u32;
    offsets.cache_behind = offset_of!(Cache, behind) as u32;
    offsets.cache_front = (offset_of!(Cache, counting) + offset_of!(CountingState, front)) as u32;
    offsets.cache_refills = offset_of!(Cache, refills) as u32;
    offsets.cache_flushes = offset_of!(Cache, flushes) as u32;
    offsets.cache_peak = (offset_of!(Cache, said) + peaks::PEAK) as u32;
    offsets.cache_classes = offset_of!(Cache, classes) as u32;
    offsets.class_bytes = size_of::<ClassState>() as u32;
    offsets.class_turnover = offset_of!(ClassState, turnover) as u32;
    offsets.cache_small = offset_of!(Cache, small) as u32;
    offsets.cache_small_count = SMALL_COUNT as u32;
    offsets.cache_large = offset_of!(Cache, large) as u32;
    offsets.small_depth = DEPTH as u32;
    offsets.large_depth = LARGE_DEPTH as u32;
    offsets.magazine_count = FIELDS[0] as u32;
    offsets.magazine_slots = FIELDS[2] as u32;
    offsets
}
