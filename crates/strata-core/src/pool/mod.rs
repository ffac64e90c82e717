//! A pool: 64 KiB of blocks of one size class, and the one cache line that describes them.
//!
//! ```text
//!   a span of three:   pool 5            pool 6            pool 7
//!     blocks of 24 KiB │ 0 │ 1 │ 2 ──────┼─ 3 │ 4 │ 5 ─────┼─ 6 │ 7 │
//!     headers          all of the books  class, 1 behind   class, 2 behind
//! ```
//!
//! Blocks above 8 KiB come in spans: neighbouring pools that serve their class together, of which the *first* keeps the books. The
//! others' headers say the same class and magazine, so that a free finds them as it always does, how far behind the first they are,
//! and which of their own pages are holes.
//!
//! | field       | who may write it                                  | who reads it                        |
//! |-------------|---------------------------------------------------|-------------------------------------|
//! | `holder`    | the owner, when it takes blocks                   | any cache, to compare with itself   |
//! | `free`      | the owner                                         | the owner                           |
//! | `live`      | the owner                                         | the owner; statistics, racily       |
//! | `carved`    | the owner                                         | the owner; statistics, racily       |
//! | `residency` | the owner                                         | the owner; the purge pass, racily   |
//! | `format`    | the thread that claimed its bit, before any block | any thread that holds a block of it |
//! | `magazine`  | the same                                          | the same                            |
//! | `remote`    | any thread, by the transitions of `remote.rs`     | any thread                          |
//!
//! I1  What only an owner may do is a method of [`OwnedPool`], of which there is one for a pool at most.
//! I2  `live` counts the carved blocks that are neither on `free` nor in holes (`holes.rs`): those of the program, those in
//!     magazines, and those pending on `remote`.
//! I3  All-zero bytes are a pool that is not in use: state *idle*, no class.
//! I4  All of a span's pools are claimed and given back together. Of those behind the first, `holder`, `free` and `live` are not
//!     used, and `remote` stays idle; so no hint that leads to one finds an owner or a published pool there.
//!
//! Does not know: which thread, which arena comes next, statistics.
//! Idea: free lists per page (Leijen, Zorn, de Moura 2019); pages without an owner between two batches (mimalloc 3).

mod carve;
mod holes;
mod local;
mod remote;
mod subpages;

pub use holes::Inspected;
pub use local::{Closed, Freed, Given, OwnedPool, Spoilt};
pub use remote::{AtomicRemote, RemoteState, RemoteWord, Room};
use remote::{Disowned, Pushed, Taken};
pub use subpages::{SUBPAGE_BYTES, SUBPAGES, Subpages, pages_over};

use crate::block::FreeList;
use crate::layout::{HEADER_BYTES, POOL_BYTES, POOLS_PER_ARENA};
use crate::offsets::Offsets;
use crate::size_class::{CLASS_COUNT, SizeClass};
use crate::sync::{AtomicPtr, Ordering::Relaxed, OwnedU32};
use core::mem::offset_of;

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

/// What is known of memory that is not carved yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It reads as zero.
    Zero,
    /// It may hold anything.
    Used,
}

/// Blocks that a pool of each class holds, or a span.
const CAPACITIES: [u16; CLASS_COUNT] = {
    let mut capacities = [0; CLASS_COUNT];
    let mut index = 0;
    while index < CLASS_COUNT {
        let class = SizeClass::from_index(index);
        capacities[index] = (class.span_pools() as usize * POOL_BYTES / class.block_bytes()) as u16;
        index += 1;
    }
    capacities
};

const RUN_BIT: u32 = 1 << 31;
/// Where a pool of blocks says how many pools it lies behind the first of its span: runs are shorter than that.
const DISTANCE_SHIFT: u32 = 8;
const CLASS_FIELD: u32 = (1 << DISTANCE_SHIFT) - 1;

const _: () = assert!(CLASS_COUNT < CLASS_FIELD as usize && POOLS_PER_ARENA < 1 << DISTANCE_SHIFT);

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
            class => Self::Blocks(SizeClass::from_index((class & CLASS_FIELD) as usize - 1)),
        }
    }
}

/// The header of one pool; see the module for who may touch what.
#[repr(C)]
#[derive(Debug)]
pub struct Pool {
    holder: AtomicPtr<()>,
    free: FreeList,
    live: OwnedU32,
    carved: OwnedU32,
    format: OwnedU32,
    residency: OwnedU32,
    remote: AtomicRemote,
    magazine: OwnedU32,
}

const _: () = assert!(size_of::<Pool>() <= HEADER_BYTES, "a pool header is one cache line");

/// Where a free that is written in assembly finds `magazine`, a plain word.
#[doc(hidden)]
pub const MAGAZINE_OFFSET: usize = offset_of!(Pool, magazine);

// SAFETY: every field is an atomic or an owned cell whose owner the table above names; ownership moves between threads by
// the Release and Acquire of `remote.rs` and `arena/bits.rs`.
unsafe impl Sync for Pool {}

