//! Which block size serves which request: eight steps to each doubling.
//!
//! ```text
//!   16 32 48 … 128 │ 144 160 … 256 │ 288 320 … 512 │ … │ 20480 … 32768
//!   steps of 16      steps of 16     steps of 32           steps of 4096
//! ```
//!
//! I1  Above 128 bytes a block is at most 1/8 larger than the request: worst internal fragmentation 12.5 % of the
//!     request (11.1 % of the block). Up to 128 bytes it is at most 15 bytes larger.
//! I2  A class size is a multiple of its own step, so a request rounded up to a power-of-two alignment lands in a class
//!     whose size is a multiple of that alignment; a block, at a multiple of its size in an aligned pool, is aligned.
//!
//! A constant size folds to a constant class. For sizes known only at run time, those up to [`SMALL_BYTES`] are found
//! in one cache line: seven instructions of bit arithmetic less in every inlined allocation than the closed form.
//!
//! Does not know: pools, caches. Idea: geometric size classes with linear sub-steps (Evans 2006, jemalloc).

use crate::layout::{GRANULE_BYTES, GRANULE_SHIFT, LARGEST_CLASS_BYTES};

/// log₂ of the sub-steps in each doubling.
const STEPS_SHIFT: u32 = 3;
/// log₂ of the last size reached in steps of one granule.
const LINEAR_SHIFT: u32 = GRANULE_SHIFT + STEPS_SHIFT;

/// Number of size classes: 72.
pub const CLASS_COUNT: usize =
    (((LARGEST_CLASS_BYTES.trailing_zeros() - LINEAR_SHIFT) + 1) << STEPS_SHIFT) as usize;

/// Largest size whose class is in the table: 1 KiB.
pub const SMALL_BYTES: usize = 1024;

/// The class of each granule up to [`SMALL_BYTES`].
const SMALL_CLASSES: [u8; SMALL_BYTES >> GRANULE_SHIFT] = {
    let mut classes = [0; SMALL_BYTES >> GRANULE_SHIFT];
    let mut granule = 0;
    while granule < classes.len() {
        classes[granule] = SizeClass::of((granule + 1) << GRANULE_SHIFT).0;
        granule += 1;
    }
    classes
};

/// The block size of each class: the slow paths ask often, and the closed form divides. Whatever a byte may be has an
/// entry, so that no index is out of bounds.
const BLOCK_BYTES: [u16; 1 << u8::BITS] = {
    assert!(LARGEST_CLASS_BYTES <= u16::MAX as usize);
    let mut bytes = [0; 1 << u8::BITS];
    let mut index = 0;
    while index < CLASS_COUNT {
        bytes[index] = SizeClass::from_index(index).computed_block_bytes() as u16;
        index += 1;
    }
    bytes
};

/// The index of a size class, below [`CLASS_COUNT`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(transparent)]
pub struct SizeClass(u8);

impl SizeClass {
    /// The class that serves `size` bytes, 1 to [`LARGEST_CLASS_BYTES`].
    ///
    /// A `size` of 0 wraps to a class far out of range: callers round up to one granule first.
    #[inline(always)]
    pub const fn of(size: usize) -> Self {
        debug_assert!(size > 0 && size <= LARGEST_CLASS_BYTES);
        let last = size - 1;
        let doubling = (last | (1 << LINEAR_SHIFT)).ilog2();
        let class =
            (((doubling - LINEAR_SHIFT) << STEPS_SHIFT) as usize) + (last >> (doubling - STEPS_SHIFT));
        Self(class as u8)
    }

    /// The class that serves `size` bytes, 1 to [`SMALL_BYTES`]: three instructions.
    #[inline(always)]
    pub const fn of_small(size: usize) -> Self {
        debug_assert!(size > 0 && size <= SMALL_BYTES);
        Self(SMALL_CLASSES[(size - 1) >> GRANULE_SHIFT])
    }

