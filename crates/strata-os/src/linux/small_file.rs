//! A file of `/proc` or `/sys`, read into the caller's buffer: no allocation, `errno` kept.
//!
//! Does not know: what the numbers mean.

use crate::call::Errno;
use core::ffi::{CStr, c_int};

/// The beginning of a file, as far as it fits; `None` if it cannot be read.
pub(super) fn read<'buffer>(path: &CStr, buffer: &'buffer mut [u8]) -> Option<&'buffer [u8]> {
    let errno = Errno::now();
    let length = read_length(path, buffer);
    errno.restore();
    buffer.get(..length?)
}

fn read_length(path: &CStr, buffer: &mut [u8]) -> Option<usize> {
    // SAFETY: `path` ends in a zero byte.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return None;
    }
    let length = fill(file, buffer);
    // SAFETY: opened above, and nobody else knows it.
    unsafe { libc::close(file) };
    length
}

/// Reads until the buffer is full or the file ends.
fn fill(file: c_int, buffer: &mut [u8]) -> Option<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..)
        && !rest.is_empty()
    {
        // SAFETY: writes at most the rest.
        let got = unsafe { libc::read(file, rest.as_mut_ptr().cast(), rest.len()) };
        match usize::try_from(got) {
            Ok(0) => break,
            Ok(got) => filled += got,
            // `/proc` and `/sys` are not interrupted by signals.
            Err(_) => return None,
        }
    }
    Some(filled)
}

/// The decimal number that a text consists of, white space around it aside.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    let (first, rest) = digits.split_first()?;
    rest.iter().try_fold(digit(*first)?, |number, byte| number.checked_mul(10)?.checked_add(digit(*byte)?))
}

fn digit(byte: u8) -> Option<u64> {
    byte.is_ascii_digit().then(|| u64::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_number_is_a_number() {
        assert_eq!(number(b"4096\n"), Some(4096));
        assert_eq!(number(b" 18446744073709551615"), Some(u64::MAX));
        for text in [&b""[..], b"max\n", b"-1", b"12 13", b"18446744073709551616", b"\xff"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_long_file_is_cut_at_the_end_of_the_buffer() {
        let mut buffer = [0; 10];
        assert_eq!(read(c"/proc/self/status", &mut buffer).map(<[u8]>::len), Some(10));
    }

    #[test]
    fn a_file_that_is_not_there_is_none() {
        assert_eq!(read(c"/proc/self/no-such-file", &mut [0; 10]), None);
    }
}
