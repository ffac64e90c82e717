//! When memory is taken in huge pages: where a heap is dense and grows fast for its size, or large blocks come and go.
//!
//! | what is taken       | in huge pages, by option `auto`, if                                                          |
//! |---------------------|----------------------------------------------------------------------------------------------|
//! | an arena            | those taken lately are many, for as much as is in use ([`growth`]), and nearly all is filled |
//! | a huge block, fresh | as many bytes of such were freed lately, or [`GROWTH_BYTES`] of them live with this one;     |
//! |                     | nearly all that the program took is in memory; and the block need not be zero                |
//! | a huge block grows  | to [`HEAVY_BYTES`] or more                                                                   |
//!
//! An arena is taken when no other has a free pool, and used pools that have free blocks come first: so a heap that grows is
//! dense. A fresh huge block may be touched here and there only, which in huge pages would cost hundreds of times the
//! memory; so it has them only in a program that filled what it has, or has nothing yet. If huge pages are slow to come,
//! none is asked for for a while (`appetite`).
//!
//! H1  An arena whose bit in `advised` is set may have huge pages. Before any of its memory is purged, the kernel is told to
//!     give no more: its own daemon would fill the gaps again within minutes.
//! H2  In such an arena even pools that nobody used may hold memory, since a touch of one brings its neighbours; so all of its
//!     free pools are purged, and the bit goes once no free pool is left out.
//!
//! Does not know: what the pages are for. Measured: decision 0009.

use crate::directory::Directory;
use crate::growth::{self, GROWTH_BYTES, HEAVY_BYTES, LIGHT_BYTES};
use crate::segment::Segment;
use core::ptr::NonNull;
use strata_core::layout::{ARENA_BYTES, POOL_BYTES, USABLE_POOLS};
use strata_core::pool::Pool;
use strata_core::sync::Ordering::Relaxed;
use strata_os::machine::{self, HUGE_PAGE_BYTES, HugePages};
use strata_os::{clock, memory};

/// A block is rounded up to whole huge pages if that makes it longer by one part of so many at most, or by half of one.
const LITTLE: usize = 4;

/// Little beside a block is one part of so many of it.
const LITTLE_BESIDE: u64 = 8;

/// Nearly all is all but one part of so many.
const NEARLY: u64 = 16;

/// Whether arenas hold huge pages at all: not those of models, which therefore need not look at any of this.
pub(crate) const FIT_ARENAS: bool = ARENA_BYTES >= HUGE_PAGE_BYTES;

/// What the user chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum HugePageChoice {
    /// Where it pays.
    Auto = 0,
    /// Nowhere, not even where the system gives them to everybody.
    Never = 1,
    /// Everywhere.
    Always = 2,
}

impl HugePageChoice {
    fn of(value: u64) -> Self {
        [Self::Auto, Self::Never, Self::Always]
            .into_iter()
            .find(|choice| *choice as u64 == value)
            .unwrap_or(Self::Auto)
    }
}

/// What the kernel is to be told about a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Nothing: what it does anyway is right.
    Any,
    Huge,
    Small,
}

impl Directory {
    /// An arena is taken, its memory untouched: shall it be huge pages? Whether it may get some now (H1).
    pub(crate) fn take_arena(&self, start: NonNull<u8>) -> bool {
        // SAFETY: committed, and the caller's.
        unsafe { self.pages(|| self.is_growing_fast()).ask_for(start, ARENA_BYTES) }
    }

    fn is_growing_fast(&self) -> bool {
        let now = clock::milliseconds();
        let taken = self.appetite.taken.rate(now);
        // This one is not filled yet, so it counts from the next one on.
        self.appetite.taken.note(ARENA_BYTES as u64, now);
        // The pools of all arenas are an upper bound of those in use, and cheaper to know.
        let bound = self.committed_pools() * POOL_BYTES as u64;
        growth::pays(bound, taken) && growth::pays(self.used_pool_bytes(), taken) && self.is_filled()
    }

    fn used_pool_bytes(&self) -> u64 {
        let used = |segment: &Segment, arena: u32| {
            (USABLE_POOLS & !segment.pools[arena as usize].glance()).count_ones()
        };
        let arenas = self
            .segments()
            .flat_map(|segment| segment.committed_arenas().map(move |arena| used(segment, arena)));
        arenas.map(u64::from).sum::<u64>() * POOL_BYTES as u64
    }

    /// Untouched pools from `first` on were claimed. If nothing else of the arena is in use, it is taken once more: its
    /// memory was given back in between.
    #[inline]
    pub(crate) fn note_untouched(&self, first: &Pool, pools: u32) {
        if FIT_ARENAS && self.committed_pools() * POOL_BYTES as u64 >= LIGHT_BYTES {
            self.take_arena_again(first, pools);
        }
    }

    #[cold]
    fn take_arena_again(&self, first: &Pool, pools: u32) {
        // SAFETY: claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(first) };
        let others = segment.pools[arena as usize].glance().count_ones();
        if others + pools < USABLE_POOLS.count_ones()
            || segment.dirty(arena) != 0
            || segment.is_advised(arena)
            || segment.is_pinned()
        {
            return;
        }
        let start = segment.arena(arena).as_non_null();
        if self.take_arena(start) {
            // What lies beside the metadata in their huge page: nearly all of it is untouched, so little is copied.
            // SAFETY: committed; changes no contents.
            unsafe { memory::collapse(start, HUGE_PAGE_BYTES) };
            segment.set_advised(arena);
        }
    }

