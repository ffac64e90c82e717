//! Text whose words are as unequal as in natural language: pronounceable, Zipf-distributed.

use std::cell::RefCell;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Zipf};
use rand_pcg::Pcg64Mcg;

const ONSETS: [&str; 16] =
    ["b", "br", "c", "d", "f", "g", "gr", "l", "m", "n", "p", "pr", "r", "s", "st", "t"];
const NUCLEI: [&str; 8] = ["a", "e", "i", "o", "u", "ai", "ea", "ou"];
const CODAS: [&str; 8] = ["", "", "n", "r", "s", "t", "l", "nd"];

/// A vocabulary and how often each of its words is used.
#[derive(Debug)]
pub struct Words {
    vocabulary: Vec<String>,
    rank: Zipf<f64>,
    random: RefCell<Pcg64Mcg>,
}

impl Words {
    /// `count` different words; the first ones are short and common.
    #[must_use]
    pub fn new(seed: u64, count: usize) -> Self {
        let mut random = super::random(seed);
        let vocabulary = (0..count).map(|index| word(&mut random, index)).collect();
        let rank =
            Zipf::new(count as f64, 1.05).expect("a vocabulary has words and the exponent is positive");
        Self { vocabulary, rank, random: RefCell::new(random) }
    }

    /// The next word of the text.
    pub fn pick(&self) -> &str {
        let rank = self.rank.sample(&mut *self.random.borrow_mut()) as usize;
        &self.vocabulary[rank.clamp(1, self.vocabulary.len()) - 1]
    }

    /// Appends a sentence of `count` words to `text`.
    pub fn sentence(&self, text: &mut String, count: usize) {
        for index in 0..count {
            let upper = index == 0 || self.random.borrow_mut().random_ratio(1, 20);
            let word = self.pick();
            let (head, tail) = word.split_at(1);
            text.push_str(if index == 0 { "" } else { " " });
            text.extend(head.chars().map(|letter| if upper { letter.to_ascii_uppercase() } else { letter }));
            text.push_str(tail);
        }
        text.push_str(". ");
    }

    /// A text of `sentences` sentences of 6 to 18 words.
    #[must_use]
    pub fn text(&self, sentences: usize) -> String {
        let mut text = String::with_capacity(sentences * 96);
        for _ in 0..sentences {
            let count = self.random.borrow_mut().random_range(6..=18);
            self.sentence(&mut text, count);
        }
        text.shrink_to_fit();
        text
    }
}

/// The `index`-th word: longer the rarer it is, and unlike all others because the index is spelled at its end.
fn word(random: &mut impl Rng, index: usize) -> String {
    let mut word = String::with_capacity(24);
    for _ in 0..=(index.max(1).ilog2() / 8) {
        word.push_str(ONSETS[random.random_range(0..ONSETS.len())]);
        word.push_str(NUCLEI[random.random_range(0..NUCLEI.len())]);
        word.push_str(CODAS[random.random_range(0..CODAS.len())]);
    }
    spell(index, &mut word);
    word
}

fn spell(index: usize, word: &mut String) {
    let mut rest = index;
    while rest > 0 {
        word.push_str(ONSETS[rest % ONSETS.len()]);
        word.push_str(NUCLEI[rest / ONSETS.len() % NUCLEI.len()]);
        rest /= ONSETS.len() * NUCLEI.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_writes_the_same_text() {
        assert_eq!(Words::new(7, 500).text(20), Words::new(7, 500).text(20));
        assert_ne!(Words::new(7, 500).text(20), Words::new(8, 500).text(20));
    }

    #[test]
    fn common_words_are_far_more_common() {
        let words = Words::new(1, 10_000);
        let first = words.vocabulary[0].clone();
        let uses = (0..10_000).filter(|_| words.pick() == first).count();
        assert!((500..3_000).contains(&uses), "{uses}");
    }
}
