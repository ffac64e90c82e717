//! A path, put together on the stack.

use core::ffi::CStr;

const MOST_BYTES: usize = 1024;

/// Ends in a zero byte.
#[derive(Clone, Copy)]
pub(super) struct Path {
    bytes: [u8; MOST_BYTES],
    length: usize,
}

impl Path {
    /// The parts, one behind the other; `None` if they are too long, or have a zero byte within.
    pub(super) fn of<const COUNT: usize>(parts: [&[u8]; COUNT]) -> Option<Self> {
        let mut path = Path { bytes: [0; MOST_BYTES], length: 0 };
        for part in parts {
            path.push_all(part)?;
        }
        Some(path)
    }

    /// This path with a file's name behind it.
    pub(super) fn with(&self, file: &[u8]) -> Option<Self> {
        let mut path = *self;
        path.push_all(file)?;
        Some(path)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    pub(super) fn push(&mut self, byte: u8) -> Option<()> {
        // The last place keeps its zero.
        let place = self.bytes.get_mut(..MOST_BYTES - 1)?.get_mut(self.length)?;
        *place = byte;
        self.length += 1;
        (byte != 0).then_some(())
    }

    fn push_all(&mut self, part: &[u8]) -> Option<()> {
        part.iter().try_for_each(|byte| self.push(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other() {
        let path = Path::of([b"/a", b"/b"]).and_then(|path| path.with(b"/c")).unwrap();
        assert_eq!((path.as_c_str(), path.as_bytes()), (c"/a/b/c", &b"/a/b/c"[..]));
    }

    #[test]
    fn what_is_no_path_is_none() {
        assert!(Path::of([&[b'x'; MOST_BYTES - 1]]).is_some());
        assert!(Path::of([&[b'x'; MOST_BYTES]]).is_none());
        assert!(Path::of([b"/a\0b"]).is_none());
    }
}
