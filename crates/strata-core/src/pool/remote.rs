//! Who owns a pool, and the blocks that others gave back to it: one word, changed by read-modify-write alone.
//!
//! ```text
//!   63   50 49 48 47         32 31         16 15         0
//!   │ zero │state│ live+pending│   pending   │ head granule │      live: only while the pool is unowned
//! ```
//!
//! | state              | who may leave it                       | to                 | by                       | what becomes visible     |
//! |--------------------|----------------------------------------|--------------------|--------------------------|--------------------------|
//! | Idle               | the holder of the arena bit            | Owned              | `open`, plain store      | nothing (the bit orders) |
//! | Owned              | any freeing thread                     | Owned+n            | `push`, CAS Release      | the chain's links        |
//! | Owned+n            | the owner                              | Owned              | `take_all`, swap Acquire | —                        |
//! | Owned              | the owner                              | Unowned, Published | `disown`, CAS Release    | all it did to the pool   |
//! | Unowned            | any freeing thread                     | Unowned+n          | `push`, CAS Release      | the chain's links        |
//! | Unowned            | the one whose free gives room          | Published          | the same CAS             | the same                 |
//! | Unowned, Published | the one that frees the last live block | Owned+n            | `push`, CAS AcqRel       | —                        |
//! | Published          | an adopter                             | Owned              | `adopt`, CAS Acquire     | —                        |
//! | Unowned, Published | the purge pass                         | Owned              | `claim`, CAS Acquire     | —                        |
//! | Owned              | the owner, no block live               | Idle               | `close`, plain store     | nothing (the bit orders) |
//!
//! I1  A chain's links are written before the Release that publishes its head.
//! I2  Only the owner takes, or the one that becomes it by the same exchange: so the count in the word equals the links found
//!     behind the head.
//! I3  The owner that disowns a pool puts the blocks of its list into the word, too: so the next owner has all of them
//!     without a walk. `live` counts what is then live or pending, and `pending` is less: the free that would make them equal takes
//!     the pool instead. So no pool without live blocks stays unowned.
//! I4  A thread that sets *Published* sets the pool's bit in the bitmap afterwards; one that clears the bit tries to adopt afterwards.
//!     So a published pool's bit is set, or about to be set, or its taker is about to find the pool.
//! I5  Pushing is immune to ABA: the tail is linked to the head that the CAS compares, whatever happened in between; there
//!     is no pop of single blocks.
//!
//! Does not know: size classes, thread caches, statistics, the OS.
//! Models: `loom-tests/tests/p1_remote_chain.rs`, `p2_full_pool.rs`, `p4_abandon.rs`, `p5_adopt.rs`, `p6_last_free.rs`.
//! Idea: thread-delayed free lists (Leijen et al. 2019) with the ownership bit of mimalloc 3; the count as in rpmalloc.

use super::Pool;
use crate::block::{Chain, Link};
use crate::layout::{GRANULE_SHIFT, POOL_BYTES};
use crate::sync::mutation::{
    CLAIM_POOL, DISOWN, DISOWN_CHECKS_PENDING, PUSH_CLAIM, PUSH_COUNTS_ALL, PUSH_LINKS_TAIL, PUSH_PUBLISHES,
    PUSH_TAKES_THE_LAST, REMOTE_PUSH, REMOTE_TAKE, TAKE_EXCHANGES,
};
use crate::sync::{AtomicU64, Ordering, Ordering::Relaxed};

/// Whether the pool has an owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemoteState {
    /// Not a pool of blocks at present.
    Idle,
    /// A cache owns it, or a thread that is just settling it.
    Owned,
    /// It has none, and too little room to be adopted.
    Unowned,
    /// It has none, and has blocks to give: its bit is in the bitmap, or about to be.
    Published,
}

/// A value of the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RemoteWord(u64);

const COUNT_SHIFT: u32 = 16;
const LIVE_SHIFT: u32 = 32;
const STATE_SHIFT: u32 = 48;
const FIELD: u64 = 0xffff;
const HEAD_AND_COUNT: u64 = (1 << LIVE_SHIFT) - 1;

