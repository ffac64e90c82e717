//! The cache that a thread, or a heap, allocates from while profiling is on: it counts.
//!
//! ```text
//!   alloc ──► counting cache: a run of blocks that are counted, all before the class's next sample
//!                 ▲ empty: is a sample due? else the next run, each block of it searched for in the filter
//!   free ───► the cache behind, as ever ──full──► pools, each block searched for in the filter
//! ```
//!
//! Allocations and frees go to two caches: where pops and pushes of one magazine alternate, they leave it as they found it, so that neither
//! could be counted afterwards. So both take their fast paths, and what is counted is counted by the run.
//!
//! C1  The limit of a magazine is 0, so no block enters it but by `hand_out`.
//! C2  A block in a magazine was counted as one without a sample. Those left when profiling ends were counted for
//!     nothing, which changes no chance: each class counts for itself, so a block that waits takes no sample from another class.
//! C3  It has no runtime, so every slow path takes it for a sentinel; `behind` tells it from one.
//! C4  A heap is known by its cache. So that cache becomes the counting one, when it is empty, and another is put behind it, into which
//!     the heap's own frees go by a slow path.
//! C5  A block that was freed leaves the cache behind by a run or for its pool (`flush`), and is searched for in the filter either way.
//!
//! C2 is why there is a countdown for each class instead of one for all bytes: a run that ends where the next sample is due would
//! leave that sample to whichever class asks next.
//!
//! Does not know: what becomes of a sample.

use super::{Filter, Sample, listener, mean_bytes, note_freed, note_sample, tell_freed};
use crate::cache::Cache;
use crate::thread;
use core::ptr::NonNull;
use strata_core::block::BlockPtr;
use strata_core::pool::Memory;
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// Blocks that are ready at most.
const MOST_BLOCKS: usize = 32;
/// Bytes of them at most, if these are more than [`FEW_BLOCKS`].
const MANY_BYTES: usize = 4 << 10;
/// Blocks that are ready in any case,
const FEW_BLOCKS: usize = 8;
/// up to so many bytes, or one block.
const MOST_BYTES: usize = 8 << 10;
/// From this length on, runs of less than half of it have the cache behind take a batch from pools.
const STOCKED: u32 = 4;

/// Blocks of a class that are ready at most.
const fn most_ready(class: SizeClass) -> usize {
    let (many, most) = (MANY_BYTES / class.block_bytes(), MOST_BYTES / class.block_bytes());
    match if many < FEW_BLOCKS { FEW_BLOCKS } else { many } {
        _ if most == 0 => 1,
        blocks if most < blocks => most,
        blocks if MOST_BLOCKS < blocks => MOST_BLOCKS,
        blocks => blocks,
    }
}

/// The same of each class, without a division.
static MOST_READY: [u8; CLASS_COUNT] = {
    let mut most = [0; CLASS_COUNT];
    let mut index = 0;
    while index < CLASS_COUNT {
        most[index] = most_ready(SizeClass::from_index(index)) as u8;
        index += 1;
    }
    most
};

/// A counting cache, and the one behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counting<'front> {
    pub(super) front: &'front Cache,
    pub(super) own: &'static Cache,
}

impl<'front> Counting<'front> {
    pub(super) fn of(front: &'front Cache) -> Option<Self> {
        front.behind().map(|own| Self { front, own })
    }

