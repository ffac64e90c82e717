//! How the value of an option is written, read back and bounded.
//!
//! ```text
//!   purge_delay   250 │ never            milliseconds
//!   huge_keep     67108864 │ 65536k │ 64M    bytes; K, M, G are 1024, 1024², 1024³
//!   huge_pages    auto │ never │ always  one of a few words
//!   stats         1 │ on │ yes │ true    and their opposites
//! ```
//!
//! Every value is a `u64`. Letters may be of either case, white space around a value is nothing, everything else is
//! refused: a value is never half understood.
//!
//! Does not know: which options there are, where a text came from.

use core::fmt;
use strata_inspect::Short;

/// The milliseconds that never pass.
pub(crate) const NEVER: u64 = u64::MAX;

/// What may be written for an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// A number, or `never`.
    Milliseconds,
    /// A number with or without K, M or G.
    Bytes {
        /// The smallest that is accepted.
        least: u64,
        /// The largest.
        most: u64,
        /// What is accepted is rounded down to a multiple of this power of two.
        step: u64,
    },
    /// One of these words; the value is its place.
    Word(&'static [&'static str]),
    /// 1 or 0.
    Switch,
}

impl Syntax {
    /// The value that `text` asks for; `None`: not accepted.
    pub(crate) fn parse(self, text: &[u8]) -> Option<u64> {
        let text = text.trim_ascii();
        let asked = match self {
            Self::Milliseconds if text.eq_ignore_ascii_case(b"never") => NEVER,
            Self::Milliseconds => number(text)?,
            Self::Bytes { .. } => bytes(text)?,
            Self::Word(words) => place(text, words)?,
            Self::Switch => switch(text)?,
        };
        self.accept(asked)
    }

    /// The value that holds when `asked` is asked for; `None`: not accepted.
    pub(crate) fn accept(self, asked: u64) -> Option<u64> {
        match self {
            Self::Bytes { least, most, step } if least <= asked && asked <= most => Some(asked & !(step - 1)),
            Self::Word(words) if asked < words.len() as u64 => Some(asked),
            Self::Switch if asked <= 1 => Some(asked),
            Self::Milliseconds => Some(asked),
            Self::Bytes { .. } | Self::Word(_) | Self::Switch => None,
        }
    }

