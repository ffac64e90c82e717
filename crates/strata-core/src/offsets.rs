//! Where a reader outside of the process finds what the layers keep: offsets in bytes, and what they rest on.
//!
//! ```text
//!   Runtime, at a multiple of 4 KiB in the writable data of the program or library
//!   ├ MAGIC ─ Offsets ─ counts of calls │ registry ─► slabs ─► caches │ page heap ─► segments ─► arenas ─► pool headers
//! ```
//!
//! Each layer fills in its own part as a constant, so that the numbers are those of this very build. A reader that knows
//! [`VERSION`] needs no more to walk another build's memory: nothing of it depends on how a compiler lays out a struct.
//!
//! Does not know: who reads (`strata-inspect` does). Idea: `_Py_DebugOffsets` (CPython 3.13).

use crate::counters::{CompactFlow, Flow};
use crate::layout;

/// The first bytes of a runtime.
pub const MAGIC: [u8; 16] = *b"\x7fSTRATA runtime\0";

/// A runtime lies at a multiple of this many bytes: what a start touches of it is on one page.
pub const RUNTIME_ALIGN: usize = 4096;

/// Which fields [`Offsets`] has, and what they mean: changed with either.
pub const VERSION: u32 = 5;

/// Makes a struct of words, and the same from a slice of them.
macro_rules! words {
    ($(#[$of_struct:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident,)* }) => {
        $(#[$of_struct])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$of_field])* pub $field: u32,)*
        }

        impl $name {
            /// Words that it has.
            pub const WORDS: usize = [$(stringify!($field)),*].len();

            /// All words zero.
            pub const fn zero() -> Self {
                Self { $($field: 0,)* }
            }

            /// What these words say, in the order of the fields.
            pub fn from_words(words: [u32; Self::WORDS]) -> Self {
                let [$($field),*] = words;
                Self { $($field,)* }
            }
        }
    };
}

words! {
    /// Offsets in bytes from the start of what the first part of a field's name says.
    Offsets {
        /// [`VERSION`].
        version,
        /// Words of this struct.
        words,
        /// Bytes of a pool.
        pool_bytes,
        /// Pools of an arena, the first of which holds its metadata.
        arena_pools,
        /// Arenas of a full-size segment.
        segment_arenas,
        /// Bytes between two pool headers at an arena's start; the first is the arena's own.
        header_bytes,
        /// log₂ of the least distance of two blocks.
        granule_shift,
        /// Size classes.
        class_count,

        /// Of a runtime: the first slab.
        runtime_first_slab,
        /// Of a runtime: caches ever handed out.
        runtime_caches_ever,
        /// Of a runtime: when the next purge pass is due, in milliseconds; 0: nothing lies free.
        runtime_purge_due,
        /// Of a runtime: the delay after which memory is given back, in milliseconds.
        runtime_purge_delay,
        /// Of a runtime: purge passes for which memory stays yet.
        runtime_backoff,
        /// Of a runtime: the [counters](Self::counter_reserved).
        runtime_counters,
        /// Of a runtime: slots of the first 64 segments.
        runtime_segments,
        /// Of a runtime: places of the chunks with further slots, of which each has 64 times more.
        runtime_more_segments,
        /// Such places.
        runtime_more_count,
        /// Of a runtime: slots of free huge pieces.
        runtime_huge_slots,
        /// Such slots.
        runtime_huge_slot_count,
        /// Of a runtime: bytes of free huge pieces.
        runtime_huge_kept,
        /// Of a runtime: NUMA nodes, once they were asked for.
        runtime_nodes,
        /// Of a runtime: the word of the purge thread.
        runtime_purge_thread,

        /// Of a runtime: for each class the [compact flow](Self::compact_came) of its pools.
        runtime_class_pools,
        /// Of a runtime: for each class the [blocks](Self::turnover_taken) that passed through caches that are gone.
        runtime_departed,
        /// Of a runtime: the flow of bytes of all blocks outside of pools, as caches said.
        runtime_outside_bytes,
        /// Of a runtime: for each class the flow of its blocks outside of pools.
        runtime_outside,

        /// Of a flow: what came, one word.
        flow_came,
        /// Of a flow: what went.
        flow_gone,
        /// Of a flow: the most there was.
        flow_peak,
        /// Bytes of a flow.
        flow_bytes,
        /// Of a compact flow: what came, one word.
        compact_came,
        /// Of a compact flow: what there is, in the upper half of a word, and the most there was, in the lower.
        compact_held,
        /// Bytes of a compact flow.
        compact_bytes,
        /// Of a class's turnover: blocks that came out of pools, one word.
        turnover_taken,
        /// Of a class's turnover: blocks that went back.
        turnover_returned,
        /// Bytes from one class's turnover to the next, of caches that are gone.
        departed_bytes,

        /// Of the counters: the flow of bytes of addresses.
        counter_reserved,
        /// Of the counters: the flow of bytes that may be touched.
        counter_committed,
        /// Of the counters: bytes of explicit huge pages.
        counter_pinned,
        /// Of the counters: the flow of pools in use.
        counter_pools,
        /// Of the counters: the flow of large blocks.
        counter_large_blocks,
        /// Of the counters: the flow of their bytes.
        counter_large_bytes,
        /// Of the counters: the flow of huge blocks.
        counter_huge_blocks,
        /// Of the counters: the flow of their bytes.
        counter_huge_bytes,
        /// Of the counters: bytes given back.
        counter_purged,
        /// Of the counters: calls that did so.
        counter_purge_calls,
        /// Of the counters: purge passes.
        counter_passes,

        /// Of a slab: the word of its free slots.
        slab_free,
        /// Of a slab: the first of those to which it leads.
        slab_next,
        /// Of a slab: to how many it leads.
        slab_next_count,
        /// Bytes of a slab.
        slab_bytes,
        /// Of a slab: its first cache.
        slab_caches,
        /// Of a slab: how many caches it has.
        slab_cache_count,
        /// Bytes of a cache.
        cache_bytes,
        /// Of a cache: the number that the kernel has for its thread; 0: of no thread.
        cache_thread,
        /// Of a counting cache: the one behind it, one word; 0: it is none.
        cache_behind,
        /// Of a cache: the counting one in front of it; 0: there is none.
        cache_front,
        /// Of a cache: refills since it was joined.
        cache_refills,
        /// Of a cache: flushes since it was joined.
        cache_flushes,
        /// Of a cache: the most bytes that it took out of pools less what it gave back.
        cache_peak,
        /// Of a cache: the magazines of the smaller classes.
        cache_small,
        /// Such classes.
        cache_small_count,
        /// Of a cache: the magazines of the others.
        cache_large,
        /// Of a cache: what it knows of the first class.
        cache_classes,
        /// Bytes from one class to the next.
        class_bytes,
        /// Of a class in a cache: its turnover.
        class_turnover,
        /// Slots of a smaller class's magazine.
        small_depth,
        /// Slots of a larger class's.
        large_depth,
        /// Of a magazine: how many slots hold blocks.
        magazine_count,
        /// Of a magazine: the first slot.
        magazine_slots,

        /// Bytes of a segment's description.
        segment_bytes,
        /// Of a segment: its first arena.
        segment_base,
        /// Of a segment: how many arenas it spans.
        segment_arena_count,
        /// Of a segment: one byte, not zero if it is made of explicit huge pages.
        segment_backing,
        /// Of a segment: the word of its committed arenas.
        segment_ready,
        /// Of a segment: for each arena the word of its free pools.
        segment_free,
        /// Of a segment: for each arena the word of pools that may hold something.
        segment_dirty,
        /// Of a segment: for each arena the word of those purged with `MADV_FREE`.
        segment_lazy,
        /// Of a segment: for each arena the word of free pools that lay idle for two purge passes.
        segment_settled,
        /// Of a segment: the word of the arenas that may get huge pages.
        segment_advised,

        /// Of a pool: its live blocks, if it has an owner.
        pool_live,
        /// Of a pool: the blocks carved.
        pool_carved,
        /// Of a pool: what it is used for: 0 nothing, the class and one, in the lowest byte, and in the next how many pools it lies behind the
        /// first of its span; or the highest bit and the length of a run.
        pool_format,
        /// Of a pool: its holes, in the lower 16 bits.
        pool_residency,
        /// Of a pool: the remote word.
        pool_remote,
        /// Of a pool: the cache that last took blocks of it.
        pool_holder,

        /// Of an arena's header: the kind of what lies there, [`ArenaKind`](crate::arena::ArenaKind).
        head_kind,
        /// Of an arena's header: the bytes of a huge block's mapping.
        head_mapped,
        /// Of an arena's header: the bytes from the mapping's start to the block.
        head_payload,
        /// Of a free huge piece: its bytes.
        piece_bytes,
    }
}

impl Offsets {
    /// What `strata-core` knows of.
    pub const fn of_core() -> Self {
        let mut offsets = Self::zero();
        offsets.version = VERSION;
        offsets.words = Self::WORDS as u32;
        offsets.pool_bytes = layout::POOL_BYTES as u32;
        offsets.arena_pools = layout::POOLS_PER_ARENA as u32;
        offsets.segment_arenas = layout::ARENAS_PER_SEGMENT as u32;
        offsets.header_bytes = layout::HEADER_BYTES as u32;
        offsets.granule_shift = layout::GRANULE_SHIFT;
        offsets.class_count = crate::size_class::CLASS_COUNT as u32;
        [offsets.flow_came, offsets.flow_gone, offsets.flow_peak] = Flow::FIELDS;
        [offsets.compact_came, offsets.compact_held] = CompactFlow::FIELDS;
        offsets.compact_bytes = size_of::<CompactFlow>() as u32;
        crate::arena::place_head(crate::pool::place_fields(offsets))
    }
}

/// What a runtime begins with, so that it is found from outside.
#[repr(C)]
#[derive(Debug)]
pub struct Signature {
    magic: [u8; 16],
    offsets: &'static Offsets,
    calls: *const u64,
}

// SAFETY: both pointers are only names, for readers of another process.
unsafe impl Sync for Signature {}

impl Signature {
    /// The signature of a runtime with these offsets. `calls`: six counts of system calls, `mmap munmap mprotect madvise mremap`
    /// and those that were refused.
    pub const fn new(offsets: &'static Offsets, calls: *const u64) -> Self {
        Self { magic: MAGIC, offsets, calls }
    }
}

/// Bytes of a [`Signature`]: the magic, then the addresses of the offsets and of the counts of calls.
pub const SIGNATURE_BYTES: usize = size_of::<Signature>();

const _: () = assert!(SIGNATURE_BYTES == 32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_in_the_order_of_the_fields() {
        let offsets = Offsets::from_words(core::array::from_fn(|index| index as u32));
        assert_eq!((offsets.version, offsets.words, offsets.pool_bytes), (0, 1, 2));
        assert_eq!(offsets.piece_bytes as usize, Offsets::WORDS - 1);
        assert_eq!(size_of::<Offsets>(), Offsets::WORDS * 4);
    }
}
