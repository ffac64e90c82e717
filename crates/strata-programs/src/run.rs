//! One program, once, on one allocator: what it answered and what it used.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::allocators::Allocator;
use super::place::Place;
use super::results::Sample;
use super::starter::{Ending, Usage};

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a program's run needs to know.
pub(super) struct Run<'a> {
    pub(super) place: &'a Place,
    pub(super) allocator: &'a Allocator,
    /// Empty, and only this run's.
    pub(super) scratch: TempDir,
}

/// What came of it.
pub(super) struct Done {
    pub(super) sample: Sample,
    /// Must be the same on every allocator.
    pub(super) answer: Vec<u8>,
}

impl<'a> Run<'a> {
    pub(super) fn new(place: &'a Place, allocator: &'a Allocator) -> Result<Self> {
        Ok(Self { place, allocator, scratch: place.scratch()? })
    }

    /// Runs a command to its end; its answer is what it prints.
    pub(super) fn once<S: AsRef<OsStr>>(&self, command: impl IntoIterator<Item = S>) -> Result<Done> {
        let mut started = self.start(command, None)?;
        let usage = started.end()?;
        let answer = std::fs::read(&started.output).context("reading what the program printed")?;
        Ok(Done { sample: Sample::of(&usage, usage.wall_ns), answer })
    }

    /// Starts a command, as another user if one is named.
    pub(super) fn start<S: AsRef<OsStr>>(
        &self,
        command: impl IntoIterator<Item = S>,
        user: Option<&str>,
    ) -> Result<Started> {
        let (output, errors) = (self.scratch.path().join("output"), self.scratch.path().join("errors"));
        // The file that runs, also if it was built anew meanwhile.
        let mut starter = self.place.command("/proc/self/exe");
        starter.current_dir(self.scratch.path()).arg("measured").arg("--preload").arg(&self.allocator.file);
        starter.arg("--output").arg(&output).arg("--errors").arg(&errors);
        starter.args(["--limit", &PATIENCE.as_secs().to_string()]);
        starter.args(user.iter().flat_map(|user| ["--user", *user]));
        starter.arg("--").args(command);
        Started::spawn(&mut starter, output, errors)
    }
}

/// A program that runs.
pub(super) struct Started {
    starter: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Of the program, not of the starter.
    pub(super) process: i32,
    output: PathBuf,
    errors: PathBuf,
}

impl Started {
    fn spawn(starter: &mut Command, output: PathBuf, errors: PathBuf) -> Result<Self> {
        let mut starter = starter.stdout(Stdio::piped()).spawn().context("starting the starter")?;
        let out = starter.stdout.take().context("the starter's output was not piped")?;
        let mut lines = BufReader::new(out).lines();
        let first = lines.next().context("the starter started nothing")??;
        let process = first.parse().context("the starter told no process id")?;
        Ok(Self { starter, lines, process, output, errors })
    }

    /// Waits for its end; an error unless that was a good one, with everything preloaded.
    pub(super) fn end(&mut self) -> Result<Usage> {
        let last = self.lines.next().context("the starter told no usage")??;
        self.starter.wait().context("waiting for the starter")?;
        let usage: Usage = serde_json::from_str(&last).context("reading the usage")?;
        let errors = said(&self.errors);
        match &usage.ending {
            Ending::Well if errors.contains("cannot be preloaded") => bail!("not preloaded: {errors}"),
            Ending::Well => Ok(usage),
            Ending::Badly(status) => bail!("ended with {status}: {}{errors}", said(&self.output)),
            Ending::Late => bail!("did not end within {} s: {errors}", PATIENCE.as_secs()),
        }
    }
}

/// The end of a file of messages.
fn said(file: &Path) -> String {
    const ENOUGH: usize = 2_000;
    let bytes = std::fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(ENOUGH)..]).into_owned()
}
