//! The slow path of a free: the magazine is full. It becomes deeper, or its older half is given back.
//!
//! ```text
//!   limit   0 ──first free──► back at once ─ ─► 1, 2, 4 … 64 ──► then the older half goes back, sorted by pool:
//!                                                 each pool's blocks as one chain, by one compare-and-swap
//! ```
//!
//! F1  A class's limit doubles with each visit, up to [`most`] of the class. That of larger blocks does only when an allocation found the
//!     magazine empty after a block had been given back: one that a thread frees and does not want again is not kept. The limits of all
//!     threads together allow an eighth of what is in use, [`FEW_ALL_BYTES`] to [`ALL_BYTES`]: a thread takes what the others leave of it,
//!     up to [`MOST_SHARE`], and an even share in any case. One that took much out of pools may have half of what is beyond
//!     [`LITTLE`] ready, up to [`MOST_OWN`], as long as all have less than [`MOST_ALL`]. Beyond that a class takes from another that may hold as much as is needed,
//!     and came to no slow path recently. So a thread that sleeps, or only frees, holds at most that.
//! F2  A chain holds blocks of one pool only.
//! F3  *Passive false sharing.* The first free of a class whose blocks are smaller than a cache line comes here, and again the first
//!     after its magazine was found quiet: a block of a pool from which another cache took the last batch is given back, and
//!     is not handed out here while its neighbours are live there. After that, what passes through the magazine is not told apart.
//!
//! Does not know: who owns a pool. Idea: magazines' depots (Bonwick and Adams 2001), batches by pool (Liétar et al. 2019, snmalloc).

use crate::cache::Cache;
use crate::chains::{self, pool_of};
use crate::magazine::{DEPTH, depth_of};
use crate::thread;
use strata_core::block::{BlockPtr, Chain};
use strata_core::pool::{Format, Freed, Given, Pool};
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_core::sync::mutation::{FLUSH_PUBLISHES, FLUSH_RELEASES};
use strata_segment::{PageHeap, misuse};

/// Bytes that one class's magazine may hold, unless a few blocks are larger.
const CLASS_BYTES: usize = 128 << 10;
/// Blocks that any class's magazine may hold,
const LEAST_BLOCKS: usize = 24;
/// unless they are more bytes than these.
const FEW_BLOCKS_BYTES: usize = 1536 << 10;
/// The part of what is in use that all magazines of all threads may hold together,
const USED_PART: u64 = 8;
/// at least,
const FEW_ALL_BYTES: u64 = 4 << 20;
/// and at most.
const ALL_BYTES: u64 = 16 << 20;
/// The least share of a thread.
const LEAST_SHARE: u64 = 16 << 10;
/// The largest share of a thread.
const MOST_SHARE: u64 = 4 << 20;
/// The part of what a thread took out of pools, and did not give back, that its magazines may hold besides,
const OWN_PART: u64 = 2;
/// of what is beyond these bytes,
const LITTLE: u64 = 1 << 20;
/// at most,
const MOST_OWN: u64 = 16 << 20;
/// as long as all threads' hold less than these bytes.
const MOST_ALL: u64 = 64 << 20;
/// Blocks of fewer bytes share a cache line.
const LINE_BYTES: usize = 64;
/// Blocks up to this size stay at their first free: they hold little.
const FEW_BYTES: usize = 512;
/// Blocks up to this size deepen their magazine by frees alone. Models have larger ones, which do so too.
const FREELY_BYTES: usize = if cfg!(strata_loom) { usize::MAX } else { FEW_BYTES };
/// Classes that are tried, one after another, for a limit to reduce.
const ASKED: u32 = 2;

/// The deepest that the magazine of a class becomes by frees.
pub(crate) const fn most(class: SizeClass) -> u32 {
    if cfg!(strata_loom) {
        return DEPTH as u32;
    }
    let (blocks, few) = (CLASS_BYTES / class.block_bytes(), FEW_BLOCKS_BYTES / class.block_bytes());
    if blocks < LEAST_BLOCKS {
        if few < LEAST_BLOCKS { few as u32 } else { LEAST_BLOCKS as u32 }
    } else if blocks < depth_of(class) {
        blocks as u32
    } else {
        depth_of(class) as u32
    }
}

