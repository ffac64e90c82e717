//! Which of many places may have something: a bit for each, and words above them that lead to it.
//!
//! ```text
//!   root                 ■ □ □ ■ …                      a bit: something below may be set
//!                       ┌┘     └────────┐
//!   leaves     □ □ ■ ■ …   ■ □ □ …  …   □ ■ □ …         a bit: this place may have something
//! ```
//!
//! A search goes from the root along set bits, lowest first, so that it costs the depth and not the number of places. Each word
//! is a `Summary` of what is below, by the same rule.
//!
//! I1  A quiet tree misses nothing: a thread that makes a word more than zero raises the bit above it, and one that clears a bit
//!     reads below once more (`summary.rs` I1). A thread that sets another bit in a word that was not zero may rely on the first.
//!
//! Does not know: what is at a place. Model: `loom-tests/tests/p25_index.rs`; mutant `hint_without_its_word`.

use core::ptr::NonNull;
use strata_core::arena::Summary;
use strata_core::masks::bits_of;
use strata_core::sync::init_fresh;
use strata_core::sync::mutation::HINTS_REACH_THE_ROOT;

/// log₂ of the bits of a word that are used.
pub(super) const FAN_SHIFT: u32 = if cfg!(strata_loom) { 1 } else { 6 };
/// Bits of a word that are used.
pub(super) const FAN: usize = 1 << FAN_SHIFT;

/// A tree of `FAN` to the power of `depth` places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hints {
    words: NonNull<Summary>,
    depth: u32,
}

/// Words of a tree.
pub(super) const fn words_of(depth: u32) -> usize {
    words_above(depth)
}

/// Words of the levels above level `level`, of which the root's is 0.
const fn words_above(level: u32) -> usize {
    ((1 << (level * FAN_SHIFT)) - 1) / (FAN - 1)
}

impl Hints {
    /// Makes fresh memory a tree in which nothing is set.
    ///
    /// # Safety
    /// - From `words` on there is memory for [`words_of`] `depth` of them, zero, and the caller's.
    pub(super) unsafe fn init_fresh(words: NonNull<Summary>, depth: u32) {
        for index in 0..words_of(depth) {
            // SAFETY: within the caller's memory.
            let place = unsafe { words.add(index) };
            // SAFETY: within the caller's memory.
            unsafe { init_fresh(place, Summary::none) };
        }
    }

    /// The tree at `words`.
    ///
    /// # Safety
    /// - From `words` on there are [`words_of`] `depth` of them, initialised, for as long as the tree is used.
    pub(super) const unsafe fn at(words: NonNull<Summary>, depth: u32) -> Self {
        Self { words, depth }
    }

    /// Word `index` of a level, of which the root's is 0 and the leaves' is one less than the depth.
    fn word(&self, level: u32, index: usize) -> &Summary {
        debug_assert!(level < self.depth && index < 1 << (level * FAN_SHIFT));
        // SAFETY: within the tree (`at`).
        let place = unsafe { self.words.add(words_above(level) + index) };
        // SAFETY: within the tree (`at`).
        unsafe { place.as_ref() }
    }

    /// The word and the bit that stand for `place` at a level.
    fn above(&self, level: u32, place: usize) -> (&Summary, u32) {
        let number = place >> ((self.depth - 1 - level) * FAN_SHIFT);
        (self.word(level, number >> FAN_SHIFT), (number & (FAN - 1)) as u32)
    }

    /// `place` has something now.
    pub(super) fn raise(&self, place: usize) {
        for level in (0..self.depth).rev() {
            let (word, bit) = self.above(level, place);
            if word.raise(bit) != 0 || !HINTS_REACH_THE_ROOT {
                return;
            }
        }
    }

    /// Calls `ask` place by place, lowest first, until it says yes; of the others, those that are empty are forgotten. Returns whether it did.
    ///
    /// Not generic, as there would be one for each of a dozen questions.
    pub(super) fn find(&self, ask: &mut dyn FnMut(usize) -> bool, is_empty: &dyn Fn(usize) -> bool) -> bool {
        self.find_below(0, 0, ask, is_empty)
    }

    fn find_below(
        &self,
        level: u32,
        index: usize,
        ask: &mut dyn FnMut(usize) -> bool,
        is_empty: &dyn Fn(usize) -> bool,
    ) -> bool {
        let word = self.word(level, index);
        for bit in bits_of(word.hints()) {
            let below = index << FAN_SHIFT | bit as usize;
            if level + 1 == self.depth {
                if ask(below) {
                    return true;
                }
                word.clear_if(bit, || is_empty(below));
            } else {
                if self.find_below(level + 1, below, ask, is_empty) {
                    return true;
                }
                word.clear_if(bit, || self.word(level + 1, below).hints() == 0);
            }
        }
        false
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;
    use std::vec::Vec;

    fn with_tree(depth: u32, test: impl FnOnce(Hints)) {
        let words: Vec<Summary> = (0..words_of(depth)).map(|_| Summary::none()).collect();
        // SAFETY: as many as the depth takes; they live until the test ends.
        test(unsafe { Hints::at(NonNull::from(words.as_slice()).cast(), depth) });
    }

    #[test]
    fn the_words_of_a_level_lie_behind_those_above() {
        assert_eq!([1, 2, 3].map(words_of), [1, 65, 65 + 64 * 64]);
    }

    #[test]
    fn the_lowest_place_that_has_something_is_found_without_a_walk_over_all_others() {
        for (depth, places) in [(1, 64), (2, 4096), (3, 1 << 18)] {
            with_tree(depth, |tree| {
                let set = RefCell::new(BTreeSet::from([0, 1, places / 2, places - 2, places - 1]));
                set.borrow().iter().rev().for_each(|place| tree.raise(*place));
                let asked = Cell::new(0);
                let found = Cell::new(None);
                let mut take = |place: usize| {
                    asked.set(asked.get() + 1);
                    found.set(set.borrow_mut().take(&place));
                    found.get().is_some()
                };
                let is_empty = |place: usize| !set.borrow().contains(&place);
                for place in [0, 1, places / 2, places - 2, places - 1] {
                    assert!(tree.find(&mut take, &is_empty));
                    assert_eq!(found.get(), Some(place));
                }
                assert!(!tree.find(&mut take, &is_empty));
                assert_eq!(asked.get(), 10, "each once when it is there, and once when it is not");
                assert_eq!(tree.word(0, 0).hints(), 0, "all are forgotten");
            });
        }
    }

    #[test]
    fn a_place_where_nothing_fits_is_not_forgotten() {
        with_tree(2, |tree| {
            tree.raise(700);
            assert!(!tree.find(&mut |_| false, &|_| false));
            assert!(tree.find(&mut |place| place == 700, &|_| false));
        });
    }
}
