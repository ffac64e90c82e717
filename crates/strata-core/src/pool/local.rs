//! What the owner does with its pool: taking and giving batches of blocks without any atomic read-modify-write.
//!
//! An [`OwnedPool`] comes out of a claim and goes into [`disown`](OwnedPool::disown) or [`close`](OwnedPool::close). It is neither
//! `Copy` nor `Clone`, so that whatever only an owner may do needs no other proof.
//!
//! L1  A link is the program's if it writes to a block that it freed, or frees one twice. So no link is followed before it is seen to lead
//!     to where a block of the pool may begin, and no more blocks are taken than were carved.
//!
//! Does not know: where the token waits between two batches; the thread cache decides.

use super::{Disowned, Format, Pool, RemoteState, RemoteWord, Room, Taken};
use crate::block::{BlockPtr, Chain};
use crate::layout::GRANULE_SHIFT;
use crate::size_class::SizeClass;
use core::ops::Deref;
use core::ptr::NonNull;

/// The right to a pool: its holder is the owner.
#[derive(Debug)]
#[must_use = "a dropped pool is lost memory"]
pub struct OwnedPool(&'static Pool);

/// A pool's free blocks are not what they were (L1): one was freed twice, or written to after it was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoilt;

/// What came of giving blocks back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a pool without live blocks has to be released"]
pub enum Freed {
    /// Other blocks are still live.
    StillLive,
    /// That was the last live block.
    Empty,
    /// More were freed than were live, or not all of them are found: one was freed twice, or written to afterwards.
    TooMany,
}

/// The outcome of giving blocks back to a pool of any owner.
#[derive(Debug)]
#[must_use = "a thread that gives a pool room has to publish it, and one that frees the last block owns it"]
pub enum Given {
    /// Its owner, or the next one, will find them.
    Queued,
    /// The same; the caller now sets the pool's bit in the bitmap of its class.
    Publish,
    /// It was unowned and no block is live: it is the caller's.
    Emptied(OwnedPool),
    /// One of its blocks was freed twice.
    TooMany,
}

/// Idle pools, about to be given back.
#[derive(Clone, Copy, Debug)]
#[must_use = "pools that are not given back are lost memory"]
pub struct Closed<'heap> {
    /// The first of them.
    pub first: &'heap Pool,
    /// How many they are.
    pub pools: u32,
    /// How many of them, from the first on, had blocks in them; the others are as they were when the span was opened, except that those
    /// that had no memory are full of holes.
    pub reached: u32,
}

impl Deref for OwnedPool {
    type Target = Pool;

    #[inline(always)]
    fn deref(&self) -> &Pool {
        self.0
    }
}

/// Where a pool's blocks may begin.
#[derive(Clone, Copy)]
pub(super) struct Places {
    base: usize,
    last_granule: usize,
}

impl Places {
    /// Whether a block may begin there, that is, at a granule, and it ends within the pool: one comparison.
    #[inline(always)]
    pub(super) fn have(self, block: BlockPtr) -> bool {
        let offset = block.as_non_null().addr().get().wrapping_sub(self.base);
        // What is no whole number of granules becomes a large one.
        offset.rotate_right(GRANULE_SHIFT) <= self.last_granule
    }
}

impl Pool {
    /// Where its blocks may begin, if it is of this class.
    #[inline]
    pub(super) fn places(&self, class: SizeClass) -> Places {
        let last = (Self::capacity(class) as usize - 1) * class.block_bytes();
        Places { base: self.base().addr().get(), last_granule: last >> GRANULE_SHIFT }
    }

    /// Becomes the owner of a published pool, and takes in what waits for it.
    pub fn adopt(&'static self) -> Option<OwnedPool> {
        Some(OwnedPool(self).with_all_of(self.remote.adopt()?))
    }

    /// Becomes the owner of an unowned pool, whether it has room or not, and takes in what waits for it.
    pub fn claim(&'static self) -> Option<OwnedPool> {
        Some(OwnedPool(self).with_all_of(self.remote.claim()?))
    }

