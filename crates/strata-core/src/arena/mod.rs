//! An arena: 4 MiB of pools with their headers in front, and the words that say which pools are free.
//!
//! ```text
//!   0        64                4096              8192                64 KiB            128 KiB
//!   ├─ head ─┼─ pool headers ───┼─ abandoned ──────┼─ untouched ─────────┼─ pool 1 ──────────┼─ pool 2 …
//!            slots 1 … 63         which unowned pools have blocks to give, by class
//! ```
//!
//! An arena has no owner. Its metadata are never unmapped, so a stale hint may always be followed; the bits that hand out
//! its pools live with the segment, side by side with those of its neighbours.
//!
//! Does not know: which arena serves next, the OS.

mod abandoned;
mod bits;
mod summary;

pub use abandoned::AbandonedBitmap;
pub use bits::PoolBits;
pub use summary::Summary;

use crate::address::{ArenaPtr, PoolIndex};
use crate::layout::{HEADER_BYTES, HEADER_TABLE_BYTES, POOLS_PER_ARENA};
use crate::offsets::Offsets;
use crate::pool::Pool;
use crate::sync::mutation::HUGE_FREE_EXCHANGES;
use crate::sync::{AtomicU64, Ordering::Relaxed, Witness};
use core::mem::offset_of;
use core::ptr::NonNull;

/// Where the payload of a huge block begins that was freed: nowhere, so that it is not freed again.
const NO_PAYLOAD: usize = 0;
/// Where a huge block's head says where its payload begins, in bytes from its start: an aligned word of 64 bits.
pub const PAYLOAD_AT: usize = offset_of!(ArenaHead, payload_offset);

/// What starts at an arena boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ArenaKind {
    /// An arena of pools.
    Pools = 1,
    /// One huge allocation with its header table in front.
    Huge = 2,
}

/// Header slot 0: what lies behind this boundary. Written before any address behind it is handed out; after that, only a huge
/// block's owner changes it, when the block is resized.
///
/// The first word is where a `Pool` has its owner and stays zero: no cache takes this slot for a pool of its own.
#[repr(C)]
#[derive(Debug)]
pub struct ArenaHead {
    never_an_owner: usize,
    /// The segment (or nothing, for a huge mapping); its type belongs to the layer above.
    pub segment: *const (),
    /// Index of the arena in its segment.
    pub index: u32,
    /// What lies behind.
    pub kind: ArenaKind,
    /// Huge: bytes from the boundary (or header page) on.
    pub mapped_bytes: usize,
    /// Huge: bytes from the start of the mapping to the payload; [`NO_PAYLOAD`] once the block was freed.
    payload_offset: AtomicU64,
    /// Huge: tells the mapping that this lies in from others.
    pub mapping: u64,
    /// Models see a head that is read before it is written.
    pub(crate) written: Witness,
}

const _: () = assert!(size_of::<ArenaHead>() <= HEADER_BYTES);

// SAFETY: immutable once published; the segment pointer is only a name.
unsafe impl Sync for ArenaHead {}

impl ArenaHead {
    crate::const_unless_loom! {
        /// The head of an arena.
        pub fn of_pools(segment: *const (), index: u32) -> Self {
            Self {
                never_an_owner: 0,
                segment,
                index,
                kind: ArenaKind::Pools,
                mapped_bytes: 0,
                payload_offset: AtomicU64::new(NO_PAYLOAD as u64),
                mapping: 0,
                written: Witness::new(),
            }
        }
    }

    crate::const_unless_loom! {
        /// The head of a huge block.
        pub fn of_huge(mapped_bytes: usize, payload_offset: usize, mapping: u64) -> Self {
            Self {
                never_an_owner: 0,
                segment: core::ptr::null(),
                index: 0,
                kind: ArenaKind::Huge,
                mapped_bytes,
                payload_offset: AtomicU64::new(payload_offset as u64),
                mapping,
                written: Witness::new(),
            }
        }
    }
}

impl ArenaHead {
    /// What the head at `place` says that lies behind it. `None`: no head lies there, or none any more.
    ///
    /// # Safety
    /// - The place may be read, and is aligned; anything may lie there.
    #[inline]
    pub unsafe fn kind_at(place: NonNull<Self>) -> Option<ArenaKind> {
        let kind = place.as_ptr().wrapping_byte_add(offset_of!(Self, kind)).cast::<u32>();
        // SAFETY: within the head, by this function's contract; any number will do.
        match unsafe { kind.read() } {
            kind if kind == ArenaKind::Pools as u32 => Some(ArenaKind::Pools),
            kind if kind == ArenaKind::Huge as u32 => Some(ArenaKind::Huge),
            _ => None,
        }
    }

    /// Bytes from the start of the mapping to the payload.
    #[inline]
    pub fn payload_offset(&self) -> usize {
        // Relaxed: the holder of the block knows it; any other thread has made a mistake, and whatever it reads is right or wrong by chance.
        self.payload_offset.load(Relaxed) as usize
    }

    /// Notes that the block is freed whose payload begins at `offset`. `false`: it was freed before, or is just now, by another thread.
    pub fn end_payload(&self, offset: usize) -> bool {
        let (here, nowhere) = (offset as u64, NO_PAYLOAD as u64);
        if HUGE_FREE_EXCHANGES {
            // Relaxed: two threads that free one block have nothing to tell each other.
            self.payload_offset.compare_exchange(here, nowhere, Relaxed, Relaxed).is_ok()
        } else {
            // Relaxed: a mutant.
            let is_here = self.payload_offset.load(Relaxed) == here;
            self.payload_offset.store(nowhere, Relaxed);
            is_here
        }
    }
}

/// Says where an arena's header has what.
pub(crate) const fn place_head(mut offsets: Offsets) -> Offsets {
    offsets.head_kind = offset_of!(ArenaHead, kind) as u32;
    offsets.head_mapped = offset_of!(ArenaHead, mapped_bytes) as u32;
    offsets.head_payload = offset_of!(ArenaHead, payload_offset) as u32;
    offsets
}

/// Initialises the metadata of a fresh arena.
///
/// # Safety
/// - `arena` is committed, zero, and the caller's.
pub unsafe fn init(arena: ArenaPtr, head: ArenaHead) {
    for index in (1..POOLS_PER_ARENA).filter_map(PoolIndex::new) {
        // SAFETY: the slot is within the arena's header table, and the caller's.
        unsafe { Pool::init_fresh(arena.pool_place(index)) };
    }
    // SAFETY: behind the header table, still in pool 0.
    unsafe { AbandonedBitmap::init_fresh(bitmap_place(arena)) };
    // SAFETY: slot 0, the caller's.
    unsafe { arena.head_place().write(ArenaHead { written: Witness::new(), ..head }) };
}

fn bitmap_place(arena: ArenaPtr) -> NonNull<AbandonedBitmap> {
    arena.metadata_place(HEADER_TABLE_BYTES).cast()
}

/// Which unowned pools of an arena have blocks to give.
///
/// # Safety
/// - `arena` was initialised by [`init`].
pub unsafe fn abandoned(arena: ArenaPtr) -> &'static AbandonedBitmap {
    // SAFETY: initialised, and never unmapped.
    unsafe { bitmap_place(arena).as_ref() }
}

/// Bytes at an arena's start that the arena itself uses; a segment may put its own metadata behind, within pool 0.
pub const METADATA_BYTES: usize = (HEADER_TABLE_BYTES + size_of::<AbandonedBitmap>()).next_multiple_of(64);

const _: () = assert!(METADATA_BYTES < crate::layout::POOL_BYTES);
