//! Who owns a pool, and the blocks that others gave back to it: one word, changed by read-modify-write alone.
//!
//! ```text
//!   63      36 35 34 33 32 31        16 15         0
//!   │  zero   │      state │   count   │ head granule │
//! ```
//!
//! | state   | who may leave it            | to      | by                                    | what becomes visible        |
//! |---------|-----------------------------|---------|---------------------------------------|-----------------------------|
//! | Idle    | who holds the arena bit     | Owned   | `open`, plain store                   | nothing (the bit orders)    |
//! | Owned   | any freeing thread          | Owned+n | `push`, CAS Release                   | the chain's links           |
//! | Owned+n | the owner                   | Owned   | `take_all`, swap Acquire              | —                           |
//! | Owned   | the owner                   | Unowned | `disown`, CAS Release                 | all it did to the pool      |
//! | Unowned | any freeing thread, adopter | Owned   | `push`, `claim`, CAS Acquire          | —                           |
//! | Owned   | the owner, no block live    | Idle    | `close`, plain store                  | nothing (the bit orders)    |
//!
//! I1  A chain's links are written before the Release that publishes its head.
//! I2  Only the owner takes, so the count in the word equals the links found behind the head.
//! I3  *Unowned* implies an empty chain: whoever frees into nobody's pool becomes its owner. So no free is ever lost, and
//!     no flag needs to be raised when a full pool gets its first free block (protocols 3, 4 and 5 are this one word).
//! I4  Pushing is immune to ABA: the tail is linked to the head that the CAS compares, whatever happened in between; there
//!     is no pop of single blocks.
//!
//! Does not know: size classes, thread caches, statistics, the OS.
//! Models: `loom-tests/tests/p1_remote_chain.rs`, `p2_full_pool.rs`, `p4_abandon.rs`, `p5_adopt.rs`, `p6_last_free.rs`.
//! Idea: thread-delayed free lists (Leijen et al. 2019) with the ownership bit of mimalloc 3; the count as in rpmalloc.

use super::Pool;
use crate::block::{Chain, Link};
use crate::sync::mutation::{
    CLAIM_POOL, DISOWN, DISOWN_CHECKS_PENDING, PUSH_CLAIM, PUSH_CLAIMS_UNOWNED, PUSH_COUNTS_ALL,
    PUSH_LINKS_TAIL, REMOTE_PUSH, REMOTE_TAKE, TAKE_EXCHANGES,
};
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Whether somebody owns the pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemoteState {
    /// Not a pool of blocks at present.
    Idle,
    /// A cache (or a thread that is just settling it) owns it.
    Owned,
    /// Nobody does.
    Unowned,
}

/// A value of the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RemoteWord(u64);

const COUNT_SHIFT: u32 = 16;
const STATE_SHIFT: u32 = 32;
const FIELD: u64 = 0xffff;

impl RemoteWord {
    const IDLE: Self = Self(0);
    const OWNED: Self = Self(1 << STATE_SHIFT);
    const UNOWNED: Self = Self(2 << STATE_SHIFT);

    /// Who owns the pool.
    #[inline]
    pub const fn state(self) -> RemoteState {
        match self.0 >> STATE_SHIFT {
            0 => RemoteState::Idle,
            1 => RemoteState::Owned,
            _ => RemoteState::Unowned,
        }
    }

    /// Blocks in the chain.
    #[inline]
    pub const fn count(self) -> u32 {
        ((self.0 >> COUNT_SHIFT) & FIELD) as u32
    }

    #[inline]
    const fn head_granule(self) -> u16 {
        (self.0 & FIELD) as u16
    }

    #[inline]
    const fn owned_with(head_granule: u16, count: u32) -> Self {
        Self(Self::OWNED.0 | ((count as u64) << COUNT_SHIFT) | head_granule as u64)
    }
}

impl core::fmt::Debug for RemoteWord {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{:?} with {} pending from granule {}", self.state(), self.count(), self.head_granule())
    }
}

/// What came of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "whoever claims a pool has to settle it"]
pub enum Pushed {
    /// The owner will find the chain.
    Queued,
    /// Nobody owned the pool: now the caller does, and still holds the chain.
    Claimed,
}

/// What came of an attempt to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a pool with pending frees is still the caller's"]
pub enum Disowned {
    /// The pool is nobody's: do not touch it again.
    Done,
    /// A chain arrived meanwhile: take it first.
    Pending,
}

/// Blocks taken from the word: a null-terminated list.
#[derive(Clone, Copy, Debug)]
#[must_use = "dropped blocks are lost memory"]
pub struct Taken {
    /// The first block.
    pub head: *mut Link,
    /// How many there are.
    pub count: u32,
}

/// The word itself.
#[repr(transparent)]
#[derive(Debug)]
pub struct AtomicRemote(AtomicU64);