    /// `value` as a user would write it.
    pub(crate) fn written(self, value: u64) -> Written {
        Written { syntax: self, value }
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

const SUFFIXES: [(u8, u32); 3] = [(b'G', 30), (b'M', 20), (b'K', 10)];

fn bytes(text: &[u8]) -> Option<u64> {
    let (last, front) = text.split_last()?;
    let suffix = SUFFIXES.iter().find(|(letter, _)| last.eq_ignore_ascii_case(letter));
    match suffix {
        Some((_, shift)) => number(front)?.checked_mul(1 << shift),
        None => number(text),
    }
}

fn place(text: &[u8], words: &[&str]) -> Option<u64> {
    words.iter().position(|word| text.eq_ignore_ascii_case(word.as_bytes())).map(|place| place as u64)
}

fn switch(text: &[u8]) -> Option<u64> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(["1", "on", "yes", "true"]) {
        Some(1)
    } else if is(["0", "off", "no", "false"]) {
        Some(0)
    } else {
        None
    }
}

/// A value in the form that `parse` reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    syntax: Syntax,
    value: u64,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        match self.syntax {
            Syntax::Milliseconds if value == NEVER => f.pad("never"),
            Syntax::Bytes { .. } => {
                let fits = |(_, shift): &&(u8, u32)| value != 0 && value.trailing_zeros() >= *shift;
                match SUFFIXES.iter().find(fits) {
                    Some((letter, shift)) => {
                        Short::of(format_args!("{}{}", value >> shift, char::from(*letter)))
                    }
                    None => Short::of(format_args!("{value}")),
                }
                .fmt(f)
            }
            Syntax::Word(words) => f.pad(words.get(value as usize).copied().unwrap_or_default()),
            Syntax::Milliseconds | Syntax::Switch => Short::of(format_args!("{value}")).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    const ANY_BYTES: Syntax = Syntax::Bytes { least: 0, most: u64::MAX, step: 1 };
    const SIZE: Syntax = Syntax::Bytes { least: 4 << 20, most: 256 << 20, step: 4 << 20 };
    const WORDS: Syntax = Syntax::Word(&["auto", "never", "always"]);
    const ALL: [Syntax; 5] = [Syntax::Milliseconds, ANY_BYTES, SIZE, WORDS, Syntax::Switch];

    /// What a number means, said in another way: by `str::parse`, which also takes a sign.
    fn oracle(text: &str) -> Option<u64> {
        if text.starts_with(['+', '-']) { None } else { text.parse().ok() }
    }

    /// Every text of at most `length` of these characters.
    fn texts(alphabet: &str, length: u32) -> std::vec::Vec<std::string::String> {
        let mut all = std::vec![std::string::String::new()];
        let mut from = 0;
        for _ in 0..length {
            let until = all.len();
            for index in from..until {
                let longer = alphabet.chars().map(|letter| format!("{}{letter}", all[index]));
                all.extend(longer.collect::<std::vec::Vec<_>>());
            }
            from = until;
        }
        all
    }

    #[test]
    fn milliseconds_are_what_str_parse_says_or_never() {
        for text in texts("019+-. kKx", 4) {
            assert_eq!(Syntax::Milliseconds.parse(text.as_bytes()), oracle(text.trim()), "{text:?}");
        }
        for never in ["never", "Never", "NEVER", " never\n"] {
            assert_eq!(Syntax::Milliseconds.parse(never.as_bytes()), Some(NEVER));
        }
        for junk in ["nevermore", "never 1", "n", "250ms", "0x10", "1e3", "1_000", "٣", "½"] {
            assert_eq!(Syntax::Milliseconds.parse(junk.as_bytes()), None, "{junk:?}");
        }
    }

    #[test]
    fn bytes_are_a_number_times_what_the_suffix_says() {
        for text in texts("019KmGg+ b", 4) {
            let trimmed = text.trim();
            let last = trimmed.chars().last().map(|letter| letter.to_ascii_uppercase());
            let shift = last.and_then(|letter| "KMG".find(letter)).map(|index| 10 * (index as u32 + 1));
            let expected = match shift {
                Some(shift) => oracle(&trimmed[..trimmed.len() - 1]).map(|number| number << shift),
                None => oracle(trimmed),
            };
            assert_eq!(ANY_BYTES.parse(text.as_bytes()), expected, "{text:?}");
        }
        for junk in ["4MB", "4MiB", "4 M", "M", "4.5M", "4T", "-1", "0x400", "4M\u{a0}"] {
            assert_eq!(ANY_BYTES.parse(junk.as_bytes()), None, "{junk:?}");
        }
    }

    #[test]
    fn what_does_not_fit_a_word_is_refused() {
        for (most, shift) in [("18446744073709551615", 0), ("18014398509481983K", 10), ("17179869183G", 30)] {
            assert_eq!(ANY_BYTES.parse(most.as_bytes()), Some((u64::MAX >> shift) << shift), "{most}");
        }
        for beyond in ["18446744073709551616", "18014398509481984K", "17592186044416M", "17179869184G"] {
            assert_eq!(ANY_BYTES.parse(beyond.as_bytes()), None, "{beyond}");
        }
        assert_eq!(Syntax::Milliseconds.parse(b"18446744073709551616"), None);
        assert_eq!(ANY_BYTES.parse(&[b'9'; 500]), None);
        assert_eq!(ANY_BYTES.parse(&[b'0'; 500]), Some(0));
    }

    #[test]
    fn bounds_are_accepted_and_what_is_beside_them_is_not() {
        for (text, value) in [
            ("4M", Some(4 << 20)),
            ("4194303", None),
            ("256M", Some(256 << 20)),
            ("268435457", None),
            ("1G", None),
            ("0", None),
            ("5M", Some(4 << 20)),
            ("0255M", Some(252 << 20)),
        ] {
            assert_eq!(SIZE.parse(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn a_switch_has_four_ways_to_say_each() {
        for (word, value) in
            [("1", 1), ("on", 1), ("Yes", 1), ("TRUE", 1), ("0", 0), ("off", 0), ("NO", 0), (" false ", 0)]
        {
            assert_eq!(Syntax::Switch.parse(word.as_bytes()), Some(value), "{word}");
        }
        for junk in ["2", "01", "y", "enable", "ON!", "tru"] {
            assert_eq!(Syntax::Switch.parse(junk.as_bytes()), None, "{junk}");
        }
    }

    #[test]
    fn a_word_is_one_of_those_that_there_are() {
        for (text, place) in [("auto", 0), ("never", 1), ("ALWAYS", 2), (" auto\n", 0)] {
            assert_eq!(WORDS.parse(text.as_bytes()), Some(place), "{text:?}");
        }
        for junk in ["aut", "autos", "0", "auto never", "sometimes"] {
            assert_eq!(WORDS.parse(junk.as_bytes()), None, "{junk:?}");
        }
        assert_eq!(WORDS.written(2).to_string(), "always");
    }

    #[test]
    fn nothing_and_bytes_that_are_no_text_are_refused_by_all() {
        for syntax in ALL {
            for junk in [&b""[..], b" ", b"\t\r\n", b"\xff", b"\0", b"1\0", b"\xc2\xb2"] {
                assert_eq!(syntax.parse(junk), None, "{syntax:?} {junk:?}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut values: std::vec::Vec<u64> = (0..64).flat_map(|shift| [1 << shift, 3 << shift]).collect();
        values.extend([0, 250, 1023, 1025, u64::MAX, 64 << 20]);
        for syntax in ALL {
            for value in values.iter().filter_map(|value| syntax.accept(*value)) {
                let text = syntax.written(value).to_string();
                assert_eq!(syntax.parse(text.as_bytes()), Some(value), "{text}");
            }
        }
        assert_eq!(ANY_BYTES.written(64 << 20).to_string(), "64M");
        assert_eq!(ANY_BYTES.written(1536).to_string(), "1536");
        assert_eq!(ANY_BYTES.written(0).to_string(), "0");
        assert_eq!(Syntax::Milliseconds.written(NEVER).to_string(), "never");
    }
}