impl Cache {
    /// Frees a block whose magazine is full.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is, and no sentinel; the block is at least as large as those of `class`, and the
    ///   caller may free it.
    #[inline(never)]
    pub(crate) unsafe fn flush(&self, class: SizeClass, block: BlockPtr) {
        let held_off = self.hold_off_forks();
        let magazine = self.magazine(class);
        // SAFETY: the thread's own magazine.
        let limit = unsafe { magazine.limit() };
        let is_returned = limit == 0 && self.is_returned_at_once(class, block);
        if class.block_bytes() > FREELY_BYTES {
            // The next refill knows whether it was missed.
            self.class(class).overflowed.set(1);
        }
        if (class.block_bytes() > FREELY_BYTES || !self.deepen(class, limit)) && limit != 0 {
            self.return_oldest(class, magazine.count().saturating_sub(limit) + limit.div_ceil(2));
        }
        // SAFETY: the same contract.
        if is_returned || !unsafe { magazine.push(block) } {
            // SAFETY: the same contract.
            unsafe { self.return_one(block) };
            self.say_what_is_outside(class);
        }
        strata_os::probe!("flush", class.block_bytes(), magazine.count());
        drop(held_off);
        self.maintain_after_flush();
    }

    /// Frees a block without the slow path: into its magazine, whose older half makes room, or to its pool.
    ///
    /// # Safety
    /// - As for [`flush`](Self::flush).
    #[cfg(not(strata_loom))]
    pub(crate) unsafe fn put_by(&self, class: SizeClass, block: BlockPtr) {
        let magazine = self.magazine(class);
        // SAFETY: the same contract.
        if unsafe { magazine.push(block) } {
            return;
        }
        let _held_off = self.hold_off_forks();
        self.return_oldest(class, magazine.count().div_ceil(2));
        // SAFETY: the same contract.
        if !unsafe { magazine.push(block) } {
            // SAFETY: the same contract.
            unsafe { self.return_one(block) };
        }
    }

    /// Whether a block that comes first to a magazine without a limit is given back at once (F3).
    fn is_returned_at_once(&self, class: SizeClass, block: BlockPtr) -> bool {
        let bytes = class.block_bytes();
        // SAFETY: a block of a pool.
        bytes > FEW_BYTES || bytes < LINE_BYTES && unsafe { pool_of(block) }.holder() != self.name()
    }

    /// A refill found the magazine empty: it becomes deeper if larger blocks were given back since the last one for want of room (F1).
    pub(crate) fn deepen_if_missed(&self, class: SizeClass) {
        let overflowed = &self.class(class).overflowed;
        if overflowed.get() != 0 {
            overflowed.set(0);
            // SAFETY: the thread's own magazine.
            let limit = unsafe { self.magazine(class).limit() };
            self.deepen(class, limit);
        }
    }

    /// Deepens the magazine of a class, if that is allowed. Returns whether it did.
    fn deepen(&self, class: SizeClass, limit: u32) -> bool {
        self.class(class).visited.set(1);
        let deeper = limit.saturating_mul(2).max(first_limit(class)).min(most(class));
        let more = deeper.saturating_sub(limit) * class.block_bytes() as u32;
        if more == 0 || !self.has_bytes_for(more) {
            return false;
        }
        self.change_granted(self.granted_bytes.get() + more);
        // SAFETY: the thread's own magazine.
        unsafe { self.magazine(class).set_limit(deeper) };
        true
    }

    /// Whether `more` bytes may be held, perhaps because other classes hold fewer from now on (F1).
    fn has_bytes_for(&self, more: u32) -> bool {
        for _ in 0..ASKED {
            if self.may_grant(more) {
                return true;
            }
            let index = self.hand.get() as usize % CLASS_COUNT;
            self.hand.set(index as u32 + 1);
            let class = SizeClass::from_index(index);
            if self.granted(class) < more {
                // To empty its magazine would not help, and it would be wanted back.
                continue;
            }
            if self.class(class).visited.get() != 0 {
                self.class(class).visited.set(0);
            } else {
                self.close(class);
            }
        }
        self.may_grant(more)
    }

    /// Bytes that the limit of a class allows.
    fn granted(&self, class: SizeClass) -> u32 {
        // SAFETY: the thread's own magazine.
        unsafe { self.magazine(class).limit() * class.block_bytes() as u32 }
    }

    /// Whether the magazines of this thread may hold `more` (F1).
    fn may_grant(&self, more: u32) -> bool {
        let Some(runtime) = self.runtime() else { return false };
        let own = u64::from(self.granted_bytes.get() + more);
        let granted = runtime.registry.granted_bytes.get() + u64::from(more);
        if own <= (self.said.bytes().saturating_sub(LITTLE) / OWN_PART).min(MOST_OWN) && granted <= MOST_ALL {
            return true;
        }
        let all = (runtime.page_heap.used_bytes() / USED_PART).clamp(FEW_ALL_BYTES, ALL_BYTES);
        let is_left = !cfg!(strata_loom) && granted <= all;
        let share = (all / runtime.registry.live().max(1)).max(LEAST_SHARE);
        own <= if is_left { MOST_SHARE } else { share.min(MOST_SHARE) }
    }

