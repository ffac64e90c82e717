//! Heap profiles as files: which format a name asks for, and writing it.
//!
//! | name ends in    | format                                                                    | file        |
//! |-----------------|---------------------------------------------------------------------------|-------------|
//! | `.strata`       | what the program itself writes; all others are made of it                  |             |
//! | `.pb.gz`        | pprof, with the names of functions                                         |             |
//! | `.folded`       | collapsed stacks, with the bytes that live                                 |             |
//! | `.svg`          | a flame graph of the bytes that live, and of a change                      | `flame`     |
//! | `.dhat.json`    | DHAT, for its viewer and for Firefox's profiler                            | `dhat`      |
//! | `.heaptrack.gz` | heaptrack, as if each site had allocated and freed in one go               | `heaptrack` |
//! | `.txt`          | the top sites, as on the terminal                                          |             |
//!
//! Does not know: how a profile is taken.

mod dhat;
#[cfg(feature = "flame-graphs")]
mod flame;
#[cfg(not(feature = "flame-graphs"))]
#[path = "no_flame.rs"]
mod flame;
mod heaptrack;

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use strata_profile::{DebugInfo, Profile, Series};

/// What a profile is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Strata,
    Pprof,
    Folded,
    Flame,
    Dhat,
    Heaptrack,
    Text,
}

const ENDINGS: [(&str, Format); 7] = [
    (".strata", Format::Strata),
    (".pb.gz", Format::Pprof),
    (".folded", Format::Folded),
    (".svg", Format::Flame),
    (".dhat.json", Format::Dhat),
    (".heaptrack.gz", Format::Heaptrack),
    (".txt", Format::Text),
];

/// Where a profile goes, in the format that its name asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    path: PathBuf,
    format: Format,
}

impl Target {
    /// The target that a name stands for.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let found = ENDINGS.iter().find(|(ending, _)| name.len() > ending.len() && name.ends_with(ending));
        let Some((_, format)) = found else {
            let known = ENDINGS.map(|(ending, _)| ending).join(", ");
            return Err(format!("the name says the format; it ends in one of {known}"));
        };
        Ok(Self { path: PathBuf::from(name), format: *format })
    }

    /// The same of a format that is made of what a program wrote.
    pub(crate) fn made(name: &str) -> Result<Self, String> {
        match Self::named(name)? {
            Self { format: Format::Strata, .. } => {
                Err("a .strata file is what a program writes itself (`strata run --profile`): choose another format".to_owned())
            }
            target => Ok(target),
        }
    }

    /// Refuses a target that cannot be written, before anything takes time. A file that is there is emptied.
    pub(crate) fn refuse_unwritable(&self) -> Result<()> {
        let open = OpenOptions::new().write(true).create(true).truncate(true).open(&self.path);
        open.map(drop).with_context(|| format!("{} cannot be written", self.path.display()))
    }

    /// Where the program itself is to write; the file is not there yet.
    pub(crate) fn raw(&self) -> Result<PathBuf> {
        let mut raw = std::path::absolute(&self.path)?.into_os_string();
        if self.format != Format::Strata {
            raw.push(".strata");
        }
        let raw = PathBuf::from(raw);
        match fs::remove_file(&raw) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} is in the way", raw.display()))
            }
            _ => Ok(raw),
        }
    }

    /// Makes the target of what the program wrote at `raw`, which goes then; what was found, in a line.
    pub(crate) fn finish(&self, raw: &Path) -> Result<String> {
        if !raw.exists() {
            bail!("the program wrote no profile: did it start at all, and did it keep LD_PRELOAD?");
        }
        let profile = read(raw)?;
        if self.format != Format::Strata {
            self.write(&profile)?;
            fs::remove_file(raw).with_context(|| format!("{} stays behind", raw.display()))?;
        }
        let (live, allocated) = (profile.live(), profile.allocated());
        Ok(format!(
            "{}: {:.0} bytes live at the end (± {:.0}), {:.0} allocated",
            self.path.display(),
            live.bytes,
            live.standard_error(),
            allocated.bytes,
        ))
    }

    /// Writes a profile.
    pub(crate) fn write(&self, profile: &Profile) -> Result<()> {
        let mut names = DebugInfo::default();
        let bytes = match self.format {
            Format::Strata => bail!("a .strata file is what a program writes itself: copy it"),
            Format::Pprof => profile.to_pprof_with(&mut names)?,
            Format::Folded => profile.folded(&mut names).into_bytes(),
            Format::Flame => flame::write(profile, &mut names)?,
            Format::Dhat => dhat::write(profile, &mut names)?,
            Format::Heaptrack => heaptrack::write(profile, &mut names)?,
            Format::Text => profile.top(usize::MAX, &mut names).into_bytes(),
        };
        self.put(&bytes)
    }

    /// Writes what changed between two profiles of a process.
    pub(crate) fn write_change(&self, before: &Profile, after: &Profile) -> Result<()> {
        match self.format {
            Format::Flame => self.put(&flame::change(before, after, &mut DebugInfo::default())?),
            _ => self.write(&after.compare_to(before)),
        }
    }

    fn put(&self, bytes: &[u8]) -> Result<()> {
        fs::write(&self.path, bytes).with_context(|| format!("writing {}", self.path.display()))
    }
}

/// Bytes between samples: also with K, M or G.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    let shift = match text.bytes().next_back() {
        Some(b'K' | b'k') => 10,
        Some(b'M' | b'm') => 20,
        Some(b'G' | b'g') => 30,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { &text[..text.len() - 1] };
    let bytes = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes != 0);
    bytes.ok_or_else(|| "give a number of bytes, such as 64K; 1 samples every block".to_owned())
}

/// Reads a profile; one line says why it is none.
pub(crate) fn read(path: &Path) -> Result<Profile> {
    Profile::read(path).with_context(|| format!("reading {}", path.display()))
}

/// Stacks that are shown of what still lives.
const LEAKS: usize = 10;

/// What still lives.
pub(crate) fn leaks(profile: &Profile) -> String {
    if profile.live().blocks == 0.0 {
        return "no block lives at the end\n".to_owned();
    }
    format!("what still lives at the end:\n{}", profile.top(LEAKS, &mut DebugInfo::default()))
}

/// All states of a profile, one after another.
pub(crate) fn series(path: &Path) -> Result<Series> {
    Series::read(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_the_format() {
        let format = |name| Target::named(name).map(|target| target.format);
        assert_eq!(format("a/heap.pb.gz"), Ok(Format::Pprof));
        assert_eq!(format("x.heaptrack.gz"), Ok(Format::Heaptrack));
        for wrong in ["heap.gz", ".folded", "heap", "heap.json"] {
            assert!(format(wrong).unwrap_err().contains(".pb.gz"), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_a_number_of_bytes() {
        assert_eq!(["1", "64K", "2m"].map(|text| rate(text).unwrap()), [1, 64 << 10, 2 << 20]);
        for wrong in ["0", "", "K", "-1", "1T", "99999999999G"] {
            assert!(rate(wrong).unwrap_err().contains("such as 64K"), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let target = Target::named("/nowhere/heap.folded").unwrap();
        assert!(target.refuse_unwritable().unwrap_err().to_string().contains("/nowhere/heap.folded"));
    }
}
