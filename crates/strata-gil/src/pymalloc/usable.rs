//! Arenas with free pools, in ascending order of how many: the fullest serves first, so the emptiest can drain.
//!
//! ```text
//! front ──► 2 ⇄ 2 ⇄ 5 ⇄ 63             last_with[2] ─► the second, [5] ─► the third, [63] ─► the last
//! ```
//!
//! Counts change by one at a time, so one read of `last_with` restores the order: an arena that gains a pool goes right
//! behind the last one that has as few as it had. No search, whatever the number of arenas.
//!
//! | the pool that came back …                      | `Moved`   | the caller                         |
//! |------------------------------------------------|-----------|------------------------------------|
//! | 1 left all pools free, and emptier ones remain | `Drained` | gives the arena back to the system |
//! | 2 is the arena's only free one                 | `Joined`  | –                                  |
//! | 3 put it out of order                          | `Behind`  | –                                  |
//! | 4 left it in order                             | `Stayed`  | –                                  |
//!
//! The last arena of the list stays although it is free: one allocation more or less at the border of an arena
//! would otherwise map and unmap it each time.
//!
//! I1  The list ascends by `free_count`, and holds exactly the arenas whose count is not 0.
//! I2  `last_with[n]` is the last arena of the list whose count is n, or none.
//!
//! Does not know: pools, memory.
//! Idea: the order, CPython's obmalloc (Tim Peters, 2006); `last_with`, the same (2019, for 3.8).

use super::arena::Arena;
use super::parameters::POOL_COUNT_MAX;
use super::table::{ArenaIndex, ArenaTable};

pub(crate) struct UsableArenas {
    front: Option<ArenaIndex>,
    last_with: [Option<ArenaIndex>; POOL_COUNT_MAX + 1],
}

/// Which of the four cases a returned pool was.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Case 1: out of the list; unmap it.
    Drained,
    /// Case 2: into the list, at the front.
    Joined,
    /// Case 3: towards the back.
    Behind,
    /// Case 4.
    Stayed,
}

impl UsableArenas {
    pub(crate) const EMPTY: Self = Self { front: None, last_with: [None; POOL_COUNT_MAX + 1] };

    #[inline]
    pub(crate) fn front(&self) -> Option<ArenaIndex> {
        self.front
    }

    /// A new arena joins the list, which is empty: arenas are made only when none is usable.
    pub(crate) fn start(&mut self, arenas: &mut ArenaTable, index: ArenaIndex) {
        debug_assert!(self.front.is_none());
        self.push_front(arenas, index);
        self.set_last_with(arenas.at(index).free_count(), Some(index));
    }

    /// The front arena gave a pool away: it had the fewest, so it stays the front, unless it has none left.
    pub(crate) fn after_take(&mut self, arenas: &mut ArenaTable) {
        let Some(front) = self.front else { return };
        let left = arenas.at(front).free_count();
        if self.last_with(left + 1) == Some(front) {
            self.set_last_with(left + 1, None);
        }
        if left == 0 {
            self.remove(arenas, front);
        } else {
            self.set_last_with(left, Some(front));
        }
    }

    /// The arena `index` got a pool back.
    pub(crate) fn after_give(&mut self, arenas: &mut ArenaTable, index: ArenaIndex) -> Moved {
        let count = arenas.at(index).free_count();
        let last_equal = self.last_with(count - 1);
        self.forget_as_last(arenas, index, count - 1);
        if is_spare(arenas.at(index)) {
            self.remove(arenas, index);
            return Moved::Drained;
        }
        if self.last_with(count).is_none() {
            self.set_last_with(count, Some(index));
        }
        if count == 1 {
            self.push_front(arenas, index);
            return Moved::Joined;
        }
        self.reorder(arenas, index, last_equal)
    }

    /// Cases 3 and 4: `last_equal` was the last arena with the count that `index` had.
    fn reorder(
        &mut self,
        arenas: &mut ArenaTable,
        index: ArenaIndex,
        last_equal: Option<ArenaIndex>,
    ) -> Moved {
        match last_equal {
            Some(anchor) if anchor != index => {
                self.remove(arenas, index);
                insert_behind(arenas, anchor, index);
                Moved::Behind
            }
            _ => Moved::Stayed,
        }
    }

    /// `index` no longer has `count`; if it was the last one that had, the one before it may be.
    fn forget_as_last(&mut self, arenas: &mut ArenaTable, index: ArenaIndex, count: usize) {
        if count == 0 || self.last_with(count) != Some(index) {
            return;
        }
        let before = arenas.at(index).prev.filter(|&prev| arenas.at(prev).free_count() == count);
        self.set_last_with(count, before);
    }

    fn push_front(&mut self, arenas: &mut ArenaTable, index: ArenaIndex) {
        let next = self.front.replace(index);
        let arena = arenas.at(index);
        arena.next = next;
        arena.prev = None;
        if let Some(next) = next {
            arenas.at(next).prev = Some(index);
        }
    }

    fn remove(&mut self, arenas: &mut ArenaTable, index: ArenaIndex) {
        let Arena { next, prev, .. } = *arenas.at(index);
        match prev {
            Some(prev) => arenas.at(prev).next = next,
            None => self.front = next,
        }
        if let Some(next) = next {
            arenas.at(next).prev = prev;
        }
    }

    fn last_with(&self, count: usize) -> Option<ArenaIndex> {
        self.last_with.get(count).copied().flatten()
    }

    fn set_last_with(&mut self, count: usize, index: Option<ArenaIndex>) {
        if let Some(slot) = self.last_with.get_mut(count) {
            *slot = index;
        }
    }
}

/// All pools free, and not the last usable arena. (A wholly free one is last, unless others are wholly free too.)
fn is_spare(arena: &Arena) -> bool {
    arena.free_count() == arena.total_count() && arena.next.is_some()
}

fn insert_behind(arenas: &mut ArenaTable, anchor: ArenaIndex, index: ArenaIndex) {
    let next = arenas.at(anchor).next.replace(index);
    let arena = arenas.at(index);
    arena.prev = Some(anchor);
    arena.next = next;
    if let Some(next) = next {
        arenas.at(next).prev = Some(index);
    }
}

#[cfg(test)]
#[path = "usable_tests.rs"]
mod tests;
