//! Blocks of one size class, behind a header of 48 bytes.
//!
//! ```text
//! │ header 48 │ block │ block │ block │ … virgin … │ quantization │
//!   free ───────────────► ─────► ─────► null        ▲ next_offset
//! ```
//!
//! | state | is in                        | leaves when                                               |
//! |-------|------------------------------|-----------------------------------------------------------|
//! | used  | its class's circle (used.rs) | `take` says `Last` → full; `give` says `NowEmpty` → empty |
//! | full  | no list                      | `give` says `WasFull` → used                              |
//! | empty | its arena's free list        | `open` → used, perhaps for another class                  |
//!
//! Blocks are carved when the free list runs dry, one at a time; a new pool sets up two. So memory that the
//! program does not need is never touched.
//!
//! I1  A `PoolRef` names a pool of a mapped arena; the heap's lock is held while anyone uses it.
//! I2  A reference to a header ends with the method here that made it, so no two live at once.
//! I3  The free list of a used pool is not null; that of a full pool is. (≥ 7 blocks, so full ≠ almost empty.)
//! I4  Free blocks lie in the pool, were given back once, and their first word is the link to the next.
//!
//! Does not know: the lists that it is in, arenas.
//! Idea: Vladimir Marangozov, CPython's obmalloc, 2000.

use super::class::ClassIndex;
use super::parameters::{Parameters, Sizes};
use core::ptr::{NonNull, null_mut};

/// A free block: its first word is the link.
#[repr(C)]
struct FreeBlock {
    next: *mut FreeBlock,
}

/// What the first 48 bytes of a pool hold. All of it belongs to the thread that holds the lock.
#[repr(C)]
pub(crate) struct PoolHeader {
    /// Blocks that the program has.
    used_count: usize,
    /// Blocks that came back, last one first.
    free: *mut FreeBlock,
    /// Used: the circle. Empty: the next free pool of the arena. Full: stale.
    next: Option<PoolRef>,
    /// Used: the circle. Otherwise stale.
    prev: Option<PoolRef>,
    /// The arena object; written when the pool is carved, and never again.
    arena: u32,
    /// The class; stays when the pool empties, so that a reopening for the same class may keep the free list.
    class: u32,
    /// Where the next virgin block lies …
    next_offset: u32,
    /// … unless that is beyond this.
    last_offset: u32,
}

pub(crate) const HEADER_BYTES: usize = size_of::<PoolHeader>();
const _: () = assert!(HEADER_BYTES == 48, "64-bit targets only");

/// The class of a pool that was carved and never opened.
const NO_CLASS: u32 = 0xffff;

/// A pool of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolRef(NonNull<PoolHeader>);

/// What `take` got.
#[must_use]
pub(crate) enum Taken {
    /// A block, and there are more.
    More(NonNull<u8>),
    /// The last one: the pool is full now and must leave its class's circle.
    Last(NonNull<u8>),
}

/// What `give` did.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// Nothing to do.
    StillUsed,
    /// The pool was in no list and must join its class's circle, at the front.
    WasFull,
    /// The pool must leave its class's circle and go to its arena.
    NowEmpty,
}

impl PoolRef {
    /// Hands out one block of a used pool.
    #[inline]
    pub(crate) fn take<P: Parameters>(self) -> Taken {
        let header = self.header();
        debug_assert!(!header.free.is_null());
        // SAFETY: I3, only used pools are in a circle.
        let block = unsafe { NonNull::new_unchecked(header.free) };
        header.used_count += 1;
        // SAFETY: I4.
        header.free = unsafe { block.read() }.next;
        if header.free.is_null() { self.carve_next::<P>(block.cast()) } else { Taken::More(block.cast()) }
    }

    /// Takes `block` back.
    ///
    /// # Safety
    /// - `block` lies at a block's start in this pool, was handed out, and is no longer used.
    #[inline]
    pub(crate) unsafe fn give(self, block: NonNull<u8>) -> Given {
        let header = self.header();
        let next = header.free;
        let block = block.cast::<FreeBlock>();
        // SAFETY: the caller gives the block up; it is at least 8 bytes long and aligned to 8.
        unsafe { block.write(FreeBlock { next }) };
        header.free = block.as_ptr();
        header.used_count -= 1;
        if next.is_null() {
            return Given::WasFull;
        }
        if header.used_count == 0 { Given::NowEmpty } else { Given::StillUsed }
    }

