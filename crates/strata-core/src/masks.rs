//! Words in which each bit stands for a thing: a pool, an arena, a slot; and, twice as wide, a subpage of a span.
//!
//! Does not know: which thing.

macro_rules! of_words {
    ($word:ty: $bits_of:ident, $runs_of:ident, $run_mask:ident) => {
        /// The indices of the set bits, lowest first.
        pub fn $bits_of(mut word: $word) -> impl Iterator<Item = u32> {
            core::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                word &= word.wrapping_sub(1);
                (bit < <$word>::BITS).then_some(bit)
            })
        }

        /// The runs of neighbouring set bits, lowest first.
        pub fn $runs_of(mut word: $word) -> impl Iterator<Item = $word> {
            core::iter::from_fn(move || {
                let first = word.trailing_zeros();
                let run = $run_mask(first, (word.checked_shr(first)?).trailing_ones());
                word &= !run;
                Some(run)
            })
        }

        /// `length` bits from `start` on.
        pub const fn $run_mask(start: u32, length: u32) -> $word {
            if length == 0 { 0 } else { (<$word>::MAX >> (<$word>::BITS - length)) << start }
        }
    };
}

of_words!(u64: bits_of, runs_of, run_mask);
of_words!(u128: wide_bits_of, wide_runs_of, wide_run_mask);

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn runs_of_bits_end_at_gaps() {
        assert_eq!(runs_of(0b1011_0110).collect::<Vec<_>>(), [0b110, 0b11_0000, 0b1000_0000]);
        assert_eq!(runs_of(u64::MAX).collect::<Vec<_>>(), [u64::MAX]);
        assert_eq!(runs_of(1 << 63).collect::<Vec<_>>(), [1 << 63]);
        assert_eq!(runs_of(0).count(), 0);
        assert_eq!(wide_runs_of(0b11 << 63 | 1 << 127).collect::<Vec<_>>(), [0b11 << 63, 1 << 127]);
        assert_eq!((wide_runs_of(u128::MAX).next(), wide_runs_of(0).count()), (Some(u128::MAX), 0));
    }

    #[test]
    fn bits_come_from_the_lowest_on() {
        assert_eq!(bits_of(1 << 63 | 0b101).collect::<Vec<_>>(), [0, 2, 63]);
        assert_eq!(wide_bits_of(1 << 127 | 1 << 64).collect::<Vec<_>>(), [64, 127]);
    }
}