    /// The class with this index.
    ///
    /// # Panics
    /// In debug builds, if `index` is not below [`CLASS_COUNT`].
    #[inline(always)]
    pub const fn from_index(index: usize) -> Self {
        debug_assert!(index < CLASS_COUNT);
        Self(index as u8)
    }

    /// Its index, 0 to [`CLASS_COUNT`] − 1.
    #[inline(always)]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Bytes of a block of this class.
    #[inline]
    pub const fn block_bytes(self) -> usize {
        BLOCK_BYTES[self.index()] as usize
    }

    const fn computed_block_bytes(self) -> usize {
        let index = self.0 as u32;
        let steps = 1 << STEPS_SHIFT;
        if index < 2 * steps {
            return (index as usize + 1) << GRANULE_SHIFT;
        }
        let doubling = LINEAR_SHIFT + (index - steps) / steps;
        let step = (index - steps) % steps + 1;
        (1 << doubling) + ((step as usize) << (doubling - STEPS_SHIFT))
    }

    /// All classes, smallest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (0..CLASS_COUNT).map(Self::from_index)
    }
}

/// `size` rounded up so that a block of the class of the result is aligned to `align` (I2); at least one granule.
///
/// Saturates instead of overflowing, so the result of an impossible request is larger than any class.
#[inline(always)]
pub const fn padded(size: usize, align: usize) -> usize {
    if align <= GRANULE_BYTES {
        // A size of zero is served by the smallest block; no branch for constants, one `adc` otherwise.
        return if size == 0 { 1 } else { size };
    }
    match size.checked_add(align - 1) {
        Some(sum) => {
            let rounded = sum & !(align - 1);
            if rounded == 0 { align } else { rounded }
        }
        None => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::POOL_BYTES;

    #[test]
    fn the_smallest_class_that_fits_serves_every_size() {
        for size in 1..=LARGEST_CLASS_BYTES {
            let class = SizeClass::of(size);
            assert!(class.block_bytes() >= size, "{size}");
            if class.index() > 0 {
                assert!(SizeClass::from_index(class.index() - 1).block_bytes() < size, "{size}");
            }
        }
    }

    #[test]
    fn the_table_agrees_with_the_closed_form() {
        for size in 1..=SMALL_BYTES {
            assert_eq!(SizeClass::of_small(size), SizeClass::of(size));
        }
    }

    #[test]
    fn classes_grow_and_end_at_the_largest_block() {
        let sizes: std::vec::Vec<usize> = SizeClass::all().map(SizeClass::block_bytes).collect();
        assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(sizes.len(), CLASS_COUNT);
        assert_eq!(*sizes.last().unwrap(), LARGEST_CLASS_BYTES);
        assert_eq!(sizes[0], GRANULE_BYTES);
    }

    #[test]
    fn internal_fragmentation_stays_within_an_eighth() {
        for size in 1..=LARGEST_CLASS_BYTES {
            let lost = SizeClass::of(size).block_bytes() - size;
            if size <= 128 {
                assert!(lost < GRANULE_BYTES);
            } else {
                assert!(lost * 8 <= size, "{size} loses {lost}");
            }
        }
    }

    #[test]
    fn every_alignment_up_to_the_largest_class_is_natural() {
        for shift in 0..=LARGEST_CLASS_BYTES.trailing_zeros() {
            let align = 1_usize << shift;
            for size in 0..=LARGEST_CLASS_BYTES {
                let padded = padded(size, align);
                if padded > LARGEST_CLASS_BYTES {
                    continue;
                }
                let bytes = SizeClass::of(padded).block_bytes();
                assert!(
                    bytes >= size && bytes.is_multiple_of(align.min(POOL_BYTES)) || align < GRANULE_BYTES,
                    "{size} {align}"
                );
            }
        }
    }

    #[test]
    fn an_impossible_request_saturates() {
        assert_eq!(padded(usize::MAX, 64), usize::MAX);
        assert_eq!(padded(0, 64), 64);
        assert_eq!(padded(0, 1), 1);
    }
}