impl RemoteWord {
    const IDLE: Self = Self(0);
    const OWNED: Self = Self(1 << STATE_SHIFT);

    /// An unowned pool, published or not, of which `live` blocks are live or in the word's chain, which is empty yet.
    pub(super) const fn unowned(live: u32, state: RemoteState) -> Self {
        let state = match state {
            RemoteState::Published => 3,
            _ => 2,
        };
        Self((state << STATE_SHIFT) | ((live as u64) << LIVE_SHIFT))
    }

    /// Who owns the pool.
    #[inline]
    pub const fn state(self) -> RemoteState {
        match self.0 >> STATE_SHIFT {
            0 => RemoteState::Idle,
            1 => RemoteState::Owned,
            2 => RemoteState::Unowned,
            _ => RemoteState::Published,
        }
    }

    /// Whether the pool is unowned.
    #[inline]
    pub const fn is_unowned(self) -> bool {
        self.0 >> STATE_SHIFT >= 2
    }

    /// Blocks that wait to be taken in.
    #[inline]
    pub const fn count(self) -> u32 {
        ((self.0 >> COUNT_SHIFT) & FIELD) as u32
    }

    /// Of an unowned pool: the blocks that are live or pending.
    #[inline]
    const fn live(self) -> u32 {
        ((self.0 >> LIVE_SHIFT) & FIELD) as u32
    }

    #[inline]
    const fn head_granule(self) -> u16 {
        (self.0 & FIELD) as u16
    }

    /// The same state and live count with another chain.
    #[inline]
    pub(super) const fn with_chain(self, head_granule: u16, count: u32) -> Self {
        Self((self.0 & !HEAD_AND_COUNT) | ((count as u64) << COUNT_SHIFT) | head_granule as u64)
    }

    /// The same chain in an owned pool.
    #[inline]
    const fn owned(self) -> Self {
        Self((self.0 & HEAD_AND_COUNT) | Self::OWNED.0)
    }

    #[inline]
    const fn published(self) -> Self {
        Self(self.0 | (3 << STATE_SHIFT))
    }

    /// Blocks of an unowned pool that are free, if it holds `capacity` of them.
    #[inline]
    pub(super) const fn room(self, capacity: u32) -> u32 {
        (capacity + self.count()).saturating_sub(self.live())
    }
}

impl core::fmt::Debug for RemoteWord {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            out,
            "{:?} with {} pending from granule {}, {} live",
            self.state(),
            self.count(),
            self.head_granule(),
            self.live()
        )
    }
}

/// What came of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a thread that gives a pool room has to publish it, and one that frees the last block owns it"]
pub(super) enum Pushed {
    /// The pool's owner, or the thread that adopts it, will find the chain.
    Queued,
    /// The same; with it the unowned pool has room: the caller now sets its bit.
    Publish,
    /// The pool was unowned, and no block of it is live: the caller owns it.
    Emptied,
    /// More blocks were freed than there are: one was freed twice.
    TooMany,
}

/// The outcome of an attempt to disown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a pool with pending frees is still the caller's"]
pub(super) enum Disowned {
    /// The pool is unowned: do not touch it again.
    Done,
    /// A chain arrived meanwhile: take it first.
    Pending,
}

/// Blocks taken from the word: a null-terminated list.
#[derive(Clone, Copy, Debug)]
#[must_use = "dropped blocks are lost memory"]
pub(super) struct Taken {
    /// The first block.
    pub(super) head: *mut Link,
    /// How many there are.
    pub(super) count: u32,
}

/// How many free blocks make a pool worth adopting.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Free ones from which on it is published.
    pub enough: u32,
    /// Live ones up to which it is.
    pub spare: u32,
}

/// No pool has more blocks.
const MOST_PENDING: u32 = (POOL_BYTES >> GRANULE_SHIFT) as u32;

/// The word itself.
#[repr(transparent)]
#[derive(Debug)]
pub struct AtomicRemote(AtomicU64);

impl AtomicRemote {
    pub(super) fn idle() -> Self {
        Self(AtomicU64::new(RemoteWord::IDLE.0))
    }

