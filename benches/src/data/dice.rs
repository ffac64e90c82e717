//! Random numbers for the price of one multiplication: for loops whose own work costs little more.
//!
//! A linear congruential generator of 64 bits, of which the upper half is used. [`random`](super::random) is better and slower.

const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
const INCREMENT: u64 = 1_442_695_040_888_963_407;

/// The same throws in every process and on every machine.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice whose throws depend on `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_add(1).wrapping_mul(MULTIPLIER));
        dice.roll(1);
        dice
    }

    /// One of `0..sides`, each as likely as the others; `sides` is at most 2^32.
    #[inline]
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        (((self.0 >> 32) * sides as u64) >> 32) as usize
    }

    /// A size from `least` to `least << doublings`, the end excluded; each doubling is as likely as the others.
    #[inline]
    pub fn size(&mut self, least: usize, doublings: usize) -> usize {
        let base = least << self.roll(doublings);
        base + self.roll(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_comes_up() {
        let mut dice = Dice::new(1);
        let mut seen = [0; 6];
        (0..6_000).for_each(|_| seen[dice.roll(6)] += 1);
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
    }

    #[test]
    fn sizes_stay_in_their_range_and_reach_both_ends() {
        let mut dice = Dice::new(2);
        let sizes: Vec<usize> = (0..10_000).map(|_| dice.size(16, 12)).collect();
        assert!(sizes.iter().all(|size| (16..65_536).contains(size)));
        assert!(sizes.iter().any(|size| *size < 32) && sizes.iter().any(|size| *size > 60_000));
    }
}
