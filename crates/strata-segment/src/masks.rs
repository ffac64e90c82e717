//! Words in which each bit stands for a pool, or for an arena.
//!
//! Does not know: which ones.

/// The indices of the set bits, lowest first.
pub(crate) fn bits_of(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < 64).then_some(bit)
    })
}

/// The runs of neighbouring set bits, lowest first.
pub(crate) fn runs_of(mut word: u64) -> impl Iterator<Item = u64> {
    core::iter::from_fn(move || {
        let first = word.trailing_zeros();
        let run = run_mask(first, (word.checked_shr(first)?).trailing_ones());
        word &= !run;
        Some(run)
    })
}

/// `length` bits from `start` on.
pub(crate) const fn run_mask(start: u32, length: u32) -> u64 {
    if length == 0 { 0 } else { (u64::MAX >> (64 - length)) << start }
}

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
    }
}
