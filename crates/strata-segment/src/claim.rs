//! Taking pools: the fullest arena first, so that emptier ones can drain.
//!
//! Claims are rare (one for a thousand small blocks), so the search reads the free words of a segment's arenas, which lie
//! side by side, instead of keeping them sorted.
//!
//! Does not know: what the pools are for. Idea: usable arenas in order of fullness (CPython's obmalloc).

use crate::directory::Directory;
use crate::segment::{Segment, pool_index};
use core::ptr::NonNull;
use strata_core::arena::{self, PoolBits};
use strata_core::layout::{LARGEST_RUN_POOLS, POOL_BYTES, POOLS_PER_ARENA};
use strata_core::pool::{Format, Pool};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::{ADOPT_CLAIMS, ADOPT_LOOKS, DIRTY_READ_AFTER_CLAIM};
use strata_core::sync::spin_hint;

/// How often a thread that the OS refuses more memory looks at what there is.
const LAST_LOOKS: u32 = if cfg!(strata_loom) { 1 } else { 100 };

/// Consecutive pools that are the caller's now.
#[derive(Clone, Copy, Debug)]
#[must_use = "dropped pools are lost memory"]
pub struct ClaimedRun {
    /// The first of them, idle.
    pub first: &'static Pool,
    /// Which of them, from bit 0 on, may hold something.
    pub dirty: u64,
}

impl Directory {
    /// Claims one pool.
    pub fn claim_pool(&self) -> Option<ClaimedRun> {
        self.claim(1, 1)
    }

    /// Claims `pools` consecutive pools of one arena, 1 to [`LARGEST_RUN_POOLS`], the first at a multiple of `step` pools.
    ///
    /// `None`: the OS gives no more, even after everything that lies free was given back.
    pub fn claim(&self, pools: u32, step: u32) -> Option<ClaimedRun> {
        debug_assert!((1..=LARGEST_RUN_POOLS as u32).contains(&pools));
        loop {
            if let Some(run) = self.claim_existing(pools, step) {
                return Some(run);
            }
            let grown = self.grow() || (self.release_kept_memory() && self.grow());
            if !grown {
                return self.look_again(pools, step);
            }
        }
    }

    /// The OS has no more; but other threads may have given pools back meanwhile, or hold some only to purge them.
    #[cold]
    fn look_again(&self, pools: u32, step: u32) -> Option<ClaimedRun> {
        (0..LAST_LOOKS).find_map(|_| {
            let run = self.claim_existing(pools, step);
            if run.is_none() {
                spin_hint();
            }
            run
        })
    }

    fn claim_existing(&self, pools: u32, step: u32) -> Option<ClaimedRun> {
        self.segments().find_map(|segment| segment.claim(pools, step))
    }

    /// Allocates `bytes` (at most [`LARGEST_RUN_POOLS`] pools) at a multiple of `align` (at most as many). The bit mask says which pools, from bit 0 on, may hold something.
    pub fn allocate_large(&self, bytes: usize, align: usize) -> Option<(NonNull<u8>, u64)> {
        let pools = bytes.div_ceil(POOL_BYTES) as u32;
        let step = (align / POOL_BYTES).max(1) as u32;
        let run = self.claim(pools, step)?;
        run.first.open_run(pools);
        Some((run.first.base(), run.dirty))
    }

    /// Makes a large allocation longer without moving it. `false`: the pools behind it are not free.
    ///
    /// # Safety
    /// - `first` is the first pool of a run that is the caller's.
    pub unsafe fn grow_large(&self, first: &Pool, bytes: usize) -> bool {
        let Format::Run(old) = first.format() else { return false };
        let (new, start) = (bytes.div_ceil(POOL_BYTES) as u32, first.index().get() as u32);
        if new > LARGEST_RUN_POOLS as u32 || start + new > POOLS_PER_ARENA as u32 {
            return false;
        }
        let more = run_mask(start + old, new - old);
        // SAFETY: the run was claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(first) };
        if !segment.pools[arena as usize].claim_exactly(more) {
            return false;
        }
        first.open_run(new);
        true
    }

    /// Takes a pool of `class` that nobody owns and that has room: the caller owns it now, but has not signed.
    pub fn adopt(&self, class: SizeClass) -> Option<&'static Pool> {
        self.segments().find_map(|segment| segment.adopt(class, self))
    }
}

impl Segment {
    fn claim(&self, pools: u32, step: u32) -> Option<ClaimedRun> {
        loop {
            let arena =
                if pools == 1 && step == 1 { self.fullest_open() } else { self.first_with(pools, step) }?;
            let bits = &self.pools[arena as usize];
            let dirty_before = if DIRTY_READ_AFTER_CLAIM { 0 } else { self.dirty(arena) };
            if let Some(start) = bits.claim_run(pools, step) {
                self.open.clear_if(arena, || bits.glance() == 0);
                let dirty = if DIRTY_READ_AFTER_CLAIM { self.dirty(arena) } else { dirty_before };
                let dirty = (dirty >> start) & (u64::MAX >> (64 - pools));
                // SAFETY: the arena was initialised before its bits could be claimed.
                let first = unsafe { self.arena(arena).pool(pool_index(start)) };
                return Some(ClaimedRun { first, dirty });
            }
        }
    }

    /// The arena with the fewest free pools.
    fn fullest_open(&self) -> Option<u32> {
        bits_of(self.open.hints())
            .map(|arena| (self.pools[arena as usize].glance().count_ones(), arena))
            .filter(|(free, _)| *free != 0)
            .min()
            .map(|(_, arena)| arena)
    }

    /// The first arena that has such a run: looking at all of them for the fullest took four times as long.
    fn first_with(&self, pools: u32, step: u32) -> Option<u32> {
        bits_of(self.open.hints())
            .find(|arena| PoolBits::has_run(self.pools[*arena as usize].glance(), pools, step))
    }

    fn adopt(&self, class: SizeClass, directory: &Directory) -> Option<&'static Pool> {
        let summary = self.shelf_summary(class);
        for index in bits_of(summary.hints()) {
            let place = self.arena(index);
            // SAFETY: a raised bit means an initialised arena.
            let shelf = unsafe { arena::shelf(place) };
            while let Some(offer) = shelf.take(class) {
                // SAFETY: a pool of an initialised arena; its header is never unmapped.
                let pool = unsafe { place.pool(offer) };
                if !ADOPT_CLAIMS || pool.remote().claim() {
                    if !ADOPT_LOOKS || pool.format() == Format::Blocks(class) && pool.has_room(class) {
                        return Some(pool);
                    }
                    // The offer was stale: the pool was taken, filled and left since, or serves another class by now.
                    // SAFETY: claimed just now, current nowhere.
                    unsafe { directory.leave_pool(pool) };
                }
            }
            summary.clear_if(index, || shelf.is_empty(class));
        }
        None
    }
}

/// The indices of the set bits, lowest first.
pub(crate) fn bits_of(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < 64).then_some(bit)
    })
}

/// `length` bits from `start` on.
pub(crate) const fn run_mask(start: u32, length: u32) -> u64 {
    if length == 0 { 0 } else { (u64::MAX >> (64 - length)) << start }
}
