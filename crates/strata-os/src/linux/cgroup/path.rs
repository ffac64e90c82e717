//! A path, put together in place.

use core::ffi::CStr;

const MOST_BYTES: usize = 1024;

/// What lies behind its length is zero: so it ends in a zero byte, and all-zero bytes are an empty one.
pub(super) struct Path {
    bytes: [u8; MOST_BYTES],
    length: usize,
}

impl Path {
    #[cfg(test)]
    pub(super) const fn empty() -> Self {
        Self { bytes: [0; MOST_BYTES], length: 0 }
    }

    /// Becomes these parts, one behind the other; `None` if they are too long, or have a zero byte within.
    pub(super) fn set<const COUNT: usize>(&mut self, parts: [&[u8]; COUNT]) -> Option<()> {
        self.cut(0);
        parts.into_iter().try_for_each(|part| self.push_all(part))
    }

    /// What `search` finds at this path with a file's name behind it.
    pub(super) fn with<T>(&mut self, file: &[u8], read: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
        let length = self.length;
        let found = self.push_all(file).and_then(|()| read(self.as_c_str()));
        self.cut(length);
        found
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

    fn cut(&mut self, length: usize) {
        self.bytes.get_mut(length..self.length).unwrap_or_default().fill(0);
        self.length = length;
    }

    fn push_all(&mut self, part: &[u8]) -> Option<()> {
        part.iter().try_for_each(|byte| self.push(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_and_a_file_is_there_for_a_look() {
        let mut path = Path::empty();
        assert!(path.set([b"/a", b"/b"]).is_some());
        assert_eq!(path.with(b"/c", |whole| (whole == c"/a/b/c").then_some(7)), Some(7));
        assert_eq!((path.as_c_str(), path.as_bytes()), (c"/a/b", &b"/a/b"[..]));
        assert!(path.set([b"/x"]).is_some());
        assert_eq!(path.as_c_str(), c"/x");
    }

    #[test]
    fn what_is_no_path_is_none() {
        let mut path = Path::empty();
        assert!(path.set([&[b'x'; MOST_BYTES - 1]]).is_some());
        assert!(path.with(b"x", |_| Some(())).is_none());
        assert_eq!(path.as_bytes().len(), MOST_BYTES - 1);
        assert!(path.set([&[b'x'; MOST_BYTES]]).is_none());
        assert!(path.set([b"/a\0b"]).is_none());
    }
}