impl AtomicRemote {
    pub(super) fn idle() -> Self {
        Self(AtomicU64::new(RemoteWord::IDLE.0))
    }

    /// A glance: stale as soon as it is read.
    #[inline]
    pub fn glance(&self) -> RemoteWord {
        // Relaxed: decides nothing but whether a closer look is worth it.
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

    fn exchange(
        &self,
        seen: RemoteWord,
        new: RemoteWord,
        success: crate::sync::Ordering,
    ) -> Result<(), RemoteWord> {
        // Relaxed on failure: the value is only used to try again.
        self.0.compare_exchange(seen.0, new.0, success, Relaxed).map(|_| ()).map_err(RemoteWord)
    }

    /// Becomes the owner of nobody's pool; false if it is not nobody's.
    #[inline]
    pub fn claim(&self) -> bool {
        // Acquire (CLAIM_POOL): sees what the last owner did; pairs with Release in remote.rs::disown.
        self.exchange(RemoteWord::UNOWNED, RemoteWord::OWNED, CLAIM_POOL).is_ok()
    }

    /// The owner leaves; it has cleared `Pool::owner` before.
    #[inline]
    pub fn disown(&self) -> Disowned {
        let mut seen = RemoteWord::OWNED;
        loop {
            // Release (DISOWN): publishes the pool's state; pairs with Acquire in remote.rs::claim and remote.rs::push.
            match self.exchange(seen, RemoteWord::UNOWNED, DISOWN) {
                Ok(()) => return Disowned::Done,
                Err(now) if DISOWN_CHECKS_PENDING || now.count() == 0 => return Disowned::Pending,
                Err(now) => seen = now,
            }
        }
    }

    /// The owner takes what others gave back.
    #[inline]
    pub fn take_all(&self, pool: &Pool) -> Option<Taken> {
        if self.glance().count() == 0 {
            return None;
        }
        let word = self.empty();
        Some(Taken { head: pool.block_at_granule(word.head_granule()).as_link(), count: word.count() })
    }

    #[inline(always)]
    fn empty(&self) -> RemoteWord {
        if !TAKE_EXCHANGES {
            let word = RemoteWord(self.0.load(REMOTE_TAKE));
            // Relaxed: a seeded fault.
            self.0.store(RemoteWord::OWNED.0, Relaxed);
            return word;
        }
        // Acquire (REMOTE_TAKE): sees the links; pairs with Release in remote.rs::push, through the release sequence of
        // the pushes in between.
        RemoteWord(self.0.swap(RemoteWord::OWNED.0, REMOTE_TAKE))
    }

    /// Gives a chain back to the owner, or makes the caller the owner.
    ///
    /// # Safety
    /// - The chain's blocks are of `pool`, whose word this is, and the caller's.
    #[inline]
    pub unsafe fn push(&self, pool: &Pool, chain: &Chain) -> Pushed {
        let head = pool.granule_of(chain.head);
        let mut seen = self.glance();
        loop {
            let outcome = if seen.state() == RemoteState::Unowned && PUSH_CLAIMS_UNOWNED {
                // Acquire (PUSH_CLAIM): sees what the last owner did; pairs with Release in remote.rs::disown.
                self.exchange(seen, RemoteWord::OWNED, PUSH_CLAIM).map(|()| Pushed::Claimed)
            } else {
                let older = match seen.count() {
                    0 => core::ptr::null_mut(),
                    _ if !PUSH_LINKS_TAIL => core::ptr::null_mut(),
                    _ => pool.block_at_granule(seen.head_granule()).as_link(),
                };
                // SAFETY: the tail is the caller's until the exchange succeeds.
                unsafe { chain.tail.set_next(older) };
                let count = if PUSH_COUNTS_ALL { chain.count } else { 1 };
                let new = RemoteWord::owned_with(head, seen.count() + count);
                // Release (REMOTE_PUSH): publishes the links (I1); pairs with Acquire in remote.rs::take_all.
                self.exchange(seen, new, REMOTE_PUSH).map(|()| Pushed::Queued)
            };
            match outcome {
                Ok(pushed) => return pushed,
                Err(now) => seen = now,
            }
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_fields_apart() {
        let word = RemoteWord::owned_with(4095, 4096);
        assert_eq!((word.state(), word.count(), word.head_granule()), (RemoteState::Owned, 4096, 4095));
        assert_eq!(RemoteWord::UNOWNED.state(), RemoteState::Unowned);
        assert_eq!(RemoteWord(0).state(), RemoteState::Idle);
    }

    #[test]
    fn only_one_claims_and_only_from_nobody() {
        let word = AtomicRemote::idle();
        assert!(!word.claim());
        word.open();
        assert!(!word.claim());
        assert_eq!(word.disown(), Disowned::Done);
        assert!(word.claim());
        assert!(!word.claim());
    }
}
