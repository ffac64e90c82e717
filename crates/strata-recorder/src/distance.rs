//! The distance to the next sample: exponentially distributed, computed in whole numbers only.
//!
//! Each byte that is allocated is a sample with a chance of 1 in `mean`, so a block of Z bytes is sampled with the chance
//! 1 − exp(−Z / mean), whatever was allocated before it. An interrupted thread may be in the midst of floating point, and `core`
//! has no logarithm: so one is computed bit by bit, by squaring.
//!
//! Does not know: who counts. Idea: jemalloc, tcmalloc.

/// Bits behind the point.
const POINT: u32 = 32;
/// Binary digits of a logarithm's fraction that are computed: 2⁻²⁸ is far below what samples can show.
const DIGITS: u32 = 28;
/// ln 2, with `POINT` bits behind the point.
const LN_2: u64 = 2_977_044_472;

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
    // 1 ≤ m < 2, with 63 bits behind the point.
    let mut m = bits << whole;
    let mut fraction = 0;
    for digit in 1..=DIGITS {
        let square = (u128::from(m) * u128::from(m)) >> 63;
        if square >> 64 != 0 {
            fraction |= 1 << (POINT - digit);
            m = (square >> 1) as u64;
        } else {
            m = square as u64;
        }
    }
    // log2 of the whole: −(whole + 1) + 0.fraction.
    let log2 = (u64::from(whole + 1) << POINT) - fraction;
    ((u128::from(log2) * u128::from(LN_2)) >> POINT) as u64
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
