//! Every size that the address arithmetic rests on, derived from five choices.
//!
//! | choice              | shipped   | in models | why                                                            |
//! |---------------------|-----------|-----------|----------------------------------------------------------------|
//! | `POOL_SHIFT`        | 16        | 13        | 64 KiB: 16 pages; one atomic claim per thousand small blocks   |
//! | `POOL_COUNT_SHIFT`  | 6         | 2         | 64 pools: one word says which are free                         |
//! | `GRANULE_SHIFT`     | 4         | 9         | 16 bytes: what C and SIMD types want; fewer classes in models  |
//! | `LARGEST_CLASS_SHIFT` | 18      | 13        | 256 KiB: steps of an eighth up to there; above it, runs of pools |
//! | `HEADER_SHIFT`      | 6         | 9         | a pool's header is one cache line                              |
//!
//! Does not know: page sizes (a run-time fact of the OS layer).
//! Decisions: 0002 (geometry), 0007 (size classes), 0038 (spans).

#[cfg(strata_loom)]
mod choices {
    pub(super) const POOL_SHIFT: u32 = 13;
    pub(super) const GRANULE_SHIFT: u32 = 9;
    pub(super) const POOL_COUNT_SHIFT: u32 = 2;
    pub(super) const LARGEST_CLASS_SHIFT: u32 = 13;
    pub(super) const HEADER_SHIFT: u32 = 9;
}
#[cfg(not(strata_loom))]
mod choices {
    pub(super) const POOL_SHIFT: u32 = 16;
    pub(super) const GRANULE_SHIFT: u32 = 4;
    pub(super) const POOL_COUNT_SHIFT: u32 = 6;
    pub(super) const LARGEST_CLASS_SHIFT: u32 = 18;
    pub(super) const HEADER_SHIFT: u32 = 6;
}

/// log₂ of a pool's size in bytes.
pub const POOL_SHIFT: u32 = choices::POOL_SHIFT;
/// log₂ of the smallest distance between two blocks, in bytes.
pub const GRANULE_SHIFT: u32 = choices::GRANULE_SHIFT;
/// log₂ of the distance between two pool headers, in bytes.
pub const HEADER_SHIFT: u32 = choices::HEADER_SHIFT;

/// Size and alignment of a pool: 64 KiB.
pub const POOL_BYTES: usize = 1 << POOL_SHIFT;
/// Pools in an arena, the first of which holds the arena's metadata: 64.
pub const POOLS_PER_ARENA: usize = 1 << choices::POOL_COUNT_SHIFT;
/// log₂ of an arena's size in bytes.
pub const ARENA_SHIFT: u32 = POOL_SHIFT + choices::POOL_COUNT_SHIFT;
/// Size and alignment of an arena: 4 MiB.
pub const ARENA_BYTES: usize = 1 << ARENA_SHIFT;
/// Smallest block, and the alignment of every block: 16 bytes.
pub const GRANULE_BYTES: usize = 1 << GRANULE_SHIFT;
/// Bytes of one pool header: one cache line.
pub const HEADER_BYTES: usize = 1 << HEADER_SHIFT;

/// Largest block of a size class: 256 KiB.
pub const LARGEST_CLASS_BYTES: usize = 1 << choices::LARGEST_CLASS_SHIFT;
/// Largest block whose class has pools of their own, which then waste a sixteenth at most: 8 KiB.
pub const LARGEST_SINGLE_BYTES: usize = if cfg!(strata_loom) { POOL_BYTES / 2 } else { POOL_BYTES / 8 };
/// Pools that serve a larger class together at most: half a megabyte.
pub const MOST_SPAN_POOLS: usize = if cfg!(strata_loom) { POOLS_PER_ARENA - 1 } else { 8 };
/// Largest run of pools that serves one *large* allocation: half an arena, 2 MiB.
pub const LARGEST_RUN_POOLS: usize = POOLS_PER_ARENA / 2;
/// Most neighbouring pools that are claimed at once, for a span or a run.
pub const MOST_CLAIMED_POOLS: usize =
    if MOST_SPAN_POOLS > LARGEST_RUN_POOLS { MOST_SPAN_POOLS } else { LARGEST_RUN_POOLS };
/// Largest *large* allocation; anything above is *huge*, a mapping of its own.
pub const LARGEST_RUN_BYTES: usize = LARGEST_RUN_POOLS * POOL_BYTES;

/// Arenas in a full-size segment: 64, so that one word says which are in use.
pub const ARENAS_PER_SEGMENT: usize = if cfg!(strata_loom) { 2 } else { 64 };

/// Bits of the pools that an arena can hand out: all but the metadata's.
pub const USABLE_POOLS: u64 = ((u64::MAX) >> (64 - POOLS_PER_ARENA as u32)) & !1;

/// Bytes of the header table at an arena's start. The payload of a huge mapping begins behind it too, so that the
/// header slot of *any* pointer into an arena-aligned region is ours to read.
pub const HEADER_TABLE_BYTES: usize = POOLS_PER_ARENA * HEADER_BYTES;

const _: () = assert!(POOLS_PER_ARENA <= 64);
const _: () = assert!(HEADER_TABLE_BYTES * 2 <= POOL_BYTES);
const _: () = assert!(LARGEST_CLASS_BYTES <= MOST_SPAN_POOLS * POOL_BYTES);
const _: () = assert!(
    (MOST_SPAN_POOLS * POOL_BYTES) >> GRANULE_SHIFT <= 1 << 16,
    "a block's granule index fits the remote word"
);