    /// What to tell the kernel about a huge block that will be written.
    pub(crate) fn pages_for_block(&self, bytes: usize) -> Pages {
        self.pages(|| {
            let come_and_go = self.appetite.freed.lately(clock::milliseconds()) >= bytes as u64;
            let live = self.numbers.huge_bytes.get() + bytes as u64;
            (come_and_go || live >= GROWTH_BYTES) && self.will_fill(bytes)
        })
    }

    /// Whether the program filled nearly all that it took, or that is so little beside so many bytes that it says nothing.
    fn will_fill(&self, bytes: usize) -> bool {
        let held = self.holdings().held_bytes;
        held <= bytes as u64 / LITTLE_BESIDE || is_in_memory(held)
    }

    /// Whether the program filled nearly all that it took: it will fill what comes next, too.
    pub(crate) fn is_filled(&self) -> bool {
        is_in_memory(self.holdings().held_bytes)
    }

    /// What to tell the kernel about a huge block that becomes this long.
    pub(crate) fn pages_for_longer(&self, bytes: usize) -> Pages {
        self.pages(|| bytes as u64 >= HEAVY_BYTES)
    }

    /// What to tell the kernel; `pays` is asked where the choice is ours.
    fn pages(&self, pays: impl FnOnce() -> bool) -> Pages {
        if !FIT_ARENAS {
            return Pages::Any;
        }
        // Relaxed: a number that stands alone.
        let choice = HugePageChoice::of(self.tuning.huge_pages.load(Relaxed));
        let wanted = match choice {
            HugePageChoice::Auto => pays() && !self.appetite.is_slow(clock::milliseconds()),
            HugePageChoice::Never => false,
            HugePageChoice::Always => true,
        };
        if !wanted && choice == HugePageChoice::Auto {
            return Pages::Any;
        }
        match (self.appetite.policy(), wanted) {
            (HugePages::OnAdvice | HugePages::Always, true) => Pages::Huge,
            (HugePages::Always, false) => Pages::Small,
            (HugePages::Never, _) | (HugePages::OnAdvice, false) => Pages::Any,
        }
    }
}

/// Whether nearly as many bytes are in memory as the program `held`.
fn is_in_memory(held: u64) -> bool {
    machine::own_resident_bytes() >= held - held / NEARLY
}

impl Pages {
    /// Tells the kernel; whether the range may get huge pages because of it.
    ///
    /// # Safety
    /// - The range is the caller's, whose contents stay.
    pub(crate) unsafe fn ask_for(self, start: NonNull<u8>, bytes: usize) -> bool {
        match self {
            Self::Any => false,
            // SAFETY: the caller's promise.
            Self::Huge => unsafe { memory::advise_huge_pages(start, bytes) },
            Self::Small => {
                // SAFETY: the caller's promise.
                unsafe { memory::advise_small_pages(start, bytes) };
                false
            }
        }
    }

    /// The length to map: whole huge pages if that adds little, so that the last one, too, comes by one fault.
    pub(crate) fn whole_pages(self, bytes: usize) -> usize {
        match bytes.checked_next_multiple_of(HUGE_PAGE_BYTES) {
            Some(whole)
                if self == Self::Huge && whole - bytes <= (bytes / LITTLE).max(HUGE_PAGE_BYTES / 2) =>
            {
                whole
            }
            _ => bytes,
        }
    }
}

impl Segment {
    /// Free pools that may hold memory (H2).
    pub(crate) fn free_with_memory(&self, arena: u32) -> u64 {
        let free = self.pools[arena as usize].glance();
        if FIT_ARENAS && self.is_advised(arena) { free } else { free & self.dirty(arena) }
    }

    /// Some of an arena's memory, which is the caller's, is about to be purged: no more huge pages there (H1).
    pub(crate) fn shun_huge_pages(&self, arena: u32) {
        if FIT_ARENAS && self.is_advised(arena) {
            if self.pools[arena as usize].glance() == 0 {
                self.clear_advised(arena);
            }
            // SAFETY: committed, as a pool of it is claimed; advice changes no contents.
            unsafe { memory::advise_small_pages(self.arena(arena).as_non_null(), ARENA_BYTES) };
            self.purge_behind_metadata(arena);
        }
    }

    /// What lies between an arena's metadata and its first pool came with their huge page, and nobody ever uses it.
    fn purge_behind_metadata(&self, arena: u32) {
        let used = self.metadata_bytes(arena).next_multiple_of(machine::page_size());
        if used < POOL_BYTES {
            let behind = self.arena(arena).metadata_place(used).cast();
            // SAFETY: committed, whole pages, in no pool that can be claimed and behind everything that is read or written.
            let _ = unsafe { memory::purge(behind, POOL_BYTES - used) };
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "huge_pages_tests.rs"]
mod tests;
