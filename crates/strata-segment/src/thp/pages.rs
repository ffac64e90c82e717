//! When memory is taken in huge pages: where a heap grows fast for its size, or much is in huge blocks, and the memory taken before
//! is filled.
//!
//! | what is taken       | in huge pages, by option `auto`, if                                                          |
//! |---------------------|----------------------------------------------------------------------------------------------|
//! | an arena            | many were taken recently for the bytes in use ([`thp_growth`]), and the last one taken       |
//! |                     | in small pages is filled: then as much again as was in use then, and the next in small pages |
//! | a huge block, fresh | 16 MiB live in such with this one, it need not be zero, and the last one before is filled:   |
//! |                     | then twice as much as that, or [`HEAVY_BYTES`] if so much lives                              |
//! | a huge block grows  | to [`HEAVY_BYTES`] or more, and what it has is filled                                        |
//!
//! None is taken without a check ([`evidence`]): memory touched here and there would take hundreds of times as much. A block in huge
//! pages ends in small ones, wherever it ends, and those show whether it is filled, too; so a block that is to be a witness is not
//! rounded up. If huge pages are slow to come, none is asked for for a while (`knowledge`). Where the system gives them to every program,
//! memory that would not be asked for in them declines them; only a heap of [`HEAVY_BYTES`] need not grow fast there.
//!
//! Does not know: what the pages are for. Measured: decisions 0009, 0024.

use super::Thp;
use crate::rate::Rate;
use crate::segments::advised::FIT_ARENAS;
use crate::segments::segment::Segment;
use crate::thp::evidence;
use crate::thp::growth::{self, GROWTH_BYTES, HEAVY_BYTES, LIGHT_BYTES};
use crate::tuning::HugePageChoice;
use crate::without::THP;
use core::ptr::NonNull;
use strata_core::layout::{ARENA_BYTES, POOL_BYTES, USABLE_POOLS};
use strata_core::pool::Pool;
use strata_core::sync::Ordering::Relaxed;
use strata_os::machine::{HUGE_PAGE_BYTES, HugePages};
use strata_os::{clock, memory};

/// A block is rounded up to whole huge pages if that makes it longer by one part in `ROUND_PART` at most.
const ROUND_PART: usize = 8;

/// A block may be this many times as long as the longest that was found filled.
const LONGER: u64 = 2;

/// What comes in huge pages is expected to be filled but for this part: one in `FILLED_BUT_FOR_PART`.
const FILLED_BUT_FOR_PART: u64 = 16;

/// What to tell the kernel about a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Nothing: its default is right.
    Any,
    Huge,
    Small,
}

