//! Which pools of an arena are free: one word, a set bit is a free pool (P8).
//!
//! | bit     | who may change it      | to      | by                     | what becomes visible               |
//! |---------|------------------------|---------|------------------------|------------------------------------|
//! | free    | any thread             | claimed | `claim_*`, CAS Acquire | what the last user did to the pool |
//! | claimed | the one who claimed it | free    | `release`, OR Release  | what this user did to the pool     |
//!
//! I1  A claim takes all of its bits or none: every attempt computes its mask from the word that the CAS compares.
//! I2  A released bit was claimed: `release` asserts it in debug builds.
//!
//! The same type hands out the arenas of a segment and the slots of the cache registry.
//!
//! Does not know: what a bit stands for.
//! Model: `loom-tests/tests/p8_claim_bits.rs`; mutants `bits_release_relaxed`, `bits_claim_relaxed`, `bits_no_retest`.

use crate::sync::mutation::{BITS_CLAIM, BITS_RELEASE, BITS_RETEST};
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// A word of free bits.
#[repr(transparent)]
#[derive(Debug)]
pub struct PoolBits(AtomicU64);

impl PoolBits {
    crate::const_unless_loom! {
        /// Nothing is free: the all-zero state.
        pub fn none() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// The free bits, stale as soon as they are read.
    #[inline]
    pub fn glance(&self) -> u64 {
        // Relaxed: a hint where to try; the claim itself tests again.
        self.0.load(Relaxed)
    }

    /// Claims the lowest free bit.
    pub fn claim_lowest(&self) -> Option<u32> {
        self.claim_where(|free| free & free.wrapping_neg()).map(u64::trailing_zeros)
    }

    /// Claims the lowest run of `length` free bits whose first index is a multiple of `step` (a power of two), one of `liked` bits
    /// if there is any.
    pub fn claim_run(&self, length: u32, step: u32, liked: u64) -> Option<u32> {
        let choose = |free| match lowest_run(free & liked, length, step) {
            0 => lowest_run(free, length, step),
            run => run,
        };
        self.claim_where(choose).map(u64::trailing_zeros)
    }

    /// Whether the word `free` holds a run that [`claim_run`](Self::claim_run) would claim.
    pub const fn has_run(free: u64, length: u32, step: u32) -> bool {
        lowest_run(free, length, step) != 0
    }

    /// The lengths, of 2 to `longest`, of which the word `free` holds a run, shorter ones within longer ones included: a bit for each.
    pub const fn run_lengths(free: u64, longest: u32) -> u64 {
        let (mut starts, mut lengths, mut length) = (free, 0, 1);
        while length < longest {
            starts &= free >> length;
            if starts == 0 {
                break;
            }
            length += 1;
            lengths |= 1 << length;
        }
        lengths
    }

    /// Claims exactly these bits, or none.
    pub fn claim_exactly(&self, mask: u64) -> bool {
        self.claim_where(|free| if free & mask == mask { mask } else { 0 }).is_some()
    }

    /// Claims those of `wanted` that are free, and returns them.
    pub fn claim_among(&self, wanted: u64) -> Option<u64> {
        self.claim_where(|free| free & wanted)
    }

    /// Claims what `choose` picks of the free bits; it is asked again after a lost race (I1).
    fn claim_where(&self, choose: impl Fn(u64) -> u64) -> Option<u64> {
        let mut free = self.glance();
        let mut mask = choose(free);
        while mask != 0 {
            // Acquire (BITS_CLAIM): sees what the last user did; pairs with Release in bits.rs::release.
            // Relaxed on failure: only used to choose again.
            match self.0.compare_exchange(free, free & !mask, BITS_CLAIM, Relaxed) {
                Ok(_) => return Some(mask),
                Err(now) => {
                    free = now;
                    if BITS_RETEST {
                        mask = choose(free);
                    }
                }
            }
        }
        None
    }

    /// Gives bits back; returns what was free before.
    pub fn release(&self, mask: u64) -> u64 {
        // Release (BITS_RELEASE): publishes what this user did; pairs with Acquire in bits.rs::claim_where.
        let before = self.0.fetch_or(mask, BITS_RELEASE);
        debug_assert_eq!(before & mask, 0, "released twice");
        before
    }
}

/// The lowest run of `length` set bits that starts at a multiple of `step`; 0 if there is none.
///
/// Bit i of the running intersection says that bits i … i+n−1 are set; n doubles until it reaches `length`.
const fn lowest_run(free: u64, length: u32, step: u32) -> u64 {
    let mut starts = free;
    let mut covered = 1;
    while covered < length {
        let more = if covered < length - covered { covered } else { length - covered };
        starts &= starts >> more;
        covered += more;
    }
    starts &= multiples_of(step);
    if starts == 0 {
        return 0;
    }
    (u64::MAX >> (64 - length)) << starts.trailing_zeros()
}

/// Bits whose index is a multiple of `step`, a power of two up to 64.
const fn multiples_of(step: u32) -> u64 {
    let mut mask = 1_u64;
    let mut at = step;
    while at < 64 {
        mask |= mask << at;
        at *= 2;
    }
    mask
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    fn naive_run(free: u64, length: u32, step: u32) -> u64 {
        (0..=64 - length)
            .filter(|start| start % step == 0)
            .map(|start| (u64::MAX >> (64 - length)) << start)
            .find(|mask| free & mask == *mask)
            .unwrap_or(0)
    }

    #[test]
    fn a_word_holds_runs_of_the_lengths_that_a_search_finds() {
        let words = [0, 1, 0b11, 0b1011_0111, 0xffff_fffe, 0xf0f0_ff00_0000_00ff, u64::MAX, !1 & !(1 << 40)];
        for free in words {
            let found = (2..=32).filter(|length| PoolBits::has_run(free, *length, 1));
            assert_eq!(
                PoolBits::run_lengths(free, 32),
                found.fold(0, |lengths, length| lengths | 1 << length),
                "{free:x}"
            );
        }
    }

    #[test]
    fn the_lowest_run_is_the_one_a_naive_search_finds() {
        for low in 0..=u64::from(u16::MAX) {
            // Sixteen interesting bits, twice: at the bottom, and across the middle of the word.
            for word in [low, low << 24 | low >> 3] {
                for length in 1..=9 {
                    for step in [1, 2, 4, 8] {
                        assert_eq!(
                            lowest_run(word, length, step),
                            naive_run(word, length, step),
                            "{word:b} {length} {step}"
                        );
                    }
                }
            }
        }
        assert_eq!(lowest_run(u64::MAX, 64, 1), u64::MAX);
        assert_eq!(lowest_run(!1, 32, 32), 0xffff_ffff_0000_0000);
    }

    #[test]
    fn claims_take_all_of_their_bits_or_none() {
        let bits = PoolBits::none();
        bits.release(0b1111_0110);
        assert_eq!(bits.claim_lowest(), Some(1));
        assert_eq!(bits.claim_run(4, 1, 0), Some(4));
        assert_eq!(bits.glance(), 0b100);
        assert!(!bits.claim_exactly(0b110));
        assert_eq!(bits.claim_among(0b111), Some(0b100));
        assert_eq!(bits.claim_lowest(), None);
    }

    #[test]
    fn a_run_of_liked_bits_comes_before_a_lower_one() {
        let bits = PoolBits::none();
        bits.release(0b1111_1110);
        assert_eq!(bits.claim_run(2, 1, 0b1110_1000), Some(5));
        assert_eq!(bits.claim_run(2, 1, 0b1000_1000), Some(1), "none is liked all over");
        assert_eq!(bits.claim_run(1, 1, 0b1000_0000), Some(7));
    }
}
