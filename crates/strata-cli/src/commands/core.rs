//! `strata core`: what `strata explain` says, of a process that is dead.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::explain;
use crate::inspect::core_file::CoreFile;
use crate::inspect::moment::Moment;
use crate::inspect::recorder::Recorder;

/// Say why a process was as big as it was, from its core file
///
/// Reads cores of the kernel and of `gcore`. Which pages were in memory a core does not say: those that hold something count, so
/// memory that was touched and is all zeroes is missing, and so are pages of files that were only read. If its heap profiler was on, the
/// lines of code are told that allocated what a cause is about.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The program that ran
    exe: PathBuf,
    /// Its core file
    core: PathBuf,
    /// As one JSON object, as `strata explain --json`
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let core = CoreFile::open(&arguments.exe, &arguments.core)?;
    let moment = Moment::of(&core, &core.heaps()?).context("the core file has no memory in it")?;
    let recorder = Recorder::within(&core).ok().filter(|recorder| recorder.mean() != 0);
    let moment =
        moment.with_profile(recorder.and_then(|recorder| recorder.profile(&core.maps(&arguments.exe))));
    if arguments.json {
        println!("{}", explain::json(&moment, None, core.pid())?);
        return Ok(ExitCode::SUCCESS);
    }
    explain::with_facts(&moment, None, |facts| {
        print!("process {} ({}), which is dead\n\n{facts}", core.pid(), core.name());
    });
    print!("{}", explain::notes(&moment));
    for name in core.changed() {
        println!("{name} is another file by now than the process had: nothing was taken from it.");
    }
    Ok(ExitCode::SUCCESS)
}
