//! A pool: 64 KiB of blocks of one size class, and the one cache line that describes them.
//!
//! | field        | who may write it                                     | who reads it                                 |
//! |--------------|------------------------------------------------------|----------------------------------------------|
//! | `owner`      | the owner (its own identity, or null when it leaves) | anybody, to compare with itself              |
//! | `free`       | the owner                                            | the owner                                    |
//! | `sink`       | the owner                                            | the owner                                    |
//! | `live`       | the owner                                            | the owner; statistics glance                 |
//! | `carved`     | the owner                                            | the owner; statistics glance                 |
//! | `ground`     | the owner                                            | the owner; whoever looks for holes glances   |
//! | `format`     | whoever claimed the pool's bit, before any block     | anybody who holds a block of it              |
//! | `next, prev` | the owner (its queue of partial pools)               | the owner                                    |
//! | `remote`     | anybody, by the transitions of `remote.rs`           | anybody                                      |
//!
//! I1  `owner` equals a cache's identity only while that cache owns the pool: it is written after the claim and cleared
//!     before the pool is given up, both by the owner. A thread that reads its own identity there therefore owns it.
//! I2  `live` counts the carved blocks that are neither on `free` nor in holes (`holes.rs`): those of the program, those in somebody's outbox and those
//!     on `remote`. While the pool is a cache's *current* one, its free blocks are on the cache's list and `live` means
//!     nothing (it is held far above zero).
//! I3  All-zero bytes are a pool that nobody uses: state *idle*, no owner, no class.
//!
//! Does not know: which thread, which arena comes next, statistics.
//! Idea: free lists per page (Leijen, Zorn, de Moura 2019); full pages owned by nobody (mimalloc 3).

mod carve;
mod holes;
mod local;
mod remote;

pub use holes::{Look, UNIT_BYTES, UNITS};
pub use local::{Freed, LIVE_WHILE_CURRENT};
pub use remote::{AtomicRemote, Disowned, Pushed, RemoteState, RemoteWord, Taken};

use crate::block::FreeList;
use crate::layout::{HEADER_BYTES, POOL_BYTES};
use crate::size_class::{CLASS_COUNT, SizeClass};
use crate::sync::{AtomicPtr, Ordering::Relaxed, OwnedPtr, OwnedU32};

/// What a pool is used for, packed into the header's `format` word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Nothing.
    Idle,
    /// Blocks of this class.
    Blocks(SizeClass),
    /// The first of this many pools that serve one large allocation.
    Run(u32),
}

/// What is known of memory that nobody has carved yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It reads as zero.
    Zero,
    /// It may hold anything.
    Used,
}

/// Blocks that a pool of each class holds.
const CAPACITIES: [u16; CLASS_COUNT] = {
    let mut capacities = [0; CLASS_COUNT];
    let mut index = 0;
    while index < CLASS_COUNT {
        capacities[index] = (POOL_BYTES / SizeClass::from_index(index).block_bytes()) as u16;
        index += 1;
    }
    capacities
};

const RUN_BIT: u32 = 1 << 31;

impl Format {
    #[inline(always)]
    const fn pack(self) -> u32 {
        match self {
            Self::Idle => 0,
            Self::Blocks(class) => class.index() as u32 + 1,
            Self::Run(pools) => RUN_BIT | pools,
        }
    }

    #[inline(always)]
    const fn unpack(word: u32) -> Self {
        match word {
            0 => Self::Idle,
            run if run & RUN_BIT != 0 => Self::Run(run & !RUN_BIT),
            class => Self::Blocks(SizeClass::from_index(class as usize - 1)),
        }
    }
}

/// The header of one pool; see the module for who may touch what.
#[repr(C)]
#[derive(Debug)]
pub struct Pool {
    owner: AtomicPtr<()>,
    free: FreeList,
    sink: OwnedPtr<FreeList>,
    live: OwnedU32,
    carved: OwnedU32,
    format: OwnedU32,
    ground: OwnedU32,
    remote: AtomicRemote,
    next: OwnedPtr<Self>,
    prev: OwnedPtr<Self>,
}

const _: () = assert!(size_of::<Pool>() <= HEADER_BYTES, "a pool header is one cache line");

/// Where a free that is written in assembly finds `owner`, `sink` and `live`; what they hold are plain words.
#[doc(hidden)]
pub const FREE_OFFSETS: [usize; 3] = [
    core::mem::offset_of!(Pool, owner),
    core::mem::offset_of!(Pool, sink),
    core::mem::offset_of!(Pool, live),
];

// SAFETY: every field is an atomic or an owned cell whose owner the table above names; ownership moves between threads by
// the Release and Acquire of `remote.rs` and `arena/bits.rs`.
unsafe impl Sync for Pool {}

