//! Which block size serves which request: eight steps to each doubling.
//!
//! ```text
//!   16 32 48 … 128 │ 144 160 … 256 │ 288 320 … 512 │ … │ 144 KiB … 256 KiB
//!   steps of 16      steps of 16     steps of 32           steps of 16 KiB
//! ```
//!
//! I1  Above 128 bytes a block is at most 1/8 larger than the request: worst internal fragmentation 12.5 % of the
//!     request (11.1 % of the block). Up to 128 bytes it is at most 15 bytes larger.
//! I2  A class size is a multiple of its own step, so a request rounded up to a power-of-two alignment lands in a class
//!     whose size is a multiple of that alignment; a block, at a multiple of its size in an aligned pool, is aligned, up to a pool's
//!     own alignment.
//! I3  Blocks above 8 KiB come in *spans*, neighbouring pools that serve the class together, so that at most a twelfth of the
//!     addresses lies behind the last block (mostly 1/64). A span is as short as that allows.
//!
//! A constant size folds to a constant class. For sizes known only at run time, those up to [`SMALL_BYTES`] are found
//! in one cache line: seven instructions of bit arithmetic less in every inlined allocation than the closed form.
//!
//! Does not know: pools, caches. Ideas: geometric size classes with linear sub-steps (Evans 2006, jemalloc); spans as long as their
//! class divides them well (tcmalloc). Decisions 0007, 0038.

use crate::layout::{
    GRANULE_BYTES, GRANULE_SHIFT, LARGEST_CLASS_BYTES, LARGEST_SINGLE_BYTES, MOST_SPAN_POOLS, POOL_BYTES,
};

/// log₂ of the sub-steps in each doubling.
const STEPS_SHIFT: u32 = 3;
/// log₂ of the last size reached in steps of one granule.
const LINEAR_SHIFT: u32 = GRANULE_SHIFT + STEPS_SHIFT;

/// Number of size classes: 96.
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
const BLOCK_BYTES: [u32; 1 << u8::BITS] = {
    let mut bytes = [0; 1 << u8::BITS];
    let mut index = 0;
    while index < CLASS_COUNT {
        bytes[index] = SizeClass::from_index(index).computed_block_bytes() as u32;
        index += 1;
    }
    bytes
};

/// The span of each class, in pools.
const SPANS: [u8; CLASS_COUNT] = {
    let mut spans = [0; CLASS_COUNT];
    let mut index = 0;
    while index < CLASS_COUNT {
        spans[index] = span_of(SizeClass::from_index(index).computed_block_bytes());
        index += 1;
    }
    spans
};

/// The part of a span that may lie behind its last block for nothing, if the span can be had so.
const WASTED_PART: usize = 64;

/// The fewest pools of which blocks of this size waste little; or those of which they waste least (I3).
const fn span_of(block_bytes: usize) -> u8 {
    let (mut least, mut pools) = (1, 1);
    if block_bytes <= LARGEST_SINGLE_BYTES {
        return 1;
    }
    while pools <= MOST_SPAN_POOLS {
        if pools * POOL_BYTES >= block_bytes {
            // Parts, not bytes, are compared.
            if least * POOL_BYTES < block_bytes
                || wasted(pools, block_bytes) * least < wasted(least, block_bytes) * pools
            {
                least = pools;
            }
            if wasted(pools, block_bytes) * WASTED_PART <= pools * POOL_BYTES {
                return pools as u8;
            }
        }
        pools += 1;
    }
    least as u8
}

/// Bytes behind the last block of a span.
const fn wasted(pools: usize, block_bytes: usize) -> usize {
    pools * POOL_BYTES % block_bytes
}

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

    /// Neighbouring pools that serve the class together: 1 up to 8 KiB, 8 at most (I3).
    #[inline]
    pub const fn span_pools(self) -> u32 {
        SPANS[self.index()] as u32
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
/// Saturates instead of overflowing, so the result of an impossible request is larger than any class. Where the result is more than a
/// pool, a class serves it only if [`has_class`] says so.
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

/// Whether a class serves a padded size: one that is not too large, nor better aligned than pools are.
pub const fn has_class(padded_size: usize, align: usize) -> bool {
    padded_size <= LARGEST_CLASS_BYTES && align <= POOL_BYTES
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
    fn a_span_is_short_and_wastes_little() {
        let (mut wasted_parts, mut spans) = (0.0, 0);
        for class in SizeClass::all() {
            let (block, span) = (class.block_bytes(), class.span_pools() as usize * POOL_BYTES);
            let wasted = span % block;
            assert!(span >= block && wasted * 10 <= span, "{block} in {span}");
            if block <= LARGEST_SINGLE_BYTES {
                assert_eq!(span, POOL_BYTES);
            } else {
                (wasted_parts, spans) = (wasted_parts + wasted as f64 / span as f64, spans + 1);
            }
        }
        assert!(wasted_parts / f64::from(spans) < 0.022, "{}", wasted_parts / f64::from(spans));
        let pools = |kib: usize| SizeClass::of(kib << 10).span_pools();
        assert_eq!([8, 9, 24, 32, 64, 80, 128, 192].map(pools), [1, 1, 3, 1, 1, 5, 2, 3]);
    }

    #[test]
    fn an_impossible_request_saturates() {
        assert_eq!(padded(usize::MAX, 64), usize::MAX);
        assert_eq!(padded(0, 64), 64);
        assert_eq!(padded(0, 1), 1);
        assert!(
            has_class(padded(1, POOL_BYTES), POOL_BYTES)
                && !has_class(padded(1, 2 * POOL_BYTES), 2 * POOL_BYTES)
        );
        assert!(has_class(LARGEST_CLASS_BYTES, 1) && !has_class(LARGEST_CLASS_BYTES + 1, 1));
    }
}
