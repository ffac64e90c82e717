//! `strata profile`: look at a heap profile, compare two, write one in another format.
//!
//! Does not know: how a profile is taken.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use strata_profile::{DebugInfo, Profile};

use crate::profile::{self, Target};

/// Show a heap profile, or write it in another format
///
/// Reads what `strata run --profile FILE.strata` wrote, also while the program still runs or when it crashed.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The profile
    #[arg(value_name = "FILE.strata")]
    file: PathBuf,
    /// Show what changed since this earlier profile of the same process
    #[arg(long, value_name = "OLD.strata")]
    compare: Option<PathBuf>,
    /// Show what lived when most did, instead of what lives now
    #[arg(long)]
    peak: bool,
    /// How many stacks to show
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    top: usize,
    /// Write it instead: .pb.gz, .svg (a flame graph; with --compare of what changed), .folded, .dhat.json, .heaptrack.gz or .txt
    #[arg(long, short, value_name = "FILE", value_parser = Target::named)]
    output: Option<Target>,
}

/// Runs the command.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let read = |path: &PathBuf| {
        let profile = profile::read(path)?;
        anyhow::Ok(if arguments.peak { profile.at_peak() } else { profile })
    };
    let after = read(&arguments.file)?;
    let before = arguments.compare.as_ref().map(read).transpose()?;
    match (&arguments.output, before) {
        (Some(target), Some(before)) => target.write_change(&before, &after)?,
        (Some(target), None) => target.write(&after)?,
        (None, Some(before)) => show(arguments, &after.compare_to(&before)),
        (None, None) => show(arguments, &after),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &Arguments, profile: &Profile) {
    print!("{}", profile.top(arguments.top, &mut DebugInfo::default()));
}