impl Pool {
    /// Makes fresh memory an idle pool's header: natively the zeros already are one (I3).
    ///
    /// # Safety
    /// - `place` is the caller's, aligned, and zero as the kernel gave it.
    pub unsafe fn init_fresh(place: core::ptr::NonNull<Self>) {
        // SAFETY: the caller's promise.
        unsafe { crate::sync::init_fresh(place, Self::idle) };
    }

    fn idle() -> Self {
        Self {
            owner: AtomicPtr::new(core::ptr::null_mut()),
            free: FreeList::new(),
            sink: OwnedPtr::null(),
            live: OwnedU32::zero(),
            carved: OwnedU32::zero(),
            format: OwnedU32::zero(),
            ground: OwnedU32::zero(),
            remote: AtomicRemote::idle(),
            next: OwnedPtr::null(),
            prev: OwnedPtr::null(),
        }
    }

    /// Whether the cache with this identity owns the pool (I1).
    #[inline(always)]
    pub fn is_owned_by(&self, identity: *mut ()) -> bool {
        self.owner() == identity
    }

    /// The identity of the owner, or null; stale unless it is the caller's own.
    #[inline(always)]
    pub fn owner(&self) -> *mut () {
        // Relaxed: only equality with the reader's own identity is relied on, and that one it wrote itself (I1).
        self.owner.load(Relaxed)
    }

    /// Whoever claimed a pool of nobody's signs, and has its blocks on the pool's own list.
    #[inline]
    pub fn take_over(&self, identity: *mut ()) {
        self.set_owner(identity);
        self.reset_sink();
    }

    /// The owner signs, or leaves with null.
    #[inline]
    pub fn set_owner(&self, identity: *mut ()) {
        // Relaxed: see `owner`; the data behind ownership is ordered by the remote word.
        self.owner.store(identity, Relaxed);
    }

    /// What the pool is used for.
    #[inline(always)]
    pub fn format(&self) -> Format {
        Format::unpack(self.format.get())
    }

    /// What the pool seems to be used for: for statistics.
    pub fn glance_format(&self) -> Format {
        Format::unpack(self.format.glance())
    }

    /// What the blocks that are carved next read as.
    #[inline]
    pub fn uncarved_memory(&self) -> Memory {
        if self.holes() == 0 { self.ground().uncarved() } else { Memory::Used }
    }

    /// Blocks of `class` that a pool holds.
    #[inline]
    pub const fn capacity(class: SizeClass) -> u32 {
        CAPACITIES[class.index()] as u32
    }

    /// The remote word.
    #[inline]
    pub fn remote(&self) -> &AtomicRemote {
        &self.remote
    }

    /// The links of the owner's queue.
    #[inline]
    pub fn queue_links(&self) -> (&OwnedPtr<Self>, &OwnedPtr<Self>) {
        (&self.next, &self.prev)
    }

    /// Makes a claimed, idle pool one of `class`, owned by `identity`, with no block carved yet.
    ///
    /// `memory` says whether the pool's memory is as the kernel zeroed it; if not, its holes are as `close` left them.
    pub fn open(&self, class: SizeClass, identity: *mut (), memory: Memory) {
        let holes = if memory == Memory::Used { self.holes() } else { 0 };
        self.set_ground(holes::Ground::fresh(memory).with_holes(holes));
        self.format.set(Format::Blocks(class).pack());
        self.carved.set(0);
        self.live.set(0);
        self.free.take();
        self.sink.set(core::ptr::from_ref(&self.free).cast_mut());
        self.remote.open();
        self.set_owner(identity);
    }

    /// Makes an owned, empty pool idle again, before its bit is released. Returns how many of its units nobody ever touched, which
    /// are holes from now on.
    pub fn close(&self) -> u32 {
        debug_assert_eq!(self.live.get(), 0);
        let untouched = match self.format() {
            Format::Blocks(class) => self.keep_holes(class),
            Format::Idle | Format::Run(_) => 0,
        };
        self.set_owner(core::ptr::null_mut());
        self.remote.close();
        self.free.take();
        self.format.set(Format::Idle.pack());
        untouched
    }

    /// Marks a claimed, idle pool as the first of a run.
    pub fn open_run(&self, pools: u32) {
        self.format.set(Format::Run(pools).pack());
    }

    /// Marks a run as idle again, before its bits are released.
    pub fn close_run(&self) {
        self.format.set(Format::Idle.pack());
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_format_survives_packing() {
        for class in SizeClass::all() {
            assert_eq!(Format::unpack(Format::Blocks(class).pack()), Format::Blocks(class));
        }
        for format in [Format::Idle, Format::Run(1), Format::Run(32)] {
            assert_eq!(Format::unpack(format.pack()), format);
        }
    }

    #[test]
    fn a_header_is_one_cache_line() {
        assert_eq!(size_of::<Pool>(), 64);
    }
}
