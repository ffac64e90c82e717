//! One line for the user, built on the stack and written in one call.
//!
//! ```
//! use core::fmt::Write;
//! let mut line = strata_os::Line::new();
//! let _ = write!(line, "strata: option {} has no value {}", "purge_delay", -1);
//! line.emit();
//! ```
//!
//! Neither allocates nor locks, so it works in a signal handler, in an allocator and in an abort.
//!
//! Does not know: what happened.

use crate::system;
use core::fmt;

const LINE_BYTES: usize = 512;
const END: &str = "\n";
const END_OF_TRUNCATED: &str = "…\n";

/// A line of at most 512 bytes, its end included; what is too much becomes an ellipsis.
#[derive(Debug)]
pub struct Line {
    text: [u8; LINE_BYTES],
    len: usize,
    is_truncated: bool,
}

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Line { text: [0; LINE_BYTES], len: 0, is_truncated: false }
    }

    /// Writes the line to the standard error output, with an end of line, and leaves it empty.
    ///
    /// A line that cannot be written is lost: there is no other place for it.
    pub fn emit(&mut self) {
        let bytes = self.finished();
        system::stderr::write(bytes);
        *self = Line::new();
    }

    fn finished(&mut self) -> &[u8] {
        let end = if self.is_truncated { END_OF_TRUNCATED } else { END };
        self.append(end.as_bytes());
        self.text.get(..self.len).unwrap_or(&self.text)
    }

    fn append(&mut self, bytes: &[u8]) {
        for (place, byte) in self.text.iter_mut().skip(self.len).zip(bytes) {
            *place = *byte;
            self.len += 1;
        }
    }
}

impl Default for Line {
    fn default() -> Self {
        Line::new()
    }
}

impl fmt::Write for Line {
    /// Never fails, so that the rest of a long message is not lost with its middle: it is cut.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_truncated {
            return Ok(());
        }
        let room = LINE_BYTES - END_OF_TRUNCATED.len() - self.len;
        self.is_truncated = text.len() > room;
        self.append(beginning(text, room).as_bytes());
        Ok(())
    }
}

/// As many whole characters as fit into `room` bytes.
fn beginning(text: &str, room: usize) -> &str {
    (0..=room.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;
    use std::string::String;

    fn finished(parts: &[&str]) -> String {
        let mut line = Line::new();
        parts.iter().for_each(|part| line.write_str(part).unwrap());
        String::from_utf8(line.finished().to_vec()).unwrap()
    }

    #[test]
    fn a_short_line_is_what_was_written() {
        assert_eq!(finished(&["strata: ", "out of memory"]), "strata: out of memory\n");
        assert_eq!(finished(&[]), "\n");
    }

    #[test]
    fn a_long_line_ends_in_an_ellipsis_and_fits() {
        let long = "x".repeat(600);
        for parts in [&[&*long][..], &[&*long, "y"], &["yy", &*long]] {
            let line = finished(parts);
            assert_eq!(line.len(), LINE_BYTES);
            assert!(line.ends_with("x…\n"));
        }
    }

    #[test]
    fn a_line_that_just_fits_has_no_ellipsis() {
        let full = "x".repeat(LINE_BYTES - END_OF_TRUNCATED.len());
        assert_eq!(finished(&[&full]), full.clone() + "\n");
        assert!(finished(&[&full, "y"]).ends_with("x…\n"));
        assert_eq!(finished(&[&full, ""]), full.clone() + "\n");
    }

    #[test]
    fn no_character_is_cut_in_two() {
        for shift in 0..4 {
            let line = finished(&[&"x".repeat(shift), &"€".repeat(300)]);
            assert!(line.ends_with("€…\n") && line.len() <= LINE_BYTES);
        }
    }
}
