//! From an address to its arena, its pool and its block: the only file that masks pointers.
//!
//! ```text
//!   63            22 21       16 15             0
//!   ├── arena ──────┼─ pool ────┼─ within pool ─┤
//!         │              └─► header = arena + pool × 64
//!         └─► ArenaHead = header slot 0 (pool 0 is metadata, so no block ever has pool index 0)
//! ```
//!
//! A [`UserPtr`] is what a program handed in: untrusted until its header slot was read. A [`BlockPtr`]
//! is validated.
//!
//! I1  Every arena and every huge mapping starts on an arena boundary with a header table in its first bytes, so the slot
//!     of any pointer that we handed out may be read. (One exception, a huge pointer that is itself arena-aligned, has pool
//!     index 0, as every huge pointer has, and is told apart by that.)
//!
//! Does not know: what the headers say. Idea: mask to the metadata, as mimalloc's segments (Leijen et al. 2019).

use crate::arena::ArenaHead;
use crate::block::BlockPtr;
use crate::layout::{ARENA_BYTES, GRANULE_SHIFT, HEADER_SHIFT, POOL_BYTES, POOL_SHIFT, POOLS_PER_ARENA};
use crate::pool::Pool;
use core::ptr::NonNull;

/// The bits of an address that say in which arena it lies.
pub const ARENA_MASK: usize = !(ARENA_BYTES - 1);
/// How far an address is shifted to make its pool index an offset into the header table,
pub const SLOT_SHIFT: u32 = POOL_SHIFT - HEADER_SHIFT;
/// and the bits of that offset.
pub const SLOT_MASK: usize = (POOLS_PER_ARENA - 1) << HEADER_SHIFT;

/// An address that a program passed in and that nothing has vouched for yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct UserPtr(NonNull<u8>);

impl UserPtr {
    /// Takes the program's word for it.
    #[inline(always)]
    pub const fn new(address: NonNull<u8>) -> Self {
        Self(address)
    }

    /// The index of the pool within its arena; `None` for 0, which no block has (see the drawing).
    #[inline(always)]
    pub fn pool_index(self) -> Option<PoolIndex> {
        PoolIndex::new((self.0.addr().get() >> POOL_SHIFT) & (POOLS_PER_ARENA - 1))
    }

    /// Whether it is itself the start of an arena-aligned region: only a huge allocation with such an alignment is.
    #[inline]
    pub fn is_arena_aligned(self) -> bool {
        self.0.addr().get() & (ARENA_BYTES - 1) == 0
    }

    /// The header of the pool that it lies in, which may be one of a span's behind the first.
    ///
    /// # Safety
    /// - It lies in an arena or huge mapping of ours (I1) and is not arena-aligned.
    #[inline(always)]
    pub unsafe fn pool(self) -> &'static Pool {
        let slot = (self.0.addr().get() >> SLOT_SHIFT) & SLOT_MASK;
        let arena = self.arena();
        let header = arena.0.as_ptr().wrapping_byte_add(slot).cast::<Pool>();
        // SAFETY: I1: the slot is within the header table, which is mapped and initialised for as long as a block lives.
        unsafe { &*header }
    }

    /// `address` and the header of the pool that it lies in, for those who know no size: one test for three questions.
    ///
    /// `slot_mask` is [`SLOT_MASK`], or 0 from a caller that has to examine it whatever the address. `None`: that, or
    /// null, or the start of a huge mapping's payload; all of them read as pool index 0.
    ///
    /// # Safety
    /// - Null, or (unless the mask is 0) as for [`pool`](Self::pool).
    #[inline(always)]
    pub unsafe fn in_pool(address: *mut u8, slot_mask: usize) -> Option<(Self, &'static Pool)> {
        if (address.addr() >> SLOT_SHIFT) & slot_mask == 0 {
            return None;
        }
        // SAFETY: null has pool index 0.
        let pointer = Self(unsafe { NonNull::new_unchecked(address) });
        // SAFETY: ours, and its pool index is not 0.
        Some((pointer, unsafe { pointer.pool() }))
    }

    /// The arena (or huge mapping) that it lies in.
    #[inline(always)]
    pub fn arena(self) -> ArenaPtr {
        let base = self.0.as_ptr().map_addr(|address| address & !(ARENA_BYTES - 1));
        // SAFETY: no mapping of ours lies in the first arena of the address space, so the masked address is not 0;
        // for an untrusted pointer the value is only ever compared or validated before use.
        ArenaPtr(unsafe { NonNull::new_unchecked(base) }.cast())
    }

    /// The block that starts here.
    ///
    /// # Safety
    /// - It is the start of a block that is the program's to give back.
    #[inline(always)]
    pub unsafe fn block(self) -> BlockPtr {
        BlockPtr::from_address(self.0)
    }

    /// The address itself.
    #[inline(always)]
    pub fn as_non_null(self) -> NonNull<u8> {
        self.0
    }
}

