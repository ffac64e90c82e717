//! `strata profile`: look at a heap profile, compare two, write one in another format.
//!
//! Does not know: how a profile is taken.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use strata_profile::DebugInfo;

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
    /// Write it instead: .pb.gz, .folded, .dhat.json, .heaptrack.gz or .txt
    #[arg(long, short, value_name = "FILE", value_parser = Target::named)]
    output: Option<Target>,
}

/// Runs the command.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let mut profile = profile::read(&arguments.file)?;
    if let Some(old) = &arguments.compare {
        profile = profile.compare_to(&profile::read(old)?);
    }
    if arguments.peak {
        profile = profile.at_peak();
    }
    match &arguments.output {
        Some(target) => target.write(&profile)?,
        None => print!("{}", profile.top(arguments.top, &mut DebugInfo::default())),
    }
    Ok(ExitCode::SUCCESS)
}