    /// The owner of a pool that was claimed by its bit, and was opened just now.
    pub(super) fn owned(&'static self) -> OwnedPool {
        OwnedPool(self)
    }

    /// Gives blocks back to a pool of `class`, whichever thread owns it: one exchange.
    ///
    /// # Safety
    /// - The chain's blocks are of this pool, and the caller's.
    #[inline]
    pub unsafe fn give(&'static self, class: SizeClass, chain: &Chain) -> Given {
        use super::Pushed;
        // SAFETY: blocks of this pool and the caller's, by this function's contract.
        match unsafe { self.remote.push(self, chain, Self::room_of(class)) } {
            Pushed::Queued => Given::Queued,
            Pushed::Publish => Given::Publish,
            Pushed::TooMany => Given::TooMany,
            Pushed::Emptied => {
                let owned = OwnedPool(self);
                // The word says that all blocks are free; where they lie does not matter to a pool that is closed.
                self.live.set(0);
                Given::Emptied(owned)
            }
        }
    }

    /// How many free blocks make a pool of `class` worth adopting: a sixteenth.
    ///
    /// A pool with one free block would be full again after one allocation; each turn costs two compare-and-swaps.
    #[inline]
    pub const fn room_of(class: SizeClass) -> Room {
        let capacity = Self::capacity(class);
        let enough = if capacity < 16 { 1 } else { capacity / 16 };
        Room { enough, spare: capacity - enough }
    }

    /// Whether the pool seems to be an unowned one of `class` with a free block.
    pub fn glance_may_give(&self, class: SizeClass) -> bool {
        let word = self.remote.glance();
        // In models racy reads of owned cells see nothing: there the thread that claims the pool checks.
        (cfg!(strata_loom) || self.glance_format() == Format::Blocks(class))
            && word.is_unowned()
            && word.room(Self::capacity(class)) != 0
    }

    /// Live blocks, estimated by any thread.
    pub fn glance_live(&self) -> u32 {
        self.live.glance()
    }
}

impl OwnedPool {
    /// As a word of memory, from which [`from_raw`](Self::from_raw) makes it again.
    #[inline]
    pub fn into_raw(self) -> NonNull<Pool> {
        NonNull::from(self.0)
    }

    /// The pool again.
    ///
    /// # Safety
    /// - `raw` came from [`into_raw`](Self::into_raw), and this is done once.
    #[inline]
    pub unsafe fn from_raw(raw: NonNull<Pool>) -> Self {
        // SAFETY: pool headers are never unmapped; a pool, by this function's contract.
        Self(unsafe { raw.as_ref() })
    }

    /// What a pool is that was taken over: the blocks of the word are its list (I3 of `remote`).
    fn with_all_of(self, word: RemoteWord) -> Self {
        if let Some(taken) = word.taken(self.0) {
            self.free.replace(taken.head);
            self.live.set(self.live.get() - taken.count);
        }
        self
    }

    /// Takes up to `wanted` free blocks that need no carving, those freed last first; returns how many.
    ///
    /// # Errors
    /// - [`Spoilt`] if not all of them can be blocks of this pool: those that were taken so far must not be used.
    #[inline]
    pub fn take(&self, class: SizeClass, wanted: u32, mut each: impl FnMut(BlockPtr)) -> Result<u32, Spoilt> {
        let (mut taken, places) = (0, self.places(class));
        while taken < wanted {
            // SAFETY: the owner's list; places of the pool.
            let Some(block) = (unsafe { self.free.pop_if(|block| places.have(block)) }) else { break };
            each(block);
            taken += 1;
        }
        let live = self.live.get() + taken;
        if live > self.carved.get() || taken < wanted && !self.free.is_empty() {
            return Err(Spoilt);
        }
        if taken != 0 {
            self.live.set(live);
            self.set_residency(self.residency().in_use());
        }
        Ok(taken)
    }

