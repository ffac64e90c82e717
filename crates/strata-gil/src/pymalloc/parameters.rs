//! The free choices of the design, in two sets; every other size follows from them.
//!
//! | set     | arena   | pool   | alignment | classes | is it ours?              | as in CPython       |
//! |---------|---------|--------|-----------|---------|--------------------------|---------------------|
//! | Classic | 256 KiB | 4 KiB  | 8         | 64      | index in the pool header | up to 3.7           |
//! | Current | 1 MiB   | 16 KiB | 16        | 32      | radix tree               | since 3.10, 64 bits |
//!
//! Both have at most 64 pools to an arena and at most 64 classes: the fixed arrays of `used.rs` and `usable.rs` rely on it.
//!
//! Does not know: any algorithm.

use super::address::{AddressTest, HeaderIndex, RadixTree};

/// Larger requests take the system path.
pub(crate) const SMALL_BYTES: usize = 512;
/// Room for the classes of either set.
pub(crate) const CLASS_COUNT_MAX: usize = 64;
/// Room for the pools of either set's arenas.
pub(crate) const POOL_COUNT_MAX: usize = 64;

/// One set of choices: [`Classic`] or [`Current`]. Sealed, since the fixed arrays fit these two.
pub trait Parameters: Set {
    /// The name of the set.
    const NAME: &'static str;
    /// An arena has `1 << ARENA_SHIFT` bytes.
    const ARENA_SHIFT: u32;
    /// A pool has `1 << POOL_SHIFT` bytes.
    const POOL_SHIFT: u32;
    /// Blocks are aligned to, and classes differ by, `1 << ALIGNMENT_SHIFT` bytes.
    const ALIGNMENT_SHIFT: u32;
}

/// What a set holds besides numbers.
pub trait Set: 'static {
    /// How a heap recognises its own blocks.
    type Addresses: AddressTest;
}

/// The sizes that follow; they cannot be chosen differently.
pub(crate) trait Sizes: Parameters {
    const ARENA_BYTES: usize = 1 << Self::ARENA_SHIFT;
    const POOL_BYTES: usize = 1 << Self::POOL_SHIFT;
    const ALIGNMENT_BYTES: usize = 1 << Self::ALIGNMENT_SHIFT;
    const CLASS_COUNT: usize = SMALL_BYTES >> Self::ALIGNMENT_SHIFT;
}

impl<P: Parameters> Sizes for P {}

/// The design as it was until 3.7.
#[derive(Clone, Copy, Debug)]
pub struct Classic;

/// The design as it is since 3.10.
#[derive(Clone, Copy, Debug)]
pub struct Current;

impl Parameters for Classic {
    const NAME: &'static str = "classic";
    const ARENA_SHIFT: u32 = 18;
    const POOL_SHIFT: u32 = 12;
    const ALIGNMENT_SHIFT: u32 = 3;
}

impl Set for Classic {
    type Addresses = HeaderIndex;
}

impl Parameters for Current {
    const NAME: &'static str = "current";
    const ARENA_SHIFT: u32 = 20;
    const POOL_SHIFT: u32 = 14;
    const ALIGNMENT_SHIFT: u32 = 4;
}

impl Set for Current {
    type Addresses = RadixTree;
}

const _: () = assert!(Classic::CLASS_COUNT <= CLASS_COUNT_MAX && Current::CLASS_COUNT <= CLASS_COUNT_MAX);
const _: () = assert!(Classic::ARENA_BYTES / Classic::POOL_BYTES <= POOL_COUNT_MAX);
const _: () = assert!(Current::ARENA_BYTES / Current::POOL_BYTES <= POOL_COUNT_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_sets_have_the_published_sizes() {
        assert_eq!([Classic::ARENA_BYTES, Classic::POOL_BYTES, Classic::CLASS_COUNT], [262_144, 4096, 64]);
        assert_eq!(
            [Current::ARENA_BYTES, Current::POOL_BYTES, Current::CLASS_COUNT],
            [1_048_576, 16_384, 32]
        );
        assert_eq!([Classic::ALIGNMENT_BYTES, Current::ALIGNMENT_BYTES], [8, 16]);
    }
}
