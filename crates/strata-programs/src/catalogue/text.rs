//! Text from a fixed seed, for programs that read: words of a small language, some often, most seldom.

use std::fmt::Write;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const SYLLABLES: [&str; 16] =
    ["ka", "lo", "mi", "ru", "ten", "sor", "vel", "na", "pi", "dra", "o", "gus", "ber", "lin", "ta", "zu"];
const WORDS_IN_A_LINE: usize = 11;

/// A writer of such text.
pub(super) struct Writer {
    random: Pcg64Mcg,
}

impl Writer {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Pcg64Mcg::seed_from_u64(seed) }
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }

    /// One to four syllables; short words come often.
    pub(super) fn word(&mut self) -> String {
        let syllables = 1 + self.below(2) + self.below(2) + self.below(2);
        (0..syllables).map(|_| SYLLABLES[self.below(SYLLABLES.len())]).collect()
    }

    pub(super) fn line(&mut self) -> String {
        let words: Vec<String> = (0..WORDS_IN_A_LINE).map(|_| self.word()).collect();
        words.join(" ")
    }

    pub(super) fn lines(&mut self, count: usize) -> String {
        let mut text = String::new();
        for _ in 0..count {
            // Writing into a string does not fail.
            let _ = writeln!(text, "{}", self.line());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_writes_the_same_text() {
        assert_eq!(Writer::new(1).lines(20), Writer::new(1).lines(20));
        assert_ne!(Writer::new(1).lines(20), Writer::new(2).lines(20));
    }
}
