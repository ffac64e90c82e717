//! `strata profile`: have a running process profiled for a while; read a profile, compare two, write one in another format.
//!
//! Does not know: how a profile is taken.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use strata_profile::{DebugInfo, Grouping, Profile, Series};

use super::seconds;
use crate::inspect::process::Process;
use crate::inspect::recorder::{Answer, Recorder};
use crate::profile::{self, Target};

/// How often a process is looked at, at least.
const STEPS: u32 = 40;

/// Have a running process profiled for a while; or show a heap profile, or write it in another format
///
/// A process needs no preparation if it runs under `strata run`, or is a Rust program with the crate strata-profile. It is neither stopped
/// nor sent a signal: a word in its memory asks it. What is shown is what was allocated in that time, and lives at its end.
///
/// A file is what `strata run --profile FILE.strata` wrote, also while the program still runs or when it crashed.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The number of a process; or a profile
    #[arg(value_name = "PID|FILE.strata")]
    what: PathBuf,
    /// For how long the process is profiled; of one that is profiled anyway, what it has so far is shown at once without this
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Bytes from one sample to the next, on average; also with K, M or G
    #[arg(long, value_name = "BYTES", requires = "seconds", default_value = "512K", value_parser = profile::rate)]
    rate: u64,
    /// Show what changed since this earlier profile of the same process
    #[arg(long, value_name = "OLD.strata")]
    compare: Option<PathBuf>,
    /// Show what lived when most did, instead of what lives now
    #[arg(long)]
    peak: bool,
    /// Show which stacks grow, how fast, and how sure that is: leaks, and caches without a bound
    #[arg(long, conflicts_with_all = ["compare", "peak", "output"])]
    growth: bool,
    /// Show the stacks that allocated most, how soon their blocks were freed, and by whom
    #[arg(long, conflicts_with_all = ["growth", "peak", "output", "by"])]
    allocated: bool,
    /// Put together by function, line, module, or the value of a label such as thread
    #[arg(long, value_name = "WHAT", conflicts_with = "output")]
    by: Option<Grouping>,
    /// Only stacks with a function, file or label (name=value) in which this is
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only stacks without one
    #[arg(long, value_name = "TEXT")]
    without: Option<String>,
    /// How many stacks to show
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    top: usize,
    /// Write it instead: .pb.gz, .svg (a flame graph; with --compare of what changed), .folded, .dhat.json, .heaptrack.gz or .txt
    #[arg(long, short, value_name = "FILE", value_parser = Target::made)]
    output: Option<Target>,
}

/// Runs the command.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(target) = &arguments.output {
        target.refuse_unwritable()?;
    }
    let (profile, series) = match process(&arguments.what) {
        Some(pid) => of_process(&Process::open(pid)?, arguments.seconds, arguments.rate)?,
        None if arguments.seconds.is_some() => bail!("--seconds is for a process, and this is a file"),
        None => (profile::read(&arguments.what)?, Series::new()),
    };
    if arguments.growth {
        let series =
            if process(&arguments.what).is_some() { series } else { profile::series(&arguments.what)? };
        print!("{}", profile.growing(&series, arguments.top, &mut DebugInfo::default()));
        return Ok(ExitCode::SUCCESS);
    }
    let mut names = DebugInfo::default();
    let mut part = |mut profile: Profile| {
        if arguments.peak {
            profile = profile.at_peak();
        }
        if let Some(text) = &arguments.only {
            profile = profile.only(text, &mut names);
        }
        if let Some(text) = &arguments.without {
            profile = profile.without(text, &mut names);
        }
        profile
    };
    let before = arguments.compare.as_ref().map(|path| profile::read(path)).transpose()?.map(&mut part);
    let after = part(profile);
    match (&arguments.output, before) {
        (Some(target), Some(before)) => target.write_change(&before, &after)?,
        (Some(target), None) => target.write(&after)?,
        (None, Some(before)) => show(arguments, &after.compare_to(&before)),
        (None, None) => show(arguments, &after),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &Arguments, profile: &Profile) {
    let mut names = DebugInfo::default();
    match &arguments.by {
        Some(by) => print!("{}", profile.top_groups(by, arguments.top, &mut names)),
        None if arguments.allocated => print!("{}", profile.top_allocated(arguments.top, &mut names)),
        None => print!("{}", profile.top(arguments.top, &mut names)),
    }
}

/// The process that is meant, if it is one: `./123` is a file.
fn process(what: &Path) -> Option<u32> {
    what.to_str()?.parse().ok()
}

/// What a process allocates from now on for so long, and how it came; or what it has so far.
fn of_process(process: &Process, length: Option<Duration>, mean: u64) -> Result<(Profile, Series)> {
    let recorder = Recorder::find(process)?;
    let pid = process.pid();
    let ended = || format!("process {pid} ended before anything was recorded");
    let Some(length) = length else {
        if recorder.mean() == 0 {
            bail!("process {pid} is not profiled: say for how long it is to be, such as --seconds 30");
        }
        return Ok((recorder.recorded().with_context(ended)?, Series::new()));
    };
    // A moment more: this command reads at its own times, and not after the recorder stopped.
    if let Answer::OnAlready = recorder.record(mean, length + Duration::from_secs(1))? {
        eprintln!("process {pid} is profiled anyway, at its own rate");
    }
    let before = recorder.recorded().with_context(ended)?;
    let (start, mut last, mut series) = (Instant::now(), before.clone(), Series::new());
    let step = (length / STEPS).min(Duration::from_secs(1));
    while start.elapsed() < length {
        thread::sleep(step.min(length.saturating_sub(start.elapsed())));
        match recorder.recorded() {
            Some(profile) => {
                series.push(start.elapsed().as_millis() as u64, &profile);
                last = profile;
            }
            None => {
                eprintln!("process {pid} ended meanwhile");
                break;
            }
        }
    }
    last.milliseconds = start.elapsed().as_millis() as u64;
    Ok((last.compare_to(&before), series))
}
