//! The distance to the next sample: exponentially distributed, computed in whole numbers only.
//!
//! Each byte that is allocated is a sample with a chance of 1 in `mean`, so a block of Z bytes is sampled with the chance
//! 1 − exp(−Z / mean), whatever was allocated before it. An interrupted thread may be in the midst of floating point, and `core`
//! has no logarithm: so one is computed in whole numbers, by a series.
//!
//! Does not know: who counts. Idea: jemalloc, tcmalloc.

/// Bits behind the point.
const POINT: u32 = 32;
/// ln 2, with `POINT` bits behind the point.
const LN_2: u64 = 2_977_044_472;
/// √2, with 63 bits behind the point.
const SQRT_2: u64 = 0xb504_f333_f9de_6484;
/// 1, with the 61 bits behind the point that a mantissa has below.
const ONE: i64 = 1 << 61;
/// Bits behind the point of what the series is computed from.
const FINE: u32 = 31;

/// From the state of a generator, which is not 0: the bytes before the next one that is a sample, and the generator's next state.
pub fn draw(state: u64, mean: u64) -> (u64, u64) {
    let state = next(state);
    (bytes_before_sample(number(state), mean), state)
}

/// The state behind another (xorshift64*; Vigna 2016).
fn next(mut bits: u64) -> u64 {
    bits ^= bits >> 12;
    bits ^= bits << 25;
    bits ^= bits >> 27;
    bits
}

/// The random number of a state.
fn number(state: u64) -> u64 {
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// −ln(bits / 2⁶⁴), with `POINT` bits behind the point.
fn exponential(bits: u64) -> u64 {
    let bits = bits.max(1);
    let whole = bits.leading_zeros();
    let m = bits << whole;
    // bits / 2⁶⁴ = mantissa / 2^halvings, with 1/√2 ≤ mantissa < √2.
    let (halvings, mantissa) = if m >= SQRT_2 { (whole, m >> 3) } else { (whole + 1, m >> 2) };
    (u64::from(halvings) * LN_2).saturating_add_signed(-logarithm(mantissa.cast_signed()))
}

/// ln of a number from 1/√2 to √2, which has 61 bits behind the point; with `POINT` bits behind it.
///
/// ln m = 2 artanh z = 2 z (1 + z²/3 + z⁴/5 + …), z being (m − 1) / (m + 1), at most 0.172: what is left out is below 2⁻²⁸.
fn logarithm(m: i64) -> i64 {
    let z = (m - ONE) / ((m + ONE) >> FINE);
    let square = (z * z) >> FINE;
    let series =
        [7, 5, 3, 1].iter().fold((1 << FINE) / 9, |sum, odd| (1 << FINE) / odd + ((sum * square) >> FINE));
    (z * series) >> (2 * FINE - POINT - 1)
}

/// How many blocks of this size come before the next one that is sampled.
#[doc(hidden)]
pub fn blocks_before_sample(random: u64, mean: u64, block_bytes: usize) -> u64 {
    bytes_before_sample(random, mean) / block_bytes as u64
}

/// How many bytes come before the next one that is a sample.
fn bytes_before_sample(random: u64, mean: u64) -> u64 {
    if mean <= 1 {
        return 0;
    }
    let bytes = (u128::from(exponential(random)) * u128::from(mean)) >> POINT;
    bytes.min(u64::MAX.into()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithm_is_right_to_many_digits() {
        for bits in [1, 2, 3, 1 << 20, (1 << 63) - 1, 1 << 63, (1 << 63) + 12345, u64::MAX / 3, u64::MAX] {
            let expected = -(bits as f64 / 2f64.powi(64)).ln();
            let got = exponential(bits) as f64 / 2f64.powi(32);
            assert!((got - expected).abs() < 1e-7 * (1.0 + expected), "{bits}: {got} {expected}");
        }
    }

    #[test]
    fn blocks_are_sampled_with_the_chance_of_their_bytes() {
        let mut state = 0x7ce5_1d33_0bb1_0a2d;
        for bytes in [16, 4096, 65_536, 1 << 20, 4 << 20] {
            let mean = 1 << 19;
            let chance = 1.0 - (-(bytes as f64) / mean as f64).exp();
            let (mut blocks, samples) = (0, 40_000);
            for _ in 0..samples {
                let (before, next) = draw(state, mean);
                state = next;
                blocks += before / bytes as u64 + 1;
            }
            let expected = f64::from(samples) / chance;
            let deviation = f64::from(samples).sqrt() * (1.0 - chance).sqrt() / chance;
            assert!((blocks as f64 - expected).abs() < 5.0 * deviation + 1.0, "{bytes}: {blocks} {expected}");
        }
    }

    #[test]
    fn a_mean_of_one_samples_every_block() {
        assert_eq!((blocks_before_sample(0, 1, 16), draw(99, 1).0), (0, 0));
    }
}
