//! A paragraph with a word in front, in lines that fit a terminal.
//!
//! Does not know: what it says.

use core::fmt;

/// Columns of a line at most, unless a single word is longer.
const COLUMNS: usize = 100;
/// Columns in front of the text.
const INDENT: usize = 8;

/// The word in front, and the paragraph.
pub(crate) struct Wrapped<'a>(pub(crate) &'a str, pub(crate) &'a str);

impl fmt::Display for Wrapped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(front, text) = self;
        write!(f, "  {front:<width$}", width = INDENT - 2)?;
        let mut column = INDENT;
        for word in text.split_whitespace() {
            let length = word.chars().count();
            if column > INDENT && column + 1 + length > COLUMNS {
                write!(f, "\n{:INDENT$}", "")?;
                column = INDENT;
            } else if column > INDENT {
                f.write_str(" ")?;
                column += 1;
            }
            f.write_str(word)?;
            column += length;
        }
        f.write_str("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::vec::Vec;

    #[test]
    fn no_line_is_wider_than_a_terminal_and_no_word_is_lost() {
        let text = "a paragraph of some words ".repeat(12);
        let wrapped = format!("{}", Wrapped("why", &text));
        let lines: Vec<_> = wrapped.lines().collect();
        assert!(lines.len() == 4 && lines[0].starts_with("  why   a paragraph"), "{wrapped}");
        assert!(lines.iter().all(|line| line.len() <= COLUMNS && !line.ends_with(' ')), "{wrapped}");
        assert!(lines[1..].iter().all(|line| line.starts_with("        ")), "{wrapped}");
        let words: Vec<_> = wrapped.split_whitespace().skip(1).collect();
        assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn a_word_that_is_too_long_has_a_line_of_its_own() {
        let long = "x".repeat(200);
        assert_eq!(format!("{}", Wrapped("do", &long)), format!("  do    {long}\n"));
        assert_eq!(
            format!("{}", Wrapped("do", &format!("a {long}"))),
            format!("  do    a\n        {long}\n")
        );
    }
}