/// Says where a pool's fields are.
pub(crate) const fn place_fields(mut offsets: Offsets) -> Offsets {
    offsets.pool_live = offset_of!(Pool, live) as u32;
    offsets.pool_carved = offset_of!(Pool, carved) as u32;
    offsets.pool_format = offset_of!(Pool, format) as u32;
    offsets.pool_residency = offset_of!(Pool, residency) as u32;
    offsets.pool_remote = offset_of!(Pool, remote) as u32;
    offsets.pool_holder = offset_of!(Pool, holder) as u32;
    offsets
}

impl Pool {
    /// Makes fresh memory an idle pool's header: natively the zeros already are one (I3).
    ///
    /// # Safety
    /// - `place` is the caller's, aligned, and zero as the kernel gave it.
    pub unsafe fn init_fresh(place: core::ptr::NonNull<Self>) {
        // SAFETY: aligned, zero and the caller's, by this function's contract.
        unsafe { crate::sync::init_fresh(place, Self::idle) };
    }

    fn idle() -> Self {
        Self {
            holder: AtomicPtr::new(core::ptr::null_mut()),
            free: FreeList::new(),
            live: OwnedU32::zero(),
            carved: OwnedU32::zero(),
            format: OwnedU32::zero(),
            residency: OwnedU32::zero(),
            remote: AtomicRemote::idle(),
            magazine: OwnedU32::zero(),
        }
    }

    /// The cache that last took blocks of the pool, as a name to compare with: neighbours of its blocks may be in use there.
    #[inline]
    pub fn holder(&self) -> *mut () {
        // Relaxed: it decides where a free block waits, nothing else.
        self.holder.load(Relaxed)
    }

    /// Where a thread cache keeps the magazine of the pool's class: what the opener said; 0 for a pool that has no blocks.
    #[inline(always)]
    pub fn magazine(&self) -> u32 {
        self.magazine.get()
    }

    /// What the pool is used for.
    #[inline(always)]
    pub fn format(&self) -> Format {
        Format::unpack(self.format.get())
    }

    /// How many pools it lies behind the first of its span.
    #[inline]
    pub fn distance(&self) -> usize {
        distance_in(self.format.get())
    }

    /// The same, as anybody may guess it.
    pub fn glance_distance(&self) -> usize {
        distance_in(self.format.glance())
    }

    /// What the pool seems to be used for: for statistics.
    pub fn glance_format(&self) -> Format {
        Format::unpack(self.format.glance())
    }

    /// Blocks of `class` that a pool holds, or a span.
    #[inline]
    pub const fn capacity(class: SizeClass) -> u32 {
        CAPACITIES[class.index()] as u32
    }

    /// The remote word.
    #[inline]
    pub fn remote(&self) -> &AtomicRemote {
        &self.remote
    }

    /// Makes a claimed, idle pool one of `class`, with no block carved yet; of a larger class, the span of which it is the first.
    /// `magazine` says where caches keep blocks of the class.
    ///
    /// `dirty` has a bit for each pool, from bit 0 on, that may hold something: its holes are as `close` left them. All others are as
    /// the kernel zeroed them.
    ///
    /// # Safety
    /// - The caller claimed the bits of all [`span_pools`](SizeClass::span_pools), and the pools are idle.
    pub unsafe fn open(&'static self, class: SizeClass, magazine: u32, dirty: u64) -> OwnedPool {
        let memory = if dirty == 0 { Memory::Zero } else { Memory::Used };
        for distance in 0..class.span_pools() {
            // SAFETY: within the span, which is the caller's.
            let pool = unsafe { self.behind(distance) };
            let holes = holes::when_opened(pool.holes(), class, dirty >> distance & 1 == 1);
            pool.set_residency(holes::Residency::fresh(memory).with_holes(holes));
            pool.format.set(Format::Blocks(class).pack() | distance << DISTANCE_SHIFT);
            pool.magazine.set(magazine);
            pool.carved.set(0);
        }
        self.live.set(0);
        self.free.take();
        self.remote.open();
        self.owned()
    }

    /// Marks a claimed, idle pool as the first of a run.
    pub fn open_run(&self, pools: u32) {
        self.format.set(Format::Run(pools).pack());
    }

    /// Marks a run as idle again, before its bits are released: how many pools it had. `None`: it is none, or not any more.
    ///
    /// By an exchange, so that of two threads that free it at the same time one gets it.
    pub fn close_run(&self) -> Option<u32> {
        let before = self.format();
        let Format::Run(pools) = before else { return None };
        self.format.exchange(before.pack(), Format::Idle.pack()).then_some(pools)
    }
}

const fn distance_in(format: u32) -> usize {
    (format >> DISTANCE_SHIFT & CLASS_FIELD) as usize
}

impl OwnedPool {
    /// Notes which cache takes blocks of the pool.
    #[inline]
    pub fn set_holder(&self, cache: *mut ()) {
        // Relaxed: see `holder`.
        self.holder.store(cache, Relaxed);
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
            assert_eq!(distance_in(format.pack()), 0);
        }
    }

    #[test]
    fn a_pool_behind_the_first_of_its_span_says_the_same_class() {
        for class in SizeClass::all() {
            let word = Format::Blocks(class).pack() | 7 << DISTANCE_SHIFT;
            assert_eq!((Format::unpack(word), distance_in(word)), (Format::Blocks(class), 7));
        }
    }

    #[test]
    fn a_header_is_one_cache_line() {
        assert!(size_of::<Pool>() <= 64);
    }
}