/// The start of an arena or of a huge mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct ArenaPtr(NonNull<ArenaHead>);

impl ArenaPtr {
    /// Vouches for an address.
    ///
    /// # Safety
    /// - `base` is aligned to [`ARENA_BYTES`] and its first header table is mapped, zero or initialised, for ever.
    #[inline]
    pub unsafe fn new(base: NonNull<u8>) -> Self {
        debug_assert!(base.addr().get() & (ARENA_BYTES - 1) == 0);
        Self(base.cast())
    }

    /// The head: header slot 0.
    ///
    /// # Safety
    /// - The head was initialised and outlives the use.
    #[inline]
    pub unsafe fn head(self) -> &'static ArenaHead {
        // SAFETY: initialised, and alive during the use, by this function's contract.
        let head: &'static ArenaHead = unsafe { self.0.as_ref() };
        head.written.look();
        head
    }

    /// The head's place, to initialise it.
    pub fn head_place(self) -> NonNull<ArenaHead> {
        self.0
    }

    /// The header of pool `index`.
    ///
    /// # Safety
    /// - This is an arena (not a huge mapping) whose headers were initialised.
    #[inline]
    pub unsafe fn pool(self, index: PoolIndex) -> &'static Pool {
        // SAFETY: the slot lies in the header table (index < POOLS_PER_ARENA).
        unsafe { self.pool_place(index).as_ref() }
    }

    /// The place of a pool's header, to initialise it.
    pub fn pool_place(self, index: PoolIndex) -> NonNull<Pool> {
        let header = self.0.as_ptr().wrapping_byte_add(index.get() << HEADER_SHIFT).cast::<Pool>();
        // SAFETY: within the arena, hence not null.
        unsafe { NonNull::new_unchecked(header) }
    }

    /// The first byte of pool `index`.
    #[inline]
    pub fn pool_base(self, index: PoolIndex) -> NonNull<u8> {
        let base = self.0.as_ptr().wrapping_byte_add(index.get() << POOL_SHIFT).cast::<u8>();
        // SAFETY: within the arena, hence not null.
        unsafe { NonNull::new_unchecked(base) }
    }

    /// A place in the metadata pool, `offset` bytes (a multiple of 64) from the start.
    pub fn metadata_place(self, offset: usize) -> NonNull<u64> {
        debug_assert!(offset < POOL_BYTES && offset.is_multiple_of(64));
        let place = self.0.as_ptr().wrapping_byte_add(offset).cast();
        // SAFETY: within the arena, hence not null.
        unsafe { NonNull::new_unchecked(place) }
    }

    /// The first byte.
    #[inline]
    pub fn as_non_null(self) -> NonNull<u8> {
        self.0.cast()
    }
}

/// Which pool of an arena: 1 to [`POOLS_PER_ARENA`] − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct PoolIndex(core::num::NonZeroU8);

impl PoolIndex {
    /// `None` for 0, the metadata's pool.
    #[inline(always)]
    pub const fn new(index: usize) -> Option<Self> {
        debug_assert!(index < POOLS_PER_ARENA);
        match core::num::NonZeroU8::new(index as u8) {
            Some(index) => Some(Self(index)),
            None => None,
        }
    }

    /// The number.
    #[inline(always)]
    pub const fn get(self) -> usize {
        self.0.get() as usize
    }

