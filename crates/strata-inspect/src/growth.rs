//! What changed while a process was watched: several moments, evenly apart.
//!
//! A cache without a bound shows thus: at every moment there are more blocks of some classes, and of none are there fewer
//! by much. What grows and is about to shrink, such as a queue, resembles it for a while; the longer the watch, the surer.
//!
//! Does not know: who allocates.

use crate::stats::{ClassStats, Stats};
use strata_core::size_class::CLASS_COUNT;

/// Classes that are told by name.
const TOLD: usize = 3;

/// How one class grew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassGrowth {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Blocks more at the end than at the beginning.
    pub blocks: u64,
}

/// What changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Growth {
    /// Milliseconds between the first moment and the last.
    pub milliseconds: u64,
    /// Bytes that the program has more; negative: fewer.
    pub live_bytes: i64,
    /// Whether there was more in blocks of size classes at each moment than at the one before. (A table that becomes larger is there twice
    /// for a moment, and huge.)
    pub is_steady: bool,
    /// Steps between moments.
    pub steps: usize,
    /// Of those, the ones that have a good part of the growth: an eighth. One alone is a table that became larger, for example.
    pub growing_steps: usize,
    /// Classes of which there were more blocks at each moment than at the one before, most bytes first.
    pub steady: [ClassGrowth; TOLD],
    /// How many such classes there are.
    pub steady_classes: usize,
    /// Bytes by which they grew together.
    pub steady_bytes: u64,
    /// Bytes by which all other classes shrank together.
    pub shrunk_bytes: u64,
}

impl Growth {
    /// Compares moments, the first one first. `None`: fewer than two.
    pub fn between(moments: &[Stats], milliseconds: u64) -> Option<Self> {
        let (first, last) = (moments.first()?, moments.last()?);
        let steps = moments.len().checked_sub(1).filter(|steps| *steps > 0)?;
        let between = |first: &Stats, last: &Stats| {
            last.allocated_bytes().cast_signed() - first.allocated_bytes().cast_signed()
        };
        let live_bytes = between(first, last);
        let is_good_part = |pair: &&[Stats]| between(&pair[0], &pair[1]) > (live_bytes / 8).max(0);
        let mut growth = Self {
            milliseconds,
            live_bytes,
            growing_steps: moments.windows(2).filter(is_good_part).count(),
            is_steady: moments.windows(2).all(|pair| pair[1].live_bytes > pair[0].live_bytes),
            steps,
            ..Self::default()
        };
        (0..CLASS_COUNT).for_each(|class| growth.add_class(class, moments));
        Some(growth)
    }

    fn add_class(&mut self, class: usize, moments: &[Stats]) {
        let of = |stats: &Stats| stats.classes.get(class).map_or(0, ClassStats::live_bytes);
        let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return };
        let block_bytes = last.classes.get(class).map_or(1, |class| class.block_bytes);
        let (before, after) = (of(first), of(last));
        if moments.windows(2).all(|pair| of(&pair[1]) > of(&pair[0])) {
            self.steady_classes += 1;
            self.steady_bytes += after - before;
            self.tell(ClassGrowth { block_bytes, blocks: (after - before) / block_bytes });
        } else {
            self.shrunk_bytes += before.saturating_sub(after);
        }
    }

    fn tell(&mut self, class: ClassGrowth) {
        let bytes = |class: &ClassGrowth| class.block_bytes * class.blocks;
        if let Some(at) = self.steady.iter().position(|other| bytes(&class) > bytes(other))
            && let Some(behind) = self.steady.get_mut(at..)
        {
            behind.rotate_right(1);
            behind[0] = class;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(blocks: &[(usize, u64)]) -> Stats {
        let mut stats = Stats::zero();
        blocks.iter().for_each(|(class, count)| stats.classes[*class].live_blocks = *count);
        stats.sum_classes();
        stats
    }

    #[test]
    fn what_grows_at_every_step_is_steady_and_the_rest_is_not() {
        let moments = [
            moment(&[(2, 100), (5, 50), (7, 9)]),
            moment(&[(2, 200), (5, 60), (7, 2)]),
            moment(&[(2, 300), (5, 55), (7, 3)]),
        ];
        let growth = Growth::between(&moments, 2000).unwrap();
        assert!(growth.is_steady && growth.steady_classes == 1);
        assert_eq!(growth.steady[0], ClassGrowth { block_bytes: 48, blocks: 200 });
        assert_eq!((growth.steady_bytes, growth.shrunk_bytes), (9600, 6 * 128));
    }

    #[test]
    fn one_moment_says_nothing_and_a_shrinking_one_is_negative() {
        assert!(Growth::between(&[moment(&[])], 0).is_none());
        let growth = Growth::between(&[moment(&[(0, 10)]), moment(&[(0, 4)])], 1).unwrap();
        assert_eq!((growth.live_bytes, growth.is_steady, growth.steady_classes), (-96, false, 0));
    }
}
