//! A `.strata` file, read as far as it is whole.
//!
//! Does not know: who wrote it.

use crate::label_table::Labels;
use crate::{Profile, Site, modules};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use strata_recorder::log::{CHUNK_HEAD, MAGIC, VERSION, checksum, kind};
use strata_recorder::site::live_at_peak;

/// Why a file is no profile: one line.
#[derive(Debug)]
pub enum ReadError {
    /// It cannot be read.
    Unreadable(std::io::Error),
    /// It is another kind of file.
    Foreign,
    /// Another version wrote it.
    OtherVersion(u32),
    /// It ends, or is damaged, before its first whole state.
    Empty,
}

impl Display for ReadError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::Foreign => f.write_str("this is no profile of Strata's"),
            Self::OtherVersion(version) => {
                write!(
                    f,
                    "another version of Strata wrote it (format {version}, known is {VERSION}): use its command"
                )
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
        let mut last = None;
        // What is behind the last whole state is of the next one: so the file is read twice, and only the last is made a value.
        each_state(file, |_, length| last = Some(length))?;
        let whole = file.get(..last.ok_or(ReadError::Empty)?).unwrap_or_default();
        let mut profile = None;
        each_state(whole, |state, length| {
            if length == whole.len() {
                profile = Some(state.profile());
            }
        })?;
        profile.ok_or(ReadError::Empty)
    }
}

/// Reads a file as far as it is whole: tells each state, and how long the file is up to there.
pub(crate) fn each_state(file: &[u8], mut each: impl FnMut(&State, usize)) -> Result<(), ReadError> {
    let mut rest = file.strip_prefix(&MAGIC).ok_or(ReadError::Foreign)?;
    let mut state = State::default();
    while let Some((kind, payload, behind)) = next_chunk(rest) {
        rest = behind;
        match state.take(kind, payload) {
            Some(Taken::OtherVersion(version)) => return Err(ReadError::OtherVersion(version)),
            Some(Taken::Part) => {}
            Some(Taken::State) => each(&state, file.len() - rest.len()),
            // A chunk that is whole and makes no sense: nothing behind it does.
            None => break,
        }
    }
    Ok(())
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
    State,
    OtherVersion(u32),
}

/// What was read so far.
#[derive(Default)]
pub(crate) struct State {
    begun: u64,
    pub(crate) milliseconds: u64,
    lost: [u64; 2],
    peak: u32,
    maps: Vec<u8>,
    labels: Labels,
    sites: BTreeMap<u32, ReadSite>,
}

/// A site as the file has it.
#[derive(Default)]
struct ReadSite {
    site: Site,
    kept_for_peak: u64,
}

impl State {
    fn take(&mut self, kind: u32, payload: &[u8]) -> Option<Taken> {
        let mut fields = Fields(payload);
        match kind {
            kind::PROCESS => {
                let version = fields.u32()?;
                if version != VERSION {
                    return Some(Taken::OtherVersion(version));
                }
                fields.u32()?;
                self.begun = fields.u64()?;
            }
            kind::MAPS_FIRST => self.maps = payload.to_owned(),
            kind::MAPS => self.maps.extend_from_slice(payload),
            kind::LABEL => {
                let (number, within) = (fields.u32()?, fields.u32()?);
                self.labels.add(number, within, fields.0);
            }
            kind::SITE => self.take_site(fields)?,
            kind::COUNTS => self.take_counts(fields)?,
            kind::STATE => {
                self.milliseconds = fields.u64()?;
                self.lost = [fields.u64()?, fields.u64()?];
                self.peak = fields.u32()?;
                return Some(Taken::State);
            }
            // A kind that a later version adds and this one can do without.
            _ => {}
        }
        Some(Taken::Part)
    }

    fn take_site(&mut self, mut fields: Fields<'_>) -> Option<()> {
        let site = &mut self.sites.entry(fields.u32()?).or_default().site;
        (site.bytes, site.mean) = (fields.u64()?, fields.u64()?);
        site.labels = self.labels.of(fields.u32()?);
        site.frames = std::iter::from_fn(|| fields.u64()).collect();
        Some(())
    }

    fn take_counts(&mut self, mut fields: Fields<'_>) -> Option<()> {
        let read = self.sites.get_mut(&fields.u32()?)?;
        let site = &mut read.site;
        (site.allocated, site.freed) = (fields.count()?, fields.count()?);
        site.freed_by_others = fields.count()?;
        read.kept_for_peak = fields.u64()?;
        site.lifetimes = std::iter::from_fn(|| fields.count()).collect();
        Some(())
    }

    /// What the sites count; what lived at the peak is not filled in.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.values().map(|read| &read.site)
    }

    fn profile(&self) -> Profile {
        let sites = self.sites.values().map(|read| {
            let site = &read.site;
            let kept = live_at_peak(read.kept_for_peak, self.peak).map(u64::cast_signed);
            Site { live_at_peak: kept.unwrap_or(site.allocated - site.freed), ..site.clone() }
        });
        Profile {
            milliseconds: self.milliseconds,
            lost: self.lost,
            begun: self.begun,
            mappings: modules::parse(&String::from_utf8_lossy(&self.maps)),
            sites: sites.collect(),
            requested: None,
        }
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

    fn site(number: u32, label: u32) -> Vec<u8> {
        let frames = [0x1234_u64, 0x1999].map(u64::to_le_bytes).concat();
        [words(number, &[64, 1]), label.to_le_bytes().to_vec(), frames].concat()
    }

    fn label(number: u32, within: u32, text: &[u8]) -> Vec<u8> {
        [&number.to_le_bytes()[..], &within.to_le_bytes(), text].concat()
    }

    fn state(milliseconds: u64) -> Vec<u8> {
        let words = [milliseconds, 0, 0].map(u64::to_le_bytes).concat();
        chunk(kind::STATE, &[&words[..], &3_u32.to_le_bytes()].concat())
    }

    fn file() -> Vec<u8> {
        let process = [&VERSION.to_le_bytes()[..], &7_u32.to_le_bytes(), &99_u64.to_le_bytes()].concat();
        [
            MAGIC.to_vec(),
            chunk(kind::PROCESS, &process),
            chunk(kind::MAPS_FIRST, b"1000-2000 r-xp 0 08:01 42 "),
            chunk(kind::MAPS, b"/bin/a\n"),
            chunk(kind::LABEL, &label(8, 0, b"tenant\0a")),
            chunk(kind::LABEL, &label(9, 8, b"shard\0b")),
            chunk(kind::SITE, &site(1, 9)),
            chunk(kind::COUNTS, &words(1, &[5, 2, 1, 3 << 32 | 4])),
            state(1000),
            chunk(kind::COUNTS, &words(1, &[9, 2, 1, 2 << 32 | 4])),
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
        assert_eq!([&profile, &cut].map(|profile| profile.sites[0].live_at_peak), [7, 4]);
        let labels = [("shard", "b"), ("tenant", "a")];
        assert_eq!(site.labels, labels.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn foreign_other_and_empty_files_are_told_apart() {
        assert!(matches!(Profile::parse(b"\x7fELF"), Err(ReadError::Foreign)));
        assert!(matches!(Profile::parse(&MAGIC), Err(ReadError::Empty)));
        let other = [&MAGIC[..], &chunk(kind::PROCESS, &9_u32.to_le_bytes())].concat();
        assert!(matches!(Profile::parse(&other), Err(ReadError::OtherVersion(9))));
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
