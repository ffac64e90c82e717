//! The cache in front of a thread's own while profiling is on: it counts allocations, and checks each free.
//!
//! ```text
//!   pop ──► a run of the class's blocks, all before its next sample ──empty──► slow: a block of the thread's cache; sampled?
//!                                                                              then the next run, from the same magazine
//!   push ─► always full ─────────────────────────────────────────────────────► slow: sampled? then into the thread's cache
//! ```
//!
//! C1  Its limits are 0 for ever, so no block enters its magazines but by `hand_out`.
//! C2  A block in its magazines was counted as one without a sample. Those left when profiling ends were counted for nothing,
//!     which changes no chance: each class counts for itself, so a run that waits takes no sample from another class.
//! C3  It has no runtime, so every slow path takes it for a sentinel; `behind` tells it from one.
//!
//! C2 is why there is a countdown for each class instead of one for all bytes: a run that ends where the next sample is due would
//! leave that sample to whichever class asks next.
//!
//! Does not know: what becomes of a sample.

use super::distance::{blocks_before_sample, bytes_before_sample, random, state_of};
use super::{SHARED, mean_bytes, note_freed, note_sample};
use crate::cache::Cache;
use crate::magazine::depth_of;
use crate::thread::{self, RUNTIME};
use core::ptr::NonNull;
use strata_core::block::BlockPtr;
use strata_core::pool::Memory;
use strata_core::size_class::SizeClass;

/// Blocks of a run at most: from sixteen on the slow path costs little, and a short run keeps recently freed blocks within reach.
const RUN_BLOCKS: u32 = 16;
/// Bytes of a run at most, unless one block is larger.
const RUN_BYTES: usize = 4096;

const fn longest_run(class: SizeClass) -> u32 {
    let blocks = (RUN_BYTES / class.block_bytes()) as u32;
    if blocks < RUN_BLOCKS { blocks } else { RUN_BLOCKS }
}

/// A counting cache, and the thread's own behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counting {
    front: &'static Cache,
    own: &'static Cache,
}

impl Counting {
    fn current() -> Option<Self> {
        let front = thread::cache();
        front.behind().map(|own| Self { front, own })
    }

    /// Blocks of the class without a sample that are counted off at once, of `wanted`; whether the block behind them is sampled.
    fn count_off(self, class: SizeClass, wanted: u32) -> u32 {
        let left = self.left(class);
        let run = left.min(wanted);
        self.set_left(class, left - run);
        run
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
        let counting = &self.front.counting;
        let drawn = blocks_before_sample(random(&counting.random), self.mean(), class.block_bytes());
        self.set_left(class, drawn);
    }

    fn mean(self) -> u64 {
        self.front.counting.mean.get() as u64
    }

    /// Counts a block that the thread's cache gave for `size` bytes, and hands out a run behind it.
    fn count(self, class: SizeClass, size: usize, block: BlockPtr) {
        if self.left(class) == 0 {
            self.draw(class);
            note_sample(block.as_non_null(), class.block_bytes(), size, self.mean());
            return;
        }
        self.set_left(class, self.left(class) - 1);
        self.hand_out(class);
    }

    fn hand_out(self, class: SizeClass) {
        let ready = self.own.magazine(class);
        let run = self.count_off(class, longest_run(class).min(ready.count()));
        self.front.magazine(class).fill_with_newest(ready, run);
    }

    /// Gives what was handed out back to the thread's cache: without slow paths, where this may be called from.
    fn take_back(self) {
        for class in SizeClass::all() {
            while let Some(block) = self.front.magazine(class).pop() {
                // SAFETY: the thread's own cache; a block that the program does not have.
                unsafe { self.own.put_by(class, block) };
            }
        }
    }

    /// Counts at the current rate from now on: what was drawn before is forgotten, which changes no chance.
    fn begin(self) {
        let counting = &self.front.counting;
        counting.mean.set(mean_bytes() as usize);
        counting.until_large.set(0);
        SizeClass::all().for_each(|class| self.front.class(class).until_sample.set(0));
    }
}

