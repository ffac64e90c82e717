//! What becomes of freed blocks while profiling is on: each is searched for in the filter, alone or in rows.
//!
//! ```text
//!   free ─► full ─► check: not sampled ─► kept, if one more may be ready and counted off
//!                                    └─► as many are ready as may be: the magazine is closed
//!   closed:  free ─► pushed                 pop or full ─► all that were pushed are checked, and the magazine opened or emptied
//! ```
//!
//! So a row of frees takes the fast path. A sampled block counts as live until it is looked at: the last 8 KiB that a thread freed of a
//! class, or one block, if it is larger.
//!
//! Does not know: what becomes of a sample.

use super::counting::{Counting, most_ready};
use super::filter::Filter;
use super::{may_be_sampled, note_freed};
use crate::cache::Cache;
use crate::magazine::depth_of;
use strata_core::block::BlockPtr;
use strata_core::size_class::SizeClass;

/// What became of a freed block.
#[must_use]
pub(crate) enum Checked {
    /// It is kept for an allocation that was counted off for it.
    Kept,
    /// It is not sampled, and there are enough: it goes into the cache behind.
    Unsampled,
    /// It may be sampled, or the cache does not count.
    Unknown,
}

/// Checks a freed block, and keeps it if more may be ready.
#[inline(always)]
pub(crate) fn check(cache: &Cache, class: SizeClass, block: BlockPtr) -> Checked {
    let state = cache.class(class);
    // 0: of a cache that does not count, too.
    let kept = state.until_sample.get();
    if kept <= 1 {
        return Checked::Unknown;
    }
    // SAFETY: a cache that counts has had a filter since before its first count (`begin`).
    let filter: &Filter = unsafe { &*cache.counting.filter.get() };
    if filter.may_hold(block.as_non_null().addr().get() as u64) {
        return Checked::Unknown;
    }
    if !cache.magazine(class).push_below(state.batch.get(), block) {
        close_or_empty(cache, class);
        return Checked::Unsampled;
    }
    state.until_sample.set(kept - 1);
    Checked::Kept
}

/// Blocks of a closed magazine, from the oldest on, that were counted off.
fn checked(front: &Cache, class: SizeClass) -> u32 {
    front.class(class).seen.get()
}

/// Closes a magazine whose blocks were all counted off: as many again may be pushed as are ready at most.
fn close(front: &Cache, class: SizeClass) {
    let magazine = front.magazine(class);
    let count = magazine.count();
    front.class(class).seen.set(count);
    magazine.close((count + most_ready(class)).min(depth_of(class) as u32));
}

/// There is no room for a freed block: the magazine is closed, or, if it is, what was pushed goes into the magazine behind, as far as that
/// has room. If it has none, the block itself comes to the slow path there, which makes some.
#[cold]
#[inline(never)]
fn close_or_empty(front: &Cache, class: SizeClass) {
    if !front.magazine(class).is_closed() {
        return close(front, class);
    }
    if let Some(counting) = Counting::of(front) {
        counting.inspect(class);
        let behind = counting.own.magazine(class);
        // SAFETY: the thread's own magazine.
        let room = unsafe { behind.limit() }.saturating_sub(behind.count());
        counting
            .give_above(class, front.magazine(class).count().saturating_sub(room).max(checked(front, class)));
    }
}

/// Looks at what the calling thread freed in a row, as its next slow paths would.
pub(crate) fn settle() {
    if let Some(counting) = Counting::current() {
        SizeClass::all().for_each(|class| counting.inspect(class));
    }
}

impl Counting<'_> {
    /// Looks at the blocks that were pushed into a magazine while it was closed.
    pub(super) fn inspect(self, class: SizeClass) {
        let magazine = self.front.magazine(class);
        if magazine.is_closed() {
            magazine
                .above(checked(self.front, class))
                .map(BlockPtr::as_non_null)
                .filter(|block| may_be_sampled(*block))
                .for_each(note_freed);
        }
    }

    /// Opens a closed magazine: its blocks are checked, and as many of them counted off as may be. The others go into the cache behind.
    #[cold]
    fn open(self, class: SizeClass) {
        self.inspect(class);
        let (magazine, counted, left) =
            (self.front.magazine(class), checked(self.front, class), self.left(class));
        let more = (magazine.count() - counted).min(most_ready(class).saturating_sub(counted)).min(left);
        self.set_left(class, left - more);
        self.give_above(class, counted + more);
        magazine.open();
    }

    /// Gives what a magazine has beyond so many blocks to the cache behind.
    pub(super) fn give_above(self, class: SizeClass, kept: u32) {
        let magazine = self.front.magazine(class);
        let _held_off = (magazine.count() > kept).then(|| self.own.hold_off_forks());
        while magazine.count() > kept
            && let Some(block) = magazine.take_newest()
        {
            // SAFETY: the caller's own cache; a block that the program does not have.
            unsafe { self.own.put_by(class, block) };
        }
    }

    /// A block of a magazine that was closed.
    pub(super) fn pop_opened(self, class: SizeClass) -> Option<BlockPtr> {
        let magazine = self.front.magazine(class);
        if !magazine.is_closed() {
            return None;
        }
        self.open(class);
        magazine.pop()
    }
}