    /// A racy read: stale as soon as it is read.
    #[inline]
    pub fn glance(&self) -> RemoteWord {
        // Relaxed: decides only whether an inspection is worth it.
        RemoteWord(self.0.load(Relaxed))
    }

    pub(super) fn open(&self) {
        // Relaxed: the claimer of the arena bit is alone with an idle pool; blocks, and so pushers, come later.
        self.0.store(RemoteWord::OWNED.0, Relaxed);
    }

    pub(super) fn close(&self) {
        // Relaxed: the owner of a pool without live blocks is alone with it; releasing the arena bit orders it.
        self.0.store(RemoteWord::IDLE.0, Relaxed);
    }

    fn exchange(&self, seen: RemoteWord, new: RemoteWord, success: Ordering) -> Result<(), RemoteWord> {
        // Relaxed on failure: the value is only used to try again.
        self.0.compare_exchange(seen.0, new.0, success, Relaxed).map(|_| ()).map_err(RemoteWord)
    }

    /// Becomes the owner of a published pool, with what waits for it; `None`: it is not published.
    #[inline]
    pub(super) fn adopt(&self) -> Option<RemoteWord> {
        self.claim_if(|word| word.state() == RemoteState::Published)
    }

    /// Becomes the owner of an unowned pool, published or not, with what waits for it.
    #[inline]
    pub(super) fn claim(&self) -> Option<RemoteWord> {
        self.claim_if(RemoteWord::is_unowned)
    }

