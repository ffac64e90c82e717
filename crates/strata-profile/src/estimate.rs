//! From counts of samples to estimates: each sample of Z bytes stands for 1 / (1 − exp(−Z / mean)) blocks.
//!
//! Each sample is weighed by itself, and then they are summed: to weigh a sum by its average size is off by orders of magnitude where
//! sizes are mixed. The variance of the estimate of n blocks is n · (1 − p) / p, where p is the chance of a sample; n is itself estimated.
//!
//! Does not know: sites. Idea: jemalloc's `PROFILING_INTERNALS.md`.

use crate::Site;
use std::iter::Sum;

/// An estimate. In a difference it may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Values {
    /// Blocks.
    pub blocks: f64,
    /// Bytes.
    pub bytes: f64,
    /// The square of the standard error of `bytes`.
    variance: f64,
}

/// The chance of a block to be sampled.
fn chance(bytes: u64, mean: u64) -> f64 {
    // At a mean of 1 every block is a sample.
    if mean <= 1 { 1.0 } else { -(-(bytes as f64) / mean as f64).exp_m1() }
}

impl Values {
    fn of(samples: i64, bytes: u64, mean: u64) -> Self {
        let (size, chance) = (bytes as f64, chance(bytes, mean));
        let blocks = samples as f64 / chance;
        Self { blocks, bytes: blocks * size, variance: blocks.abs() * (1.0 - chance) / chance * size * size }
    }

    /// The standard error of `bytes`: two thirds of all estimates are no further off.
    pub fn standard_error(&self) -> f64 {
        self.variance.sqrt()
    }
}

impl Sum for Values {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::default(), |sum, value| Self {
            blocks: sum.blocks + value.blocks,
            bytes: sum.bytes + value.bytes,
            variance: sum.variance + value.variance,
        })
    }
}

impl Site {
    /// The bytes that each of its samples stands for.
    pub(crate) fn weight(&self) -> f64 {
        self.bytes as f64 / chance(self.bytes, self.mean)
    }

    /// What lives.
    pub fn live(&self) -> Values {
        Values::of(self.allocated - self.freed, self.bytes, self.mean)
    }

    /// What was allocated.
    pub fn allocated(&self) -> Values {
        Values::of(self.allocated, self.bytes, self.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_stands_for_as_many_blocks_as_there_are_for_each() {
        let small = Values::of(1, 16, 1 << 19);
        assert!((small.blocks - 32_768.5).abs() < 0.01, "{small:?}");
        let large = Values::of(3, 100 << 20, 1 << 19);
        assert!((large.blocks - 3.0).abs() < 1e-9 && large.standard_error() < 1.0, "{large:?}");
        let exact = Values::of(7, 16, 1);
        assert_eq!((exact.blocks, exact.bytes, exact.standard_error()), (7.0, 112.0, 0.0));
    }
}