    /// Its bit in the arena's words.
    #[inline(always)]
    pub const fn bit(self) -> u64 {
        1 << self.0.get()
    }
}

impl Pool {
    /// The arena whose header table this header is in.
    #[inline(always)]
    pub fn arena(&self) -> ArenaPtr {
        UserPtr(NonNull::from(self).cast()).arena()
    }

    /// Its index in the arena.
    #[inline]
    pub fn index(&self) -> PoolIndex {
        let slot = core::ptr::from_ref(self).addr() & (ARENA_BYTES - 1);
        debug_assert!(slot >> HEADER_SHIFT != 0);
        // SAFETY: slot 0 is an `ArenaHead`, never a `Pool`.
        unsafe { PoolIndex::new(slot >> HEADER_SHIFT).unwrap_unchecked() }
    }

    /// The first byte of its blocks.
    #[inline]
    pub fn base(&self) -> NonNull<u8> {
        self.arena().pool_base(self.index())
    }

    /// The header of the pool whose blocks start at `base`.
    ///
    /// # Safety
    /// - `base` is the [`base`](Self::base) of an initialised pool.
    #[inline]
    pub unsafe fn of_base(base: NonNull<u8>) -> &'static Self {
        // SAFETY: a pool's base lies in an arena of ours and has a pool index above 0.
        unsafe { UserPtr(base).pool() }
    }

    /// The block `granule` granules behind the base.
    #[inline]
    pub fn block_at_granule(&self, granule: u16) -> BlockPtr {
        let address = self.base().as_ptr().wrapping_byte_add(usize::from(granule) << GRANULE_SHIFT);
        // SAFETY: within the pool, hence not null.
        BlockPtr::from_address(unsafe { NonNull::new_unchecked(address) })
    }

    /// How many granules behind the base `block` starts, which lies in this pool or in one of its span behind it.
    #[inline]
    pub fn granule_of(&self, block: BlockPtr) -> u16 {
        // The header's place in the table, times a pool's size for a header's, is the base's place in the arena.
        let base = core::ptr::from_ref(self).addr() << SLOT_SHIFT;
        let offset = block.as_non_null().addr().get().wrapping_sub(base) & (ARENA_BYTES - 1);
        (offset >> GRANULE_SHIFT) as u16
    }

    /// The pool that keeps the books of the span that this one is part of; itself, if it is part of none.
    #[inline]
    pub fn first(&'static self) -> &'static Self {
        let first = core::ptr::from_ref(self).wrapping_byte_sub(self.distance() << HEADER_SHIFT);
        // SAFETY: within the arena's header table: a pool says so many only while its span's pools are so many.
        unsafe { &*first }
    }

    /// The pool so many behind this one in its arena.
    ///
    /// # Safety
    /// - There is one.
    #[inline]
    pub unsafe fn behind(&self, pools: u32) -> &'static Self {
        let pool = core::ptr::from_ref(self).wrapping_byte_add((pools as usize) << HEADER_SHIFT);
        debug_assert!((pool.addr() & (ARENA_BYTES - 1)) >> HEADER_SHIFT < POOLS_PER_ARENA);
        // SAFETY: within the arena's header table, by the caller's promise.
        unsafe { &*pool }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    fn at(address: usize) -> UserPtr {
        UserPtr(NonNull::new(core::ptr::without_provenance_mut(address)).unwrap())
    }

    #[test]
    fn an_address_leads_to_its_arena_and_pool() {
        let pointer = at(0x7f00_0040_0000 + 5 * POOL_BYTES + 48);
        assert_eq!(pointer.arena().as_non_null().addr().get(), 0x7f00_0040_0000);
        assert_eq!(pointer.pool_index().unwrap().get(), 5);
    }

    #[test]
    fn metadata_and_arena_aligned_addresses_have_no_pool() {
        assert!(at(ARENA_BYTES * 3).pool_index().is_none());
        assert!(at(ARENA_BYTES * 3).is_arena_aligned());
        assert!(at(ARENA_BYTES * 3 + 4096).pool_index().is_none());
        assert!(!at(ARENA_BYTES * 3 + 4096).is_arena_aligned());
    }
}
