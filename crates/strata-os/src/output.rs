//! Text of any length for the standard error output or for the end of a file: no allocation, no C library.
//!
//! Does not know: what is said.

use crate::system;
use core::ffi::{CStr, c_int};
use core::fmt;

const BUFFER_BYTES: usize = 512;

/// Where text goes; it is written line by line, and when it is dropped.
#[derive(Debug)]
pub struct Output {
    file: c_int,
    is_owned: bool,
    text: [u8; BUFFER_BYTES],
    len: usize,
}

impl Output {
    /// The standard error output.
    pub const fn stderr() -> Self {
        Self::to(libc::STDERR_FILENO)
    }

    /// An open file, which stays open.
    pub const fn to(file: c_int) -> Self {
        Self { file, is_owned: false, text: [0; BUFFER_BYTES], len: 0 }
    }

    /// The end of a file, which is made if need be; `None` if it cannot be written.
    pub fn append_to(path: &CStr) -> Option<Self> {
        let file = system::stderr::open_to_append(path)?;
        Some(Self { file, is_owned: true, text: [0; BUFFER_BYTES], len: 0 })
    }

    fn flush(&mut self) {
        system::stderr::write_to(self.file, self.text.get(..self.len).unwrap_or_default());
        self.len = 0;
    }
}

impl fmt::Write for Output {
    /// Never fails: what is not read is lost.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if let Some(place) = self.text.get_mut(self.len) {
                *place = byte;
                self.len += 1;
            }
            if byte == b'\n' || self.len == BUFFER_BYTES {
                self.flush();
            }
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.flush();
        if self.is_owned {
            system::stderr::close(self.file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;
    use std::ffi::CString;
    use std::string::String;

    #[test]
    fn what_is_written_stands_at_the_end_of_the_file() {
        let path = std::env::temp_dir().join(std::format!("strata-output-{}", std::process::id()));
        let name = CString::new(path.to_str().unwrap()).unwrap();
        let long: String = "x".repeat(3 * BUFFER_BYTES);
        for text in ["one\n", &long, "\ntwo"] {
            write!(Output::append_to(&name).unwrap(), "{text}").unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), std::format!("one\n{long}\ntwo"));
        std::fs::remove_file(path).unwrap();
        assert!(Output::append_to(c"/proc/no/such/file").is_none());
    }
}