/// A block for `size` bytes by way of the counting cache `front`, if it is one.
pub(crate) fn alloc(front: &Cache, class: SizeClass, size: usize) -> Option<Option<BlockPtr>> {
    let own = front.behind()?;
    // SAFETY: the thread's own cache.
    let block = unsafe { own.alloc(class) };
    // Profiling may have ended on the way.
    if let (Some(block), Some(counting)) = (block, Counting::current()) {
        counting.count(class, size, block);
    }
    Some(block)
}

/// The same of a block that may be known to be zero.
pub(crate) fn alloc_zeroable(
    front: &Cache,
    class: SizeClass,
    size: usize,
) -> Option<Option<(BlockPtr, Memory)>> {
    let own = front.behind()?;
    // SAFETY: the thread's own cache.
    let found = unsafe { own.alloc_zeroable(class, size) };
    if let (Some((block, _)), Some(counting)) = (found, Counting::current()) {
        counting.count(class, size, block);
    }
    Some(found)
}

/// A large or huge block was allocated.
pub(crate) fn note_large(block: NonNull<u8>, bytes: usize) {
    let Some(counting) = Counting::current() else { return };
    let state = &counting.front.counting;
    // One more than that is kept; 0 is not drawn yet.
    let left = match state.until_large.get() {
        0 => bytes_before_sample(random(&state.random), counting.mean()),
        kept => kept - 1,
    };
    if left >= bytes {
        state.until_large.set(left - bytes + 1);
    } else {
        state.until_large.set(0);
        note_sample(block, bytes, bytes, counting.mean());
    }
}

/// A large or huge block changed its size, and perhaps its address: counts as one freed and another allocated.
pub fn note_resized(old: NonNull<u8>, new: NonNull<u8>, bytes: usize) {
    if Counting::current().is_some() {
        note_freed(old);
        note_large(new, bytes);
    }
}

/// Puts a counting cache in front of this one, or takes it away, as `start` and `stop` have it: on the thread whose cache this is
/// (a heap's has no thread).
pub(crate) fn heed(cache: &Cache) {
    let own = thread::own_cache();
    if !core::ptr::eq(own, cache) {
        return;
    }
    super::pass_by();
    match Counting::current() {
        Some(counting) => {
            counting.take_back();
            if mean_bytes() == 0 { leave(counting) } else { counting.begin() }
        }
        None if mean_bytes() != 0 => enter(own),
        None => {}
    }
}

/// The calling thread puts a counting cache in front of its own, if it has one and profiling is on: also in a signal handler, whatever it
/// interrupted.
///
/// An operation that was interrupted goes on with the cache whose address it has read. Nothing in that cache is
/// changed here, so the point of interruption does not matter.
pub(crate) fn heed_in_handler() {
    let own = thread::cache();
    if own.runtime().is_some() && own.behind().is_none() && mean_bytes() != 0 {
        enter(own);
    }
}

fn enter(own: &'static Cache) {
    // A handler may interrupt the lines below, and run this function itself.
    if own.counting.is_closed.get() != 0 {
        return;
    }
    own.counting.is_closed.set(1);
    enter_alone(own);
    own.counting.is_closed.set(0);
}

fn enter_alone(own: &'static Cache) {
    let Some(front) = RUNTIME.enter_in_front() else { return };
    // What the thread freed between `start` and now was not seen.
    SizeClass::all().for_each(|class| own.magazine(class).glance(depth_of(class)).for_each(note_freed));
    let seed = SHARED.seed.get();
    SHARED.seed.set(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
    let address = if seed == 0 { core::ptr::from_ref(front).addr() as u64 } else { 0 };
    front.counting.random.set(state_of(seed.wrapping_add(address)));
    front.set_behind(Some(own));
    Counting { front, own }.begin();
    thread::lead_to(front);
}

fn leave(counting: Counting) {
    thread::lead_to(counting.own);
    counting.front.set_behind(None);
    // SAFETY: from `enter_in_front`, empty, and no word leads to it.
    unsafe { RUNTIME.leave_in_front(counting.front) };
}

/// The calling thread ends, whose cache this is.
pub(crate) fn end(own: &Cache) {
    own.counting.is_closed.set(1);
    if let Some(counting) = Counting::current() {
        counting.take_back();
        leave(counting);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_class_fits_its_magazine() {
        for class in SizeClass::all() {
            assert!(longest_run(class) as usize <= crate::magazine::depth_of(class));
        }
    }
}
