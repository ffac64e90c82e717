//! A few characters on the stack, so that what was composed can be aligned; and bytes for human readers.
//!
//! Does not know: what the numbers count.

use core::fmt::{self, Write};

/// The longest `u64` has twenty digits.
const NUMBER_BYTES: usize = 24;

/// A text of at most `BYTES` bytes, fewer than 256; what is too much is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed<const BYTES: usize> {
    text: [u8; BYTES],
    len: u8,
}

/// A text of at most 24 bytes: a number and its unit.
pub type Short = Fixed<NUMBER_BYTES>;
/// A text of at most 96 bytes: a line's title.
pub(crate) type Wide = Fixed<96>;

impl<const BYTES: usize> Fixed<BYTES> {
    /// The text of `arguments`.
    pub fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut short = Self { text: [0; BYTES], len: 0 };
        // Fails only when full.
        let _ = short.write_fmt(arguments);
        short
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let text = self.text.get(..self.len.into()).and_then(|text| core::str::from_utf8(text).ok());
        text.unwrap_or_default()
    }
}

impl<const BYTES: usize> Write for Fixed<BYTES> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let start = usize::from(self.len);
        let end = start + text.len();
        let place = self.text.get_mut(start..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end as u8;
        Ok(())
    }
}

impl<const BYTES: usize> fmt::Display for Fixed<BYTES> {
    /// Honours width and alignment, as `str` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A number of bytes, shown with one decimal in the largest unit that it reaches: `1.5 MiB`.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

const UNITS: [(u32, &str); 6] =
    [(60, "EiB"), (50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        let text = match UNITS.iter().find(|(shift, _)| bytes >> shift != 0) {
            None => Short::of(format_args!("{bytes} B")),
            Some((shift, unit)) => {
                // The tenth below: 1.0 never stands for less.
                let rest = bytes & ((1 << shift) - 1);
                let tenth = ((rest >> (shift - 10)) * 10) >> 10;
                Short::of(format_args!("{}.{tenth} {unit}", bytes >> shift))
            }
        };
        text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn bytes_are_shown_in_the_largest_unit_that_they_reach() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1535, "1.4 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (1 << 20, "1.0 MiB"),
            (256 << 20, "256.0 MiB"),
            (5 << 39, "2.5 TiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(format!("{}", Bytes(bytes)), text);
        }
    }

    #[test]
    fn what_is_composed_is_aligned() {
        assert_eq!(format!("{:>10}|{:<8}|", Bytes(2048), Bytes(1)), "   2.0 KiB|1 B     |");
    }

    #[test]
    fn the_largest_number_fits_and_what_does_not_is_cut_between_its_parts() {
        assert_eq!(format!("{}", Short::of(format_args!("{}", u64::MAX))), u64::MAX.to_string());
        let short = Short::of(format_args!("{}{}", "x".repeat(20), "y".repeat(20)));
        assert_eq!(format!("{short}"), "x".repeat(20));
    }
}
