//! The slow path of an allocation: the magazine is empty, and takes a batch.
//!
//! ```text
//!   0  a class's first blocks: larger ones, of a pool that is there (`promotion`)
//!   1  the active pool: what is on its list, then what others gave back
//!   2  an unowned pool with room, found in the bitmaps
//!   3  the active pool: what was never carved
//!   4  free pools: one, or as many as the class's span has
//!   5  if the OS has no more: any free block of any unowned pool
//! ```
//!
//! Used memory first, untouched memory later, the OS last. A batch doubles with each refill, up to half of what the magazine may hold. Maintenance
//! comes when the block is allocated.
//!
//! Does not know: thread-local storage; where memory comes from.

use crate::cache::{Cache, place_of};
use crate::magazine::depth_of;
use crate::thread;
use strata_core::block::BlockPtr;
use strata_core::pool::{Freed, Memory, OwnedPool, SUBPAGE_BYTES, Spoilt};
use strata_core::size_class::SizeClass;
use strata_segment::{ClaimedRun, misuse};

/// Bytes that a class's first refill takes, of blocks that are smaller.
const FIRST_BYTES: usize = 256;
/// Blocks that it takes at most.
const FIRST_BLOCKS: usize = 8;
/// Bytes that a refill takes at most, unless one block, or half of what the magazine may hold, is more.
const MOST_BYTES: usize = 8 << 10;
/// Fresh pools that a thread fills one after another before the next one's memory is taken in one call: two megabytes.
const SEVERAL_POOLS: u32 = 32;

/// The batch of a class's first refill.
const fn first_batch(class: SizeClass) -> u32 {
    let blocks = FIRST_BYTES / class.block_bytes();
    if blocks == 0 {
        1
    } else if blocks < FIRST_BLOCKS {
        blocks as u32
    } else {
        FIRST_BLOCKS as u32
    }
}

/// The largest batch.
const fn most_batch(class: SizeClass) -> u32 {
    let blocks = MOST_BYTES / class.block_bytes();
    if blocks == 0 {
        1
    } else if blocks < depth_of(class) / 2 {
        blocks as u32
    } else {
        (depth_of(class) / 2) as u32
    }
}

