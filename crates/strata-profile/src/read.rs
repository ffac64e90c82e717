//! A `.strata` file, read as far as it is whole.
//!
//! Does not know: who wrote it.

use crate::{Profile, Site, modules};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use strata_recorder::log::{CHUNK_HEAD, MAGIC, VERSION, checksum, kind};

/// Why a file is no profile: one line.
#[derive(Debug)]
pub enum ReadError {
    /// It cannot be read.
    Unreadable(std::io::Error),
    /// It is another kind of file.
    Foreign,
    /// A later version wrote it.
    Newer(u32),
    /// It ends, or is damaged, before its first whole state.
    Empty,
}

impl Display for ReadError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::Foreign => f.write_str("this is no profile of Strata's"),
            Self::Newer(version) => {
                write!(f, "a later version of Strata wrote it ({version}, known is {VERSION})")
            }
            Self::Empty => f.write_str("it ends, or is damaged, before the first second was written"),
        }
    }
}

impl std::error::Error for ReadError {}

impl Profile {
    /// Reads a file: the last state that is whole.
    ///
    /// # Errors
    /// If it is unreadable, foreign, of a later version, or has no whole state.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::parse(&std::fs::read(path).map_err(ReadError::Unreadable)?)
    }

    /// The same of a file's bytes.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn parse(file: &[u8]) -> Result<Self, ReadError> {
        let mut rest = file.strip_prefix(&MAGIC).ok_or(ReadError::Foreign)?;
        let mut state = State::default();
        let mut last = None;
        while let Some((kind, payload, behind)) = next_chunk(rest) {
            rest = behind;
            match state.take(kind, payload) {
                Some(Taken::Newer(version)) => return Err(ReadError::Newer(version)),
                Some(Taken::Part) => {}
                Some(Taken::State(profile)) => last = Some(profile),
                // A chunk that is whole and makes no sense: nothing behind it does.
                None => break,
            }
        }
        last.ok_or(ReadError::Empty)
    }
}

/// The next chunk, if it is whole, and what is behind it.
fn next_chunk(file: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (head, rest) = file.split_at_checked(CHUNK_HEAD)?;
    let mut head = Fields(head);
    let (kind, bytes, sum) = (head.u32()?, head.u32()?, head.u64()?);
    let (payload, rest) = rest.split_at_checked(bytes as usize)?;
    (checksum(kind, payload) == sum).then_some((kind, payload, rest))
}

struct Fields<'bytes>(&'bytes [u8]);

impl Fields<'_> {
    fn u32(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }

    fn u64(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    fn count(&mut self) -> Option<i64> {
        self.u64().map(u64::cast_signed)
    }
}

enum Taken {
    Part,
    State(Profile),
    Newer(u32),
}

/// What was read so far.
#[derive(Default)]
struct State {
    begun: u64,
    maps: Vec<u8>,
    sites: BTreeMap<u32, Site>,
}

impl State {
    fn take(&mut self, kind: u32, payload: &[u8]) -> Option<Taken> {
        let mut fields = Fields(payload);
        match kind {
            kind::PROCESS => {
                let version = fields.u32()?;
                if version > VERSION {
                    return Some(Taken::Newer(version));
                }
                fields.u32()?;
                self.begun = fields.u64()?;
            }
            kind::MAPS_FIRST => self.maps = payload.to_owned(),
            kind::MAPS => self.maps.extend_from_slice(payload),
            kind::SITE => {
                let site = self.sites.entry(fields.u32()?).or_default();
                (site.bytes, site.mean) = (fields.u64()?, fields.u64()?);
                site.frames = std::iter::from_fn(|| fields.u64()).collect();
            }
            kind::COUNTS => {
                let site = self.sites.get_mut(&fields.u32()?)?;
                (site.allocated, site.freed) = (fields.count()?, fields.count()?);
                site.freed_by_others = fields.count()?;
                site.lifetimes = std::iter::from_fn(|| fields.count()).collect();
            }
            kind::STATE => return self.profile(fields).map(Taken::State),
            // A kind that a later version adds and this one can do without.
            _ => {}
        }
        Some(Taken::Part)
    }

    fn profile(&self, mut fields: Fields<'_>) -> Option<Profile> {
        Some(Profile {
            milliseconds: fields.u64()?,
            lost: [fields.u64()?, fields.u64()?],
            begun: self.begun,
            mappings: modules::parse(&String::from_utf8_lossy(&self.maps)),
            sites: self.sites.values().cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: u32, payload: &[u8]) -> Vec<u8> {
        let (length, sum) = (payload.len() as u32, checksum(kind, payload));
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), &sum.to_le_bytes(), payload].concat()
    }

    fn words(number: u32, words: &[u64]) -> Vec<u8> {
        number.to_le_bytes().into_iter().chain(words.iter().flat_map(|word| word.to_le_bytes())).collect()
    }

    fn state(milliseconds: u64) -> Vec<u8> {
        let words = [milliseconds, 0, 0];
        chunk(kind::STATE, &words.map(u64::to_le_bytes).concat())
    }

    fn file() -> Vec<u8> {
        let process = [&VERSION.to_le_bytes()[..], &7_u32.to_le_bytes(), &99_u64.to_le_bytes()].concat();
        [
            MAGIC.to_vec(),
            chunk(kind::PROCESS, &process),
            chunk(kind::MAPS_FIRST, b"1000-2000 r-xp 0 08:01 42 "),
            chunk(kind::MAPS, b"/bin/a\n"),
            chunk(kind::SITE, &words(1, &[64, 1, 0x1234, 0x1999])),
            chunk(kind::COUNTS, &words(1, &[5, 2, 1])),
            state(1000),
            chunk(kind::COUNTS, &words(1, &[9, 2, 1])),
            state(2000),
        ]
        .concat()
    }

    #[test]
    fn the_last_whole_state_is_read() {
        let file = file();
        let profile = Profile::parse(&file).unwrap();
        assert_eq!((profile.begun, profile.milliseconds), (99, 2000));
        let site = &profile.sites[0];
        assert_eq!((site.allocated, site.freed, &site.frames[..]), (9, 2, &[0x1234, 0x1999][..]));
        assert_eq!(profile.mapping(0x1234).unwrap().path, "/bin/a");
        let cut = Profile::parse(&file[..file.len() - 1]).unwrap();
        assert_eq!((cut.milliseconds, cut.sites[0].allocated), (1000, 5));
    }

    #[test]
    fn foreign_newer_and_empty_files_are_told_apart() {
        assert!(matches!(Profile::parse(b"\x7fELF"), Err(ReadError::Foreign)));
        assert!(matches!(Profile::parse(&MAGIC), Err(ReadError::Empty)));
        let newer = [&MAGIC[..], &chunk(kind::PROCESS, &9_u32.to_le_bytes())].concat();
        assert!(matches!(Profile::parse(&newer), Err(ReadError::Newer(9))));
    }

    /// Every byte damaged in every way that flips one bit, and every length: nothing but a smaller profile, or an error.
    #[test]
    fn a_damaged_file_is_read_up_to_there() {
        let whole = file();
        for length in 0..whole.len() {
            let _ = Profile::parse(&whole[..length]);
        }
        for index in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[index] ^= 1 << bit;
                if let Ok(profile) = Profile::parse(&damaged) {
                    assert!(
                        profile.sites.iter().all(|site| [0, 5, 9].contains(&site.allocated)),
                        "{index} {bit}"
                    );
                }
            }
        }
    }
}