    /// The limits of all of this thread's magazines together allow so much.
    fn change_granted(&self, bytes: u32) {
        let before = self.granted_bytes.get();
        self.granted_bytes.set(bytes);
        let Some(runtime) = self.runtime() else { return };
        match bytes.checked_sub(before) {
            Some(more) => runtime.registry.granted_bytes.add(more.into()),
            None => runtime.registry.granted_bytes.subtract((before - bytes).into()),
        }
    }

    /// Empties the magazine of a class, and sets its limit to nothing.
    pub(crate) fn close(&self, class: SizeClass) {
        let granted = self.granted(class);
        if granted != 0 {
            self.change_granted(self.granted_bytes.get().saturating_sub(granted));
            // SAFETY: the thread's own magazine.
            unsafe { self.magazine(class).set_limit(0) };
        }
        self.return_oldest(class, DEPTH as u32);
    }

    /// Empties all magazines.
    pub(crate) fn flush_all(&self) {
        SizeClass::all().for_each(|class| self.close(class));
    }

    /// Gives one block back to its pool.
    ///
    /// # Safety
    /// - As for [`flush`](Self::flush).
    unsafe fn return_one(&self, block: BlockPtr) {
        thread::note_freed(block);
        expect_block(block);
        // SAFETY: a block of a pool.
        let pool = unsafe { pool_of(block) };
        // SAFETY: the caller's block, of this pool.
        unsafe { self.give_back(pool, &Chain::of(block)) };
    }

    /// Gives the oldest blocks of a magazine back to their pools, each pool's as one chain.
    fn return_oldest(&self, class: SizeClass, count: u32) {
        let magazine = self.magazine(class);
        if magazine.count() == 0 {
            // Its head is not written either: that page may be untouched.
            return;
        }
        thread::note_leaving(magazine, count);
        // The lines of cold blocks are prefetched one flush ahead, one with each chain that is given back: so no load waits for them, and
        // the memory bus is busy meanwhile (decision 0026).
        let mut next = magazine.blocks_from(count, count);
        let give = |pool, chain: &Chain| {
            if let Some(block) = next.next() {
                block.prefetch();
            }
            // SAFETY: a chain has blocks of its pool only (F2), which are this thread's to give back.
            unsafe { self.give_back(pool, chain) };
        };
        // SAFETY: blocks of magazines are of pools, and this thread's to give back.
        unsafe { chains::sort(magazine.blocks_from(0, count).inspect(|block| expect_block(*block)), give) };
        magazine.forget_oldest(count);
        self.say_what_is_outside(class);
    }

    /// # Safety
    /// - The chain's blocks are of `pool`, and this thread's to give back.
    unsafe fn give_back(&self, pool: &'static Pool, chain: &Chain) {
        let Format::Blocks(class) = pool.format() else { return };
        self.class(class).turnover.note_returned(chain.count);
        if self.is_active(class, pool)
            && let Some(active) = self.active(class)
        {
            // SAFETY: blocks of `pool`, this thread's to free, by this function's contract; the pool is this cache's.
            if unsafe { active.put(*chain) } == Freed::TooMany {
                misuse::freed_twice(pool);
            }
        } else {
            // SAFETY: the same contract.
            unsafe { give(self.page_heap(), pool, class, chain) };
        }
    }
}

/// Ends the program if this can be no block: its link might reach into what lies behind its pool.
#[inline(always)]
pub(crate) fn expect_block(block: BlockPtr) {
    if !block.is_aligned() {
        misuse::no_block(block);
    }
}

/// The first limit of a class.
const fn first_limit(class: SizeClass) -> u32 {
    if cfg!(strata_loom) || class.block_bytes() > FEW_BYTES { 1 } else { 4 }
}

/// Gives a chain back to a pool that is not the caller's, and does what that demands.
///
/// # Safety
/// - The chain's blocks are of `pool`, which is of `class`, and the caller's to give back.
pub(crate) unsafe fn give(page_heap: &PageHeap, pool: &'static Pool, class: SizeClass, chain: &Chain) {
    // SAFETY: the same contract.
    match unsafe { pool.give(class, chain) } {
        Given::Queued => {}
        Given::Publish if FLUSH_PUBLISHES => page_heap.publish_room(class, pool),
        Given::Publish => {}
        Given::Emptied(owned) if FLUSH_RELEASES => page_heap.release_pool(owned),
        Given::Emptied(_) => {}
        Given::TooMany => misuse::freed_twice(pool),
    }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "flush_tests.rs"]
mod tests;