    /// Takes in what others gave back meanwhile.
    pub fn collect(&self) -> Freed {
        match self.remote.take_all().and_then(|word| word.taken(self.0)) {
            Some(taken) => self.accept(taken),
            None if self.live.get() == 0 => Freed::Empty,
            None => Freed::StillLive,
        }
    }

    fn accept(&self, taken: Taken) -> Freed {
        if self.free.is_empty() {
            self.free.replace(taken.head);
        } else if let Some(head) = BlockPtr::from_link(taken.head) {
            let Format::Blocks(class) = self.format() else { return Freed::TooMany };
            let places = self.places(class);
            // SAFETY: the blocks are the owner's now, linked, as many as the word counted (I2 of `remote`); places of the pool.
            let tail = unsafe { head.last_of(taken.count, |block| places.have(block)) };
            let Some(tail) = tail else { return Freed::TooMany };
            // SAFETY: the same blocks, from first to last.
            unsafe { self.free.push_chain(Chain { head, tail, count: taken.count }) };
        }
        self.count_freed(taken.count)
    }

    /// Gives a chain of the pool's blocks back: no exchange, since the pool is the caller's.
    ///
    /// # Safety
    /// - The chain's blocks are of this pool, and the caller's.
    pub unsafe fn put(&self, chain: Chain) -> Freed {
        // SAFETY: blocks of this pool and the caller's, by this function's contract.
        unsafe { self.free.push_chain(chain) };
        self.count_freed(chain.count)
    }

    fn count_freed(&self, count: u32) -> Freed {
        let Some(live) = self.live.get().checked_sub(count) else { return Freed::TooMany };
        self.live.set(live);
        if live == 0 { Freed::Empty } else { Freed::StillLive }
    }

    /// Lets the pool go, published if it has room; `Err`: a chain arrived meanwhile, and it is still the caller's.
    ///
    /// `Ok` says whether it is published, so that the caller sets its bit.
    pub fn disown(self, class: SizeClass) -> Result<bool, Self> {
        let has_room = self.has_room(class);
        let state = if has_room { RemoteState::Published } else { RemoteState::Unowned };
        let (live, head) = (self.live.get(), self.free.take());
        let (listed, granule) = match BlockPtr::from_link(head) {
            Some(block) => {
                (self.carved.get().saturating_sub(live + self.hole_blocks(class)), self.granule_of(block))
            }
            None => (0, 0),
        };
        self.live.set(live + listed);
        match self.remote.disown(RemoteWord::unowned(live + listed, state).with_chain(granule, listed)) {
            Disowned::Done => Ok(has_room),
            Disowned::Pending => {
                self.free.replace(head);
                self.live.set(live);
                Err(self)
            }
        }
    }

    /// Makes an empty pool idle again, or all of a span, before its bits are released. What was never touched of it are holes from now on.
    pub fn close(self) -> Closed<'static> {
        debug_assert_eq!(self.live.get(), 0);
        let Format::Blocks(class) = self.format() else {
            debug_assert!(false, "only pools of blocks have an owner");
            return Closed { first: self.0, pools: 1, reached: 1 };
        };
        let (pools, reached) = (class.span_pools(), self.reached_pools(class));
        self.keep_holes(class);
        self.remote.close();
        self.free.take();
        for distance in 0..pools {
            // SAFETY: within the span, which is the owner's.
            let pool = unsafe { self.behind(distance) };
            if distance != 0 {
                pool.carved.set((distance < reached).into());
            }
            pool.magazine.set(0);
            pool.format.set(Format::Idle.pack());
        }
        Closed { first: self.0, pools, reached }
    }

    /// Free blocks, carved or not.
    #[inline]
    pub fn room(&self, class: SizeClass) -> u32 {
        Pool::capacity(class).saturating_sub(self.live.get())
    }

    /// Whether enough blocks are free for adopting the pool to pay.
    #[inline]
    pub fn has_room(&self, class: SizeClass) -> bool {
        self.room(class) >= Pool::room_of(class).enough
    }

    /// Live blocks.
    #[inline]
    pub fn live(&self) -> u32 {
        self.live.get()
    }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "local_tests.rs"]
mod tests;
