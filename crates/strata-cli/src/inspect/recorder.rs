//! The recorder of a running process: found, asked to record for a while, and read.
//!
//! What is written to the process are the words that are there to be written (`strata_recorder::control`). It is neither stopped nor
//! sent a signal.
//!
//! Does not know: what is done with a profile.

use std::mem::offset_of;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use strata_inspect::Target;
use strata_profile::Profile;
use strata_profile::control::{ALIGN, Control, MAGIC, VERSION, answer};
use strata_profile::requests::{Requests, next_number};

use super::process::Process;

const PAGE_BYTES: u64 = 4096;
/// How long an answer may take: a thread must come to a refill.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two searches for it.
const BETWEEN: Duration = Duration::from_millis(20);

/// Where the words of a request are.
const REQUESTS: usize = offset_of!(Control, requests);
const NUMBER: usize = REQUESTS + offset_of!(Requests, number);
const ANSWERED: usize = REQUESTS + offset_of!(Requests, answered);

/// One that can be read, and in a process that runs be asked.
#[derive(Debug)]
pub(crate) struct Recorder<'target, T> {
    target: &'target T,
    control: u64,
}

/// Whether it records as was asked for, or as it did before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    On,
    OnAlready,
}

impl<'target, T: Target> Recorder<'target, T> {
    /// The one in this memory. `Err`: there is none, or one of this other version.
    pub(crate) fn within(target: &'target T) -> Result<Self, Option<u32>> {
        let (mut found, mut other) = (None, None);
        target.mappings(&mut |mapping| {
            if mapping.is_file && mapping.is_writable && mapping.is_private {
                target.resident(mapping.start, mapping.end, &mut |pages| {
                    for page in (pages.start..pages.end).step_by(PAGE_BYTES as usize) {
                        look_in(target, page, &mut found, &mut other);
                    }
                });
            }
        });
        found.map(|control| Self { target, control }).ok_or(other)
    }

    /// Bytes between samples; 0: it is off.
    pub(crate) fn mean(&self) -> u64 {
        self.word(offset_of!(Control, mean))
    }

    /// What it recorded so far, if it ever did; `maps` is what the kernel said of the mappings. `None`: it could not be read.
    pub(crate) fn profile(&self, maps: &str) -> Option<Profile> {
        let recorded = self.word(offset_of!(Control, recorded));
        if recorded == 0 {
            return Some(Profile::default());
        }
        Profile::copied(|offset, into| self.target.read(recorded + offset as u64, into), maps)
    }

    fn word(&self, offset: usize) -> u64 {
        let mut bytes = [0; 8];
        // A process that ended has zeros.
        self.target.read(self.control + offset as u64, &mut bytes);
        u64::from_ne_bytes(bytes)
    }
}

impl<'process> Recorder<'process, Process> {
    /// The recorder of a process that runs on Strata.
    pub(crate) fn find(process: &'process Process) -> Result<Self> {
        let reading = process.reading();
        // The reason why there is none may be that there is no allocator of ours.
        reading.heaps()?;
        let (pid, name) = (process.pid(), process.name());
        match Recorder::within(&reading).map(|found| found.control) {
            Ok(control) => Ok(Self { target: process, control }),
            Err(Some(version)) => bail!(
                "the recorder in process {pid} ({name}) has version {version}, and this command reads {VERSION}: use the command of \
                 the same release"
            ),
            Err(None) => bail!(
                "process {pid} ({name}) has Strata, but no recorder in it: a program in Rust needs the crate strata-profile (`use \
                 strata_profile as _;` will do), any other one has it under `strata run`"
            ),
        }
    }

    /// Has it record for so long, if it does not already.
    pub(crate) fn record(&self, mean: u64, length: Duration) -> Result<Answer> {
        let mut number = self.ask(mean, length)?;
        let start = Instant::now();
        while self.word(ANSWERED) != number {
            if start.elapsed() > PATIENCE {
                bail!(
                    "process {} did not answer within {} s: none of its threads came to where the allocator asks for more memory (it \
                     sleeps, or replaces blocks of one size only). Try again when it is busy; or start it with \
                     STRATA_PROFILE=FILE STRATA_PROFILE_SIGNAL=12 under `strata run`, and send it that signal",
                    self.target.pid(),
                    PATIENCE.as_secs()
                );
            }
            self.have_threads_come_by()?;
            thread::sleep(BETWEEN);
            // Another one asked meanwhile (Q3 of `strata_recorder::requests`).
            if self.word(NUMBER) != number && self.word(ANSWERED) != number {
                number = self.ask(mean, length)?;
            }
        }
        match self.word(REQUESTS + offset_of!(Requests, answer)) {
            answer::ON => Ok(Answer::On),
            answer::ON_ALREADY => Ok(Answer::OnAlready),
            _ => bail!("process {} has no memory for a profile (12 MiB of addresses)", self.target.pid()),
        }
    }

    /// Asks; the number of the request.
    fn ask(&self, mean: u64, length: Duration) -> Result<u64> {
        let number = next_number(self.word(NUMBER), std::process::id());
        self.set(REQUESTS + offset_of!(Requests, mean), mean)?;
        self.set(REQUESTS + offset_of!(Requests, milliseconds), length.as_millis() as u64)?;
        self.set(NUMBER, number)?;
        Ok(number)
    }

    /// What it recorded so far; `None`: the process ended.
    pub(crate) fn recorded(&self) -> Option<Profile> {
        self.profile(&self.target.maps().ok()?)
    }

    /// Changes the count of requests to flush. One byte of it: so it does not matter what threads of the process add to it meanwhile, except
    /// that it may be as before, for which it is changed again.
    fn have_threads_come_by(&self) -> Result<()> {
        let place = self.word(offset_of!(Control, flush_requests));
        let mut count = [0];
        if self.target.read(place, &mut count) {
            self.target.write(place, &[count[0].wrapping_add(1)])?;
        }
        Ok(())
    }

    fn set(&self, offset: usize, value: u64) -> Result<()> {
        self.target.write(self.control + offset as u64, &value.to_ne_bytes())
    }
}

/// Searches for a recorder that can be asked, and for one of another version.
fn look_in<T: Target>(target: &T, page: u64, found: &mut Option<u64>, other: &mut Option<u32>) {
    let mut bytes = [0; PAGE_BYTES as usize];
    if !target.read(page, &mut bytes) {
        return;
    }
    for at in (0..bytes.len()).step_by(ALIGN).filter(|at| bytes[*at..].starts_with(&MAGIC)) {
        let half =
            |offset: usize| bytes[at + offset..].first_chunk().map_or(0, |half| u32::from_ne_bytes(*half));
        let word =
            |offset: usize| bytes[at + offset..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
        let version = half(offset_of!(Control, version));
        if version != VERSION || half(offset_of!(Control, bytes)) as usize != size_of::<Control>() {
            *other = Some(version);
        } else if word(offset_of!(Control, flush_requests)) != 0 {
            *found = Some(page + at as u64);
        }
    }
}
