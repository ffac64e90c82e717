//! Which size class serves a request, and how long its blocks are.
//!
//! ```text
//! index = (request - 1) >> shift        block = (index + 1) << shift
//! ```
//!
//! Does not know: pools, arenas.

use super::parameters::{CLASS_COUNT_MAX, Parameters, SMALL_BYTES, Sizes};
use super::pool::HEADER_BYTES;

/// A size class of the set in use: below `CLASS_COUNT`, thus below 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClassIndex(u32);

impl ClassIndex {
    /// The class of a request, or none: 0 and more than 512 bytes take the system path.
    #[inline]
    pub(crate) fn of<P: Parameters>(request: usize) -> Option<Self> {
        // One comparison: 0 wraps to the largest number.
        let last_byte = request.wrapping_sub(1);
        (last_byte < SMALL_BYTES).then_some(Self((last_byte >> P::ALIGNMENT_SHIFT) as u32))
    }

    /// A class as it was stored in a pool's header.
    #[inline]
    pub(crate) fn stored(index: u32) -> Self {
        debug_assert!((index as usize) < CLASS_COUNT_MAX);
        Self(index)
    }

    pub(crate) fn all<P: Parameters>() -> impl Iterator<Item = Self> {
        (0..P::CLASS_COUNT as u32).map(Self)
    }

    #[inline]
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// Its place in an array of 64. The mask changes nothing and spares the check.
    #[inline]
    pub(crate) fn slot(self) -> usize {
        self.0 as usize & (CLASS_COUNT_MAX - 1)
    }

    #[inline]
    pub(crate) fn bytes<P: Parameters>(self) -> usize {
        (self.0 as usize + 1) << P::ALIGNMENT_SHIFT
    }

    /// Blocks in one pool.
    pub(crate) fn blocks<P: Parameters>(self) -> usize {
        (P::POOL_BYTES - HEADER_BYTES) / self.bytes::<P>()
    }

    /// What is left behind the last block.
    pub(crate) fn quantization<P: Parameters>(self) -> usize {
        (P::POOL_BYTES - HEADER_BYTES) % self.bytes::<P>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::parameters::{Classic, Current};
    use super::*;

    fn every_request_gets_the_smallest_class_that_fits<P: Parameters>() {
        for request in 1..=SMALL_BYTES {
            let class = ClassIndex::of::<P>(request).unwrap();
            assert!(class.bytes::<P>() >= request);
            assert!(class.bytes::<P>() - request < P::ALIGNMENT_BYTES);
            assert!(class.slot() < P::CLASS_COUNT);
        }
    }

    #[test]
    fn every_request_gets_the_smallest_class_that_fits_in_both_sets() {
        every_request_gets_the_smallest_class_that_fits::<Classic>();
        every_request_gets_the_smallest_class_that_fits::<Current>();
    }

    #[test]
    fn zero_and_more_than_512_have_no_class() {
        for request in [0, 513, 4096, usize::MAX] {
            assert_eq!(ClassIndex::of::<Classic>(request), None);
            assert_eq!(ClassIndex::of::<Current>(request), None);
        }
    }

    #[test]
    fn boundaries_fall_between_multiples_of_the_alignment() {
        let numbers = |requests: [usize; 4]| requests.map(|n| ClassIndex::of::<Current>(n).unwrap().number());
        assert_eq!(numbers([1, 16, 17, 512]), [0, 0, 1, 31]);
        let numbers = |requests: [usize; 4]| requests.map(|n| ClassIndex::of::<Classic>(n).unwrap().number());
        assert_eq!(numbers([1, 8, 9, 512]), [0, 0, 1, 63]);
    }

    #[test]
    fn pools_hold_the_published_number_of_blocks() {
        let current = [16, 32, 512].map(|n| ClassIndex::of::<Current>(n).unwrap().blocks::<Current>());
        assert_eq!(current, [1021, 510, 31]);
        let classic = [8, 16, 512].map(|n| ClassIndex::of::<Classic>(n).unwrap().blocks::<Classic>());
        assert_eq!(classic, [506, 253, 7]);
    }
}
