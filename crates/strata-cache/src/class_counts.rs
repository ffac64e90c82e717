//! A small count for each class, several to a word: a cache has a few of them, and counts seldom.
//!
//! Does not know: what is counted, and up to where.

use strata_core::size_class::SizeClass;
use strata_core::sync::OwnedU32;

/// Words for the counts, of so many bits each, of the first `classes`.
pub(crate) const fn words_for(classes: usize, bits: usize) -> usize {
    (classes * bits).div_ceil(u32::BITS as usize)
}

/// Counts of `BITS` bits, a power of two, in `WORDS` words; classes beyond have none.
#[derive(Debug)]
pub(crate) struct ClassCounts<const BITS: usize, const WORDS: usize>([OwnedU32; WORDS]);

impl<const BITS: usize, const WORDS: usize> ClassCounts<BITS, WORDS> {
    const A_WORD: usize = u32::BITS as usize / BITS;
    /// The largest count.
    pub(crate) const LARGEST: u32 = (1 << BITS) - 1;

    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self(strata_core::each_slot!(OwnedU32::zero(); WORDS))
        }
    }

    /// Nothing was counted.
    pub(crate) fn forget(&self) {
        self.0.iter().for_each(|word| word.set(0));
    }

    /// Nothing was counted for a class.
    pub(crate) fn forget_class(&self, class: SizeClass) {
        if let Some((word, shift)) = self.place(class) {
            word.set(word.get() & !(Self::LARGEST << shift));
        }
    }

    /// Counts one more for a class, up to `most`, which is no more than [`LARGEST`](Self::LARGEST); `false`: it is there already,
    /// or has no count.
    pub(crate) fn count_up_to(&self, most: u32, class: SizeClass) -> bool {
        let Some((word, shift)) = self.place(class) else { return false };
        let is_below = word.get() >> shift & Self::LARGEST < most;
        if is_below {
            word.set(word.get() + (1 << shift));
        }
        is_below
    }

    fn place(&self, class: SizeClass) -> Option<(&OwnedU32, usize)> {
        let word = self.0.get(class.index() / Self::A_WORD)?;
        Some((word, class.index() % Self::A_WORD * BITS))
    }
}