impl Thp<'_> {
    /// An arena is taken, its memory untouched: decides whether it is to be huge pages. Returns whether it may get some now (H1).
    pub(crate) fn take_arena(&self, start: NonNull<u8>) -> bool {
        let pages = self.pages_for_arena();
        // SAFETY: committed, and the caller's.
        let advised = unsafe { pages.ask_for(start, ARENA_BYTES) };
        if advised {
            self.knowledge.arenas.spend(ARENA_BYTES as u64);
        } else if FIT_ARENAS {
            let pools = start.map_addr(|start| start.saturating_add(POOL_BYTES));
            self.knowledge.arenas.watch(pools, ARENA_BYTES - POOL_BYTES, self.committed_pool_bytes());
        }
        advised
    }

    /// The end of a run, `bytes` long, was never used: in huge pages it would be filled, so it speaks against them.
    pub(crate) fn note_untouched_end(&self, bytes: usize) {
        self.knowledge.arenas.spend(FILLED_BUT_FOR_PART * bytes as u64);
    }

    fn pages_for_arena(&self) -> Pages {
        // For the first one neither a clock nor the system's policy is read.
        let is_first = self.segments.is_without_arenas();
        let pages = self.pages(|| !is_first && self.pays_for_arena());
        if pages == Pages::Any && !is_first { self.unless_for_everybody() } else { pages }
    }

    /// The pools of all arenas: an upper bound of those in use, and cheaper to know.
    fn committed_pool_bytes(&self) -> u64 {
        self.segments.committed_pools() * POOL_BYTES as u64
    }

    fn pays_for_arena(&self) -> bool {
        let now = clock::milliseconds();
        let taken = self.knowledge.taken.rate(now);
        // This one is not filled yet, so it counts from the next one on.
        self.knowledge.taken.note(ARENA_BYTES as u64, now);
        self.growth_pays(taken) && self.knowledge.arenas.speaks_for(ARENA_BYTES as u64)
    }

    /// Where every program has huge pages, a heavy heap has them however slowly it grows.
    fn growth_pays(&self, taken: Rate) -> bool {
        growth::pays(self.committed_pool_bytes(), taken) && growth::pays(self.used_pool_bytes(), taken)
            || self.committed_pool_bytes() >= HEAVY_BYTES && self.knowledge.policy() == HugePages::Always
    }

    fn used_pool_bytes(&self) -> u64 {
        self.segments.counters().pools.get() * POOL_BYTES as u64
    }

    /// Untouched pools from `first` on were claimed. If nothing else of the arena is in use, it counts as taken once more: its
    /// memory was given back in between.
    #[inline]
    pub(crate) fn note_untouched(&self, first: &Pool, pools: u32) {
        if FIT_ARENAS && self.committed_pool_bytes() >= LIGHT_BYTES {
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

    /// What to tell the kernel about a huge block that has to be zero: it may be touched here and there.
    pub(crate) fn pages_for_zeroes(&self) -> Pages {
        let pages = self.pages(|| false);
        if pages == Pages::Any { self.unless_for_everybody() } else { pages }
    }

    /// What to tell the kernel about a huge block that will be written.
    pub(crate) fn pages_for_block(&self, bytes: usize) -> Pages {
        let bytes = bytes as u64;
        let pages = self.pages(|| {
            self.segments.counters().huge_bytes.get() + bytes >= GROWTH_BYTES
                && self.knowledge.blocks.speaks_for(bytes / LONGER)
        });
        if pages == Pages::Any { self.unless_for_everybody() } else { pages }
    }

    /// Small pages, where the system gives huge ones to every range that does not decline.
    fn unless_for_everybody(&self) -> Pages {
        if FIT_ARENAS && self.knowledge.policy() == HugePages::Always { Pages::Small } else { Pages::Any }
    }

    /// Bytes of a huge block were taken, in huge pages or not: the next one depends on whether they are filled.
    pub(crate) fn note_block_bytes(&self, start: NonNull<u8>, bytes: usize, may_be_huge: bool) {
        if !FIT_ARENAS {
            return;
        }
        let (blocks, witness) = (&self.knowledge.blocks, small_pages(start, bytes, may_be_huge));
        if may_be_huge {
            blocks.spend(bytes as u64);
        }
        let live = self.segments.counters().huge_bytes.get();
        blocks.watch(witness.0, witness.1, live.min(HEAVY_BYTES).max(bytes as u64));
    }

    /// A huge block is about to be moved or freed: the last chance to check whether it was filled.
    pub(crate) fn note_block_ends(&self, start: NonNull<u8>, bytes: usize) {
        self.knowledge.blocks.check_before_it_goes(start, bytes);
    }

    /// The length to take: whole huge pages if that adds little, so that the last one costs one fault, too, and so does what is
    /// added later; except for a block that is to be a witness.
    pub(crate) fn whole_pages(&self, pages: Pages, bytes: usize) -> usize {
        match bytes.checked_next_multiple_of(HUGE_PAGE_BYTES) {
            Some(whole)
                if pages == Pages::Huge
                    && self.knowledge.blocks.is_plenty_for(bytes as u64)
                    && whole - bytes <= bytes / ROUND_PART =>
            {
                whole
            }
            _ => bytes,
        }
    }

    /// What to tell the kernel about a huge block that becomes `new` bytes long.
    pub(crate) fn pages_for_longer(
        &self,
        start: NonNull<u8>,
        old: usize,
        may_be_huge: bool,
        new: usize,
    ) -> Pages {
        self.pages(|| {
            let (start, bytes) = small_pages(start, old, may_be_huge);
            new as u64 >= HEAVY_BYTES
                // A step within a huge page costs little, and checking each would cost more.
                && (may_be_huge && (bytes == 0 || new - old < HUGE_PAGE_BYTES)
                    || evidence::is_filled(start, bytes))
        })
    }

    /// What to tell the kernel; `pays` is called where the choice is ours.
    fn pages(&self, pays: impl FnOnce() -> bool) -> Pages {
        if !FIT_ARENAS {
            return Pages::Any;
        }
        // Relaxed: the option is read by itself; nothing is published with it.
        let choice = HugePageChoice::of(self.tuning.huge_pages.load(Relaxed));
        let wanted = match choice {
            HugePageChoice::Auto => THP && pays() && !self.knowledge.is_slow(clock::milliseconds()),
            HugePageChoice::Never => false,
            HugePageChoice::Always => true,
        };
        if !wanted && choice == HugePageChoice::Auto {
            return Pages::Any;
        }
        match (self.knowledge.policy(), wanted) {
            (HugePages::OnAdvice | HugePages::Always, true) => Pages::Huge,
            (HugePages::Always, false) => Pages::Small,
            (HugePages::Never, _) | (HugePages::OnAdvice, false) => Pages::Any,
        }
    }
}

/// Which bytes of a range are in small pages for sure: all, or those behind the last boundary of huge pages.
fn small_pages(start: NonNull<u8>, bytes: usize, may_be_huge: bool) -> (NonNull<u8>, usize) {
    if !may_be_huge {
        return (start, bytes);
    }
    let tail = (start.addr().get().wrapping_add(bytes) % HUGE_PAGE_BYTES).min(bytes);
    (start.map_addr(|start| start.saturating_add(bytes - tail)), tail)
}

impl Pages {
    /// Tells the kernel. Returns whether the range may get huge pages because of it.
    ///
    /// # Safety
    /// - The caller owns the range, whose contents stay.
    pub(crate) unsafe fn ask_for(self, start: NonNull<u8>, bytes: usize) -> bool {
        match self {
            Self::Any => false,
            // SAFETY: the caller's range; advice changes no contents.
            Self::Huge => unsafe { memory::advise_huge_pages(start, bytes) },
            Self::Small => {
                // SAFETY: the caller's range; advice changes no contents.
                unsafe { memory::advise_small_pages(start, bytes) };
                false
            }
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "pages_tests.rs"]
mod tests;
