//! A file of `/proc` or `/sys`, read into the caller's buffer: no allocation, no `errno`.
//!
//! `open`, `read` and `close` of the C library are cancellation points, at which a thread may end, and `malloc` is none: so the
//! kernel is called past them.
//!
//! Does not know: what the numbers mean.

use super::raw::{self, flags};
use core::ffi::{CStr, c_int};
use libc::{SYS_close, SYS_openat, SYS_read};

/// The beginning of a file, as far as it fits; `None` if it cannot be read.
pub(super) fn read<'buffer>(path: &CStr, buffer: &'buffer mut [u8]) -> Option<&'buffer [u8]> {
    let length = File::open(path)?.fill(buffer)?;
    buffer.get(..length)
}

/// What `search` finds in the first line in which it finds something. Lines that `buffer` does not hold are skipped.
pub(super) fn find_line<T>(
    path: &CStr,
    buffer: &mut [u8],
    mut visit: impl FnMut(&[u8]) -> Option<T>,
) -> Option<T> {
    File::open(path).and_then(|file| scan(&file, buffer, &mut visit))
}

fn scan<T>(file: &File, buffer: &mut [u8], visit: &mut impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    // The buffer begins within a line whose beginning was passed over.
    let (mut held, mut is_cut) = (0, false);
    loop {
        let filled = held + file.fill(buffer.get_mut(held..)?)?;
        let text = buffer.get(..filled)?;
        let is_end = filled < buffer.len();
        let whole = match text.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None => 0,
        };
        let whole = if is_end { filled } else { whole };
        let lines = text.get(..whole)?.split(|byte| *byte == b'\n').skip(usize::from(is_cut));
        if let Some(found) = lines.into_iter().find_map(&mut *visit) {
            return Some(found);
        }
        if is_end {
            return None;
        }
        is_cut = whole == 0;
        held = if is_cut { 0 } else { filled - whole };
        buffer.copy_within(filled - held..filled, 0);
    }
}

/// An open file, closed with the value.
pub(super) struct File(c_int);

impl File {
    pub(super) fn open(path: &CStr) -> Option<Self> {
        let (folder, how) = (flags(libc::AT_FDCWD), flags(libc::O_RDONLY | libc::O_CLOEXEC));
        // SAFETY: `path` ends in a zero byte.
        let file = unsafe { raw::call(SYS_openat, [folder, path.as_ptr().cast_mut().cast(), how]) };
        Some(File(file.ok()? as c_int))
    }

    /// Its number.
    pub(super) fn number(&self) -> c_int {
        self.0
    }

    /// Reads until the buffer is full or the file ends.
    fn fill(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
        {
            // SAFETY: writes at most the rest.
            let got = unsafe {
                raw::call(SYS_read, [flags(self.0), rest.as_mut_ptr().cast(), raw::number(rest.len())])
            };
            match got {
                Ok(0) => break,
                Ok(got) => filled += got,
                // `/proc` and `/sys` are not interrupted by signals.
                Err(_) => return None,
            }
        }
        Some(filled)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, and not shared.
        let _ = unsafe { raw::call(SYS_close, [flags(self.0)]) };
    }
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
    fn lines_are_found_whole_wherever_the_buffer_ends() {
        let all = std::fs::read_to_string("/proc/self/limits").unwrap();
        let length = all.lines().map(str::len).max().unwrap();
        for bytes in length + 1..length + 100 {
            for line in all.lines() {
                let found = find_line(c"/proc/self/limits", &mut std::vec![0; bytes], |found| {
                    (found == line.as_bytes()).then_some(())
                });
                assert_eq!(found, Some(()), "{line} with {bytes} bytes");
            }
            let mut count = 0;
            let none = find_line(c"/proc/self/limits", &mut std::vec![0; bytes], |line| {
                count += usize::from(!line.is_empty());
                None::<()>
            });
            assert_eq!((none, count), (None, all.lines().count()), "{bytes} bytes");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let path = std::env::temp_dir().join(std::format!("strata-long-line-{}", std::process::id()));
        std::fs::write(&path, std::format!("{}needle\nneedle here\n", "x".repeat(100))).unwrap();
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        let find =
            |line: &[u8]| line.ends_with(b"needle").then_some(1).or(line.ends_with(b"here").then_some(2));
        assert_eq!(find_line(&name, &mut [0; 20], find), Some(2));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_not_there_is_none() {
        assert_eq!(read(c"/proc/self/no-such-file", &mut [0; 10]), None);
    }
}