impl Cache {
    /// A block for `size` bytes, after a search for a batch of their class. `None`: out of memory.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is, and the magazine of the class of `size` is empty.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn refill(&self, size: usize) -> Option<BlockPtr> {
        let class = SizeClass::of(size);
        if self.runtime().is_none() {
            // A sentinel: the thread has no cache yet, or no longer.
            return thread::alloc_without_cache(self, class, size);
        }
        if let Some(ready) = self.promote_to_ready(class) {
            return Some(ready);
        }
        let held_off = self.hold_off_forks();
        // First, as a write: a page that is read first faults twice.
        self.class(class).visited.set(1);
        let block = self
            .promote(class)
            .or_else(|| self.promote_to_near(class).map(|(block, _)| block))
            .or_else(|| self.take_batch(class, self.next_batch(class)).map(|(block, _)| block));
        strata_os::probe!("refill", class.block_bytes(), self.magazine(class).count());
        self.maintain_after_refill(class, held_off);
        if block.is_none() {
            thread::note_refusal();
        }
        block
    }

    /// The same of one block, and whether it is known to be zero.
    ///
    /// # Safety
    /// - As for [`refill`](Self::refill).
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn refill_zeroable(&self, class: SizeClass, size: usize) -> Option<(BlockPtr, Memory)> {
        if self.runtime().is_none() {
            return thread::alloc_zeroable_without_cache(self, class, size);
        }
        let held_off = self.hold_off_forks();
        self.class(class).visited.set(1);
        let block = self.promote_to_near(class).or_else(|| self.take_batch(class, 1));
        strata_os::probe!("refill", class.block_bytes(), self.magazine(class).count());
        // A caller that takes memory as it is may leave it untouched: what it takes next is not prefaulted.
        self.class(class).fresh.set(0);
        self.maintain_after_refill(class, held_off);
        if block.is_none() {
            thread::note_refusal();
        }
        block
    }

    /// Has a batch ready of a class whose magazine is empty: for a counting cache, which hands out all of it at once.
    #[cfg(not(strata_loom))]
    #[cold]
    pub(crate) fn stock(&self, class: SizeClass) {
        let held_off = self.hold_off_forks();
        self.class(class).visited.set(1);
        self.draw(class, self.next_batch(class));
        self.maintain_after_refill(class, held_off);
    }

    pub(crate) fn next_batch(&self, class: SizeClass) -> u32 {
        let state = self.class(class);
        let batch = match state.batch.get() {
            0 => first_batch(class),
            last => last.saturating_mul(2),
        };
        // SAFETY: the thread's own magazine.
        let half = unsafe { self.magazine(class).limit() } / 2;
        let batch = batch.min(most_batch(class).max(half)).max(1);
        state.batch.set(batch);
        batch
    }

    /// A block, and behind it in the magazine the rest of a batch.
    pub(crate) fn take_batch(&self, class: SizeClass, wanted: u32) -> Option<(BlockPtr, Memory)> {
        let memory = self.draw(class, wanted)?;
        self.magazine(class).pop().map(|block| (block, memory))
    }

    /// Fills the empty magazine with up to `wanted` blocks, at least one; what their memory is.
    fn draw(&self, class: SizeClass, wanted: u32) -> Option<Memory> {
        if let Some(active) = self.active(class)
            && self.draw_freed(class, &active, wanted)
        {
            return Some(Memory::Used);
        }
        let page_heap = self.page_heap();
        if let Some(adopted) = page_heap.adopt(class, self.start.get()) {
            return self.draw_from(class, adopted, wanted);
        }
        if let Some(active) = self.active(class)
            && let Some(memory) = self.draw_carved(class, &active, wanted)
        {
            return Some(memory);
        }
        match page_heap.claim_for(class) {
            Some(run) => {
                self.note_claimed(class, &run);
                self.draw_from(class, page_heap.open_pool(run, class, place_of(class)), wanted)
            }
            None => self.draw_scarce(class, wanted),
        }
    }

    /// Makes a pool the active one, and draws from it.
    fn draw_from(&self, class: SizeClass, pool: OwnedPool, wanted: u32) -> Option<Memory> {
        self.attach(class, pool);
        let active = self.active(class)?;
        if self.draw_freed(class, &active, wanted) {
            return Some(Memory::Used);
        }
        self.draw_carved(class, &active, wanted)
    }

    /// Draws from a pool's list, or from what others gave back to it meanwhile.
    fn draw_freed(&self, class: SizeClass, pool: &OwnedPool, wanted: u32) -> bool {
        let mut filler = self.magazine(class).filler(wanted);
        let mut take = || match pool.take(class, filler.wanted(), |block| filler.put(block)) {
            Ok(taken) => taken,
            Err(Spoilt) => misuse::freed_twice(pool),
        };
        if take() == 0 {
            if pool.collect() == Freed::TooMany {
                misuse::freed_twice(pool);
            }
            take();
        }
        self.note_drawn(class, filler.finish(wanted))
    }

    /// Draws from a pool's holes, or from its uncarved part.
    fn draw_carved(&self, class: SizeClass, pool: &OwnedPool, wanted: u32) -> Option<Memory> {
        let memory = pool.uncarved_memory(class);
        let mut filler = self.magazine(class).filler(wanted);
        pool.carve(class, filler.wanted(), |block| filler.put(block));
        self.note_drawn(class, filler.finish(wanted)).then_some(memory)
    }

    /// So many blocks came into the magazine; whether any did.
    fn note_drawn(&self, class: SizeClass, count: u32) -> bool {
        self.class(class).turnover.note_taken(count);
        self.say_what_is_outside(class);
        count != 0
    }

    /// The OS has no more: magazines are emptied, and any free block will do, even of another node.
    #[cold]
    fn draw_scarce(&self, class: SizeClass, wanted: u32) -> Option<Memory> {
        self.let_go();
        self.empty_orphans();
        let Some(pool) = self.page_heap().own_scarce(class, place_of(class)) else {
            strata_os::probe!("refused", class.block_bytes());
            return None;
        };
        self.draw_from(class, pool, wanted)
    }

    /// A pool was claimed for `class`. A thread that filled several fresh ones one after another has the next one's memory taken in
    /// one call instead of a fault for each page (decision 0031).
    fn note_claimed(&self, class: SizeClass, run: &ClaimedRun) {
        let fresh = &self.class(class).fresh;
        // The program may use only the beginning of blocks larger than a page.
        if run.memory() == Memory::Used || class.block_bytes() > SUBPAGE_BYTES {
            fresh.set(0);
        } else if fresh.get() < SEVERAL_POOLS {
            fresh.set(fresh.get() + 1);
        } else {
            self.page_heap().prefault(run.first);
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::scene::{free, new, runtime};
    use std::collections::BTreeSet;
    use std::vec::Vec;
    use strata_core::address::UserPtr;
    use strata_core::pool::Pool;

    fn pool_of(block: UserPtr) -> &'static Pool {
        // SAFETY: a block of a pool.
        unsafe { block.pool() }
    }

    #[test]
    fn batches_are_bounded_in_blocks_and_bytes() {
        for class in SizeClass::all() {
            let (first, most) = (first_batch(class) as usize, most_batch(class) as usize);
            assert!(first >= 1 && most >= 1 && most <= depth_of(class) / 2);
            assert!(most == 1 || most * class.block_bytes() <= MOST_BYTES);
        }
    }

    #[test]
    fn a_batch_doubles_with_each_refill_and_its_blocks_are_neighbours() {
        let cache = runtime().enter().unwrap();
        let class = SizeClass::of(64);
        let mut batches = Vec::new();
        for _ in 0..4 {
            let first = new(cache, class);
            let rest = cache.magazine(class).count();
            let all: Vec<_> = (0..rest).map(|_| new(cache, class)).collect();
            let addresses = core::iter::once(first).chain(all).map(|block| block.as_non_null().addr().get());
            let addresses: Vec<_> = addresses.collect();
            assert!(addresses.windows(2).all(|pair| pair[1] == pair[0] + 64), "{addresses:x?}");
            batches.push(addresses.len());
        }
        assert_eq!(batches, [4, 8, 16, 32]);
    }

    #[test]
    fn a_class_that_the_thread_is_not_busy_with_holds_no_pool() {
        let runtime = runtime();
        let cache = runtime.enter().unwrap();
        // Of classes that neither serve others nor are served by them.
        let is_shared = |class: &SizeClass| class.block_bytes() > 2048 && Pool::capacity(*class) > 1;
        let classes = || SizeClass::all().filter(is_shared);
        let blocks: Vec<_> = classes().map(|class| (new(cache, class), class)).collect();
        assert!(classes().all(|class| cache.active(class).is_none()));
        // Another thread draws from the pools that the first one opened.
        let other = runtime.enter().unwrap();
        let used = runtime.page_heap.snapshot().used_pools;
        let theirs: Vec<_> = classes().map(|class| (new(other, class), class)).collect();
        assert_eq!(runtime.page_heap.snapshot().used_pools, used);
        blocks.into_iter().for_each(|(block, class)| free(cache, block, class));
        theirs.into_iter().for_each(|(block, class)| free(other, block, class));
    }

    #[test]
    fn a_class_that_the_thread_is_busy_with_keeps_its_pool() {
        let cache = runtime().enter().unwrap();
        let class = SizeClass::of(64);
        let _held: Vec<_> = (0..500).map(|_| new(cache, class)).collect();
        assert!(cache.active(class).is_some());
    }

    #[test]
    fn every_block_is_handed_out_once_and_all_are_given_back() {
        let runtime = runtime();
        let cache = runtime.enter().unwrap();
        for class in SizeClass::all().step_by(5) {
            let blocks: Vec<_> = (0..3 * Pool::capacity(class) + 1).map(|_| new(cache, class)).collect();
            let distinct: BTreeSet<_> = blocks.iter().map(|block| block.as_non_null().addr().get()).collect();
            assert_eq!(distinct.len(), blocks.len());
            blocks.into_iter().for_each(|block| free(cache, block, class));
        }
        // SAFETY: the caches of a test have one user.
        unsafe { cache.collect() };
        assert_eq!(runtime.page_heap.snapshot().used_pools, 0);
    }

    #[test]
    fn room_in_unowned_pools_is_used_before_fresh_memory() {
        let runtime = runtime();
        let cache = runtime.enter().unwrap();
        let class = SizeClass::of(8 << 10);
        let blocks: Vec<_> = (0..4 * Pool::capacity(class)).map(|_| new(cache, class)).collect();
        let pools: BTreeSet<_> = blocks.iter().map(|block| pool_of(*block).base()).collect();
        let (kept, freed): (Vec<_>, Vec<_>) = blocks.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
        let count = freed.len();
        freed.into_iter().for_each(|block| free(cache, block, class));
        let taken: Vec<_> = (0..count).map(|_| new(cache, class)).collect();
        assert!(taken.iter().all(|block| pools.contains(&pool_of(*block).base())));
        drop(kept);
    }
}