    fn claim_if(&self, is_wanted: impl Fn(RemoteWord) -> bool) -> Option<RemoteWord> {
        let mut seen = self.glance();
        while is_wanted(seen) {
            // Acquire (CLAIM_POOL): sees what the last owner did, and the links; pairs with Release in remote.rs::disown and
            // remote.rs::push.
            match self.exchange(seen, RemoteWord::OWNED, CLAIM_POOL) {
                Ok(()) => return Some(seen),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// The owner lets the pool go, with a word for those who free into it or take it over.
    #[inline]
    pub(super) fn disown(&self, word: RemoteWord) -> Disowned {
        let mut seen = RemoteWord::OWNED;
        loop {
            // Release (DISOWN): publishes the pool's state; pairs with Acquire in remote.rs::claim_if and remote.rs::push.
            match self.exchange(seen, word, DISOWN) {
                Ok(()) => return Disowned::Done,
                Err(now) if DISOWN_CHECKS_PENDING || now.count() == 0 => return Disowned::Pending,
                Err(now) => seen = now,
            }
        }
    }

    /// The owner takes what others gave back.
    #[inline]
    pub(super) fn take_all(&self) -> Option<RemoteWord> {
        if self.glance().count() == 0 {
            return None;
        }
        if !TAKE_EXCHANGES {
            let word = RemoteWord(self.0.load(REMOTE_TAKE));
            // Relaxed: a mutant.
            self.0.store(RemoteWord::OWNED.0, Relaxed);
            return Some(word);
        }
        // Acquire (REMOTE_TAKE): sees the links; pairs with Release in remote.rs::push, through the release sequence of
        // the pushes in between.
        Some(RemoteWord(self.0.swap(RemoteWord::OWNED.0, REMOTE_TAKE)))
    }

    /// Gives a chain back to the pool, whichever thread owns it.
    ///
    /// # Safety
    /// - The chain's blocks are of `pool`, whose word this is, and the caller's.
    #[inline]
    pub(super) unsafe fn push(&self, pool: &Pool, chain: &Chain, room: Room) -> Pushed {
        let head = pool.granule_of(chain.head);
        let mut seen = self.glance();
        loop {
            let older = match seen.count() {
                0 => core::ptr::null_mut(),
                _ if !PUSH_LINKS_TAIL => core::ptr::null_mut(),
                _ => pool.block_at_granule(seen.head_granule()).as_link(),
            };
            // SAFETY: the tail is the caller's until the exchange succeeds.
            unsafe { chain.tail.set_next(older) };
            let count = if PUSH_COUNTS_ALL { chain.count } else { 1 };
            let (new, pushed) = seen.after_push(head, count, room);
            if pushed == Pushed::TooMany {
                return pushed;
            }
            // Release (REMOTE_PUSH): publishes the links (I1); pairs with Acquire in remote.rs::take_all and remote.rs::claim_if.
            // AcqRel (PUSH_CLAIM): the new owner also sees what the last one did; pairs with Release in remote.rs::disown.
            let order = if pushed == Pushed::Emptied { PUSH_CLAIM } else { REMOTE_PUSH };
            match self.exchange(seen, new, order) {
                Ok(()) => return pushed,
                Err(now) => seen = now,
            }
        }
    }
}

impl RemoteWord {
    /// The word with `count` more blocks in front, and what that means to the one who frees them.
    #[inline]
    fn after_push(self, head: u16, count: u32, room: Room) -> (Self, Pushed) {
        let pending = self.count() + count;
        let new = self.with_chain(head, pending);
        if !self.is_unowned() {
            return (new, if pending > MOST_PENDING { Pushed::TooMany } else { Pushed::Queued });
        }
        let live = self.live();
        if pending >= live && PUSH_TAKES_THE_LAST {
            return (new.owned(), if pending == live { Pushed::Emptied } else { Pushed::TooMany });
        }
        // Free blocks are those beyond the live ones, and those pending.
        if pending + room.spare >= live && self.state() == RemoteState::Unowned && PUSH_PUBLISHES {
            return (new.published(), Pushed::Publish);
        }
        (new, Pushed::Queued)
    }

    /// What a word that was taken holds for its pool.
    #[inline]
    pub(super) fn taken(self, pool: &Pool) -> Option<Taken> {
        let count = self.count();
        (count != 0).then(|| Taken { head: pool.block_at_granule(self.head_granule()).as_link(), count })
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    const ROOM: Room = Room { enough: 256, spare: 4096 - 256 };

    #[test]
    fn a_word_keeps_its_fields_apart() {
        let word = RemoteWord::unowned(4096, RemoteState::Unowned).with_chain(4095, 4000);
        assert_eq!((word.state(), word.count(), word.head_granule()), (RemoteState::Unowned, 4000, 4095));
        assert_eq!(word.live(), 4096);
        assert_eq!(word.published().state(), RemoteState::Published);
        let owned = word.owned();
        assert_eq!((owned.state(), owned.count(), owned.head_granule()), (RemoteState::Owned, 4000, 4095));
        assert_eq!(RemoteWord(0).state(), RemoteState::Idle);
    }

    #[test]
    fn only_one_claims_and_only_what_is_unowned() {
        let word = AtomicRemote::idle();
        assert!(word.claim().is_none());
        word.open();
        assert!(word.claim().is_none());
        assert_eq!(word.disown(RemoteWord::unowned(3, RemoteState::Unowned)), Disowned::Done);
        assert!(word.adopt().is_none(), "it is not published");
        assert!(word.claim().is_some());
        assert!(word.claim().is_none());
        assert_eq!(word.disown(RemoteWord::unowned(3, RemoteState::Published)), Disowned::Done);
        assert!(word.adopt().is_some());
    }

    #[test]
    fn the_free_that_gives_room_publishes_and_the_last_one_owns() {
        let full = RemoteWord::unowned(4096, RemoteState::Unowned);
        let (first, pushed) = full.after_push(7, 255, ROOM);
        assert_eq!(pushed, Pushed::Queued);
        let (second, pushed) = first.after_push(7, 1, ROOM);
        assert_eq!((pushed, second.state()), (Pushed::Publish, RemoteState::Published));
        let (third, pushed) = second.after_push(7, 1, ROOM);
        assert_eq!(pushed, Pushed::Queued, "once is enough");
        let (last, pushed) = third.after_push(7, 4096 - 257, ROOM);
        assert_eq!((pushed, last.state(), last.count()), (Pushed::Emptied, RemoteState::Owned, 4096));
    }

    #[test]
    fn more_frees_than_blocks_are_noticed() {
        let word = RemoteWord::unowned(2, RemoteState::Published);
        assert_eq!(word.after_push(0, 3, ROOM).1, Pushed::TooMany);
        assert_eq!(RemoteWord::OWNED.after_push(0, 4097, ROOM).1, Pushed::TooMany);
    }
}