    /// The calling thread's.
    pub(super) fn current() -> Option<Counting<'static>> {
        Counting::of(thread::alloc_cache())
    }

    /// Whether a heap's cache is counted, instead of a thread's.
    pub(super) fn is_of_heap(self) -> bool {
        self.own.is_heap()
    }

    /// The same after an allocation from the cache behind it, in which profiling may have ended.
    fn still(self) -> Option<Self> {
        let is_there = self.is_of_heap() || core::ptr::eq(thread::alloc_cache(), self.front);
        is_there.then_some(self)
    }

    /// Blocks before the class's next sample. One more than that is kept; 0 is not drawn yet.
    fn left(self, class: SizeClass) -> u32 {
        let kept = &self.front.class(class).until_sample;
        if kept.get() == 0 {
            self.draw(class);
        }
        kept.get() - 1
    }

    fn set_left(self, class: SizeClass, left: u32) {
        self.front.class(class).until_sample.set(left + 1);
    }

    fn draw(self, class: SizeClass) {
        let blocks = self.draw_bytes() / class.block_bytes() as u64;
        self.set_left(class, blocks.min(u32::MAX as u64 - 1) as u32);
    }

    /// Bytes before the next one that is a sample.
    fn draw_bytes(self) -> u64 {
        let state = &self.front.counting.random;
        let Some(listener) = listener() else { return u64::MAX };
        let (bytes, next) = (listener.draw)(state.get() as u64, self.mean());
        state.set(next as usize);
        bytes
    }

    fn mean(self) -> u64 {
        self.front.counting.mean.get() as u64
    }

    fn note_sample(self, block: NonNull<u8>, bytes: usize, requested: usize) {
        let heap = if self.is_of_heap() { self.front.slot.get() + 1 } else { 0 };
        note_sample(Sample { block, bytes, requested, mean: self.mean(), heap });
    }

    /// A block for `size` bytes of what is ready in the cache behind, or else by a refill of that; counted, with a run ready behind it.
    #[inline(always)]
    fn alloc<Found: Copy>(
        self,
        class: SizeClass,
        size: usize,
        ready: impl FnOnce(BlockPtr) -> Found,
        refill: impl FnOnce(&Cache) -> Option<Found>,
        block_of: impl FnOnce(Found) -> BlockPtr,
    ) -> Option<Found> {
        let (found, origin) = match self.own.magazine(class).pop() {
            Some(block) => (ready(block), Origin::Freed),
            None => (refill(self.own)?, Origin::Pool),
        };
        let block = block_of(found);
        // A refill may take a larger block that is ready (`promotion`).
        note_freed(block.as_non_null());
        if let Some(counting) = self.still() {
            counting.count(class, size, block, origin);
        }
        Some(found)
    }

    /// Counts a block that the cache behind gave for `size` bytes, and has a run ready behind it.
    fn count(self, class: SizeClass, size: usize, block: BlockPtr, origin: Origin) {
        let is_up_to_date = mean_bytes() == self.mean();
        let Some(counting) = (if is_up_to_date { Some(self) } else { self.learn() }) else { return };
        let left = counting.left(class);
        if left == 0 {
            counting.draw(class);
            counting.note_sample(block.as_non_null(), class.block_bytes(), size);
        } else {
            counting.hand_out(class, left - 1, origin);
        }
    }

    /// Has a run ready, of at most `left` blocks: the longer the more runs there were, as many as the cache behind has.
    fn hand_out(self, class: SizeClass, left: u32, origin: Origin) {
        let (ready, run) = (self.own.magazine(class), self.front.magazine(class));
        let length = &self.front.class(class).batch;
        let wanted = length.get();
        length.set((2 * wanted).min(MOST_READY[class.index()].into()));
        let count = wanted.min(ready.count()).min(left);
        self.set_left(class, left - count);
        match origin {
            Origin::Pool => run.fill_with_newest(ready, count, |_| 0, |_| ()),
            Origin::Freed => {
                // SAFETY: a cache that counts has had a filter since before its first count (`begin`).
                let filter: &Filter = unsafe { &*self.front.counting.filter.get() };
                run.fill_with_newest(ready, count, |block| filter.marks(block), tell_freed);
                // A program that frees as much as it allocates would go on with the few blocks that it had first.
                if wanted >= STOCKED && count < wanted / 2 && ready.count() == 0 {
                    self.own.stock(class);
                }
            }
        }
    }

    /// Gives what is ready back to the cache behind: without slow paths, where this may be called from.
    pub(super) fn take_back(self) {
        let _held_off = self.own.hold_off_forks();
        for class in SizeClass::all() {
            while let Some(block) = self.front.magazine(class).pop() {
                // SAFETY: the caller's own cache; a block that the program does not have.
                unsafe { self.own.put_by(class, block) };
            }
        }
    }
}

/// Where what is ready in the cache behind came from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// The program, which may have had it as a sample.
    Freed,
    /// A refill of the empty magazine: no block of a pool is sampled.
    Pool,
}

/// A block for `size` bytes by way of the counting cache `front`, if it is one.
pub(crate) fn alloc(front: &Cache, class: SizeClass, size: usize) -> Option<Option<BlockPtr>> {
    let counting = Counting::of(front)?;
    // SAFETY: the caller's own cache, whose magazine is empty.
    let refill = |own: &Cache| unsafe { own.refill(size) };
    Some(counting.alloc(class, size, |block| block, refill, |block| block))
}

/// The same of a block that may be known to be zero.
pub(crate) fn alloc_zeroable(
    front: &Cache,
    class: SizeClass,
    size: usize,
) -> Option<Option<(BlockPtr, Memory)>> {
    let counting = Counting::of(front)?;
    // SAFETY: the caller's own cache, whose magazine is empty.
    let refill = |own: &Cache| unsafe { own.refill_zeroable(class, size) };
    Some(counting.alloc(class, size, |block| (block, Memory::Used), refill, |(block, _)| block))
}

/// A large or huge block was allocated.
pub(crate) fn note_large(block: NonNull<u8>, bytes: usize) {
    let Some(counting) = Counting::current() else { return };
    let until = &counting.front.counting.until_large;
    // One more than that is kept; 0 is not drawn yet.
    let left = match until.get() {
        0 => counting.draw_bytes().min(u64::MAX / 2) as usize,
        kept => kept - 1,
    };
    if left >= bytes {
        until.set(left - bytes + 1);
    } else {
        until.set(0);
        note_sample(Sample { block, bytes, requested: bytes, mean: counting.mean(), heap: 0 });
    }
}

/// A large or huge block changed its size, and perhaps its address: counts as one freed and another allocated.
pub fn note_resized(old: NonNull<u8>, new: NonNull<u8>, bytes: usize) {
    if Counting::current().is_some() {
        note_freed(old);
        note_large(new, bytes);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::magazine::depth_of;

    #[test]
    fn what_is_ready_of_any_class_fits_its_magazine() {
        for class in SizeClass::all() {
            let most = most_ready(class);
            assert!(most >= 1 && most <= depth_of(class));
        }
    }
}