    /// Makes virgin memory a pool of the arena object number `arena`.
    ///
    /// # Safety
    /// - `start` is aligned to the pool size, and a pool's length from there is in the arena and not shared.
    pub(crate) unsafe fn found(start: NonNull<u8>, arena: u32) -> Self {
        let header = PoolHeader {
            used_count: 0,
            free: null_mut(),
            next: None,
            prev: None,
            arena,
            class: NO_CLASS,
            next_offset: 0,
            last_offset: 0,
        };
        let place = start.cast::<PoolHeader>();
        // SAFETY: the caller hands over the memory.
        unsafe { place.write(header) };
        Self(place)
    }

    /// Opens an empty pool for a class, and takes the first block.
    pub(crate) fn open<P: Parameters>(self, class: ClassIndex) -> NonNull<u8> {
        if self.header().class != class.number() {
            self.carve_two::<P>(class);
        }
        match self.take::<P>() {
            // Two blocks were set up at least, so `Last` does not come.
            Taken::More(block) | Taken::Last(block) => block,
        }
    }

    fn carve_two<P: Parameters>(self, class: ClassIndex) {
        let bytes = class.bytes::<P>();
        let header = self.header();
        header.class = class.number();
        header.next_offset = (HEADER_BYTES + 2 * bytes) as u32;
        header.last_offset = (P::POOL_BYTES - bytes) as u32;
        let second = self.place_block(HEADER_BYTES + bytes, null_mut());
        let first = self.place_block(HEADER_BYTES, second);
        self.header().free = first;
    }

    /// The free list ran dry with `block`: sets up the next virgin block, if there is one.
    #[cold]
    #[inline(never)]
    fn carve_next<P: Parameters>(self, block: NonNull<u8>) -> Taken {
        let header = self.header();
        let offset = header.next_offset;
        if offset > header.last_offset {
            return Taken::Last(block);
        }
        header.next_offset += ClassIndex::stored(header.class).bytes::<P>() as u32;
        let carved = self.place_block(offset as usize, null_mut());
        self.header().free = carved;
        Taken::More(block)
    }

    /// Writes a free block at `offset`, which lies in the pool and behind what was carved before.
    fn place_block(self, offset: usize, next: *mut FreeBlock) -> *mut FreeBlock {
        // SAFETY: I1; the offset is below the pool's length.
        let block = unsafe { self.0.byte_add(offset) }.cast::<FreeBlock>();
        // SAFETY: virgin memory of the pool, of a block's length; all offsets are multiples of 8.
        unsafe { block.write(FreeBlock { next }) };
        block.as_ptr()
    }

    #[inline]
    fn header<'a>(self) -> &'a mut PoolHeader {
        let mut place = self.0;
        // SAFETY: I1 for the memory, I2 for uniqueness.
        unsafe { place.as_mut() }
    }
}

/// The fields, for the lists that hold pools and for the statistics.
impl PoolRef {
    /// The header at `place`, of which the caller knows I1.
    ///
    /// # Safety
    /// - A header was written there by `found`, and the arena is still mapped.
    #[inline]
    pub(crate) unsafe fn at(place: NonNull<PoolHeader>) -> Self {
        Self(place)
    }

    #[inline]
    pub(crate) fn class(self) -> ClassIndex {
        ClassIndex::stored(self.header().class)
    }

    #[inline]
    pub(crate) fn arena(self) -> u32 {
        self.header().arena
    }

    pub(crate) fn used_count(self) -> usize {
        self.header().used_count
    }

    #[inline]
    pub(crate) fn next(self) -> Option<Self> {
        self.header().next
    }

    #[inline]
    pub(crate) fn prev(self) -> Option<Self> {
        self.header().prev
    }

    #[inline]
    pub(crate) fn set_next(self, next: Option<Self>) {
        self.header().next = next;
    }

    #[inline]
    pub(crate) fn set_prev(self, prev: Option<Self>) {
        self.header().prev = prev;
    }
}

/// Where in a header the arena's number lies, for the test of `address/header_index.rs`.
pub(crate) const ARENA_OFFSET: usize = core::mem::offset_of!(PoolHeader, arena);

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
