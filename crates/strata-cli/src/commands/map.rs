//! `strata map`: draw what a process holds, pool by pool.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use strata_harness::targets;

use super::snapshot;
use crate::inspect::process::Process;
use crate::inspect::snapshot::Snapshot;
use crate::map;

/// Draw what a process holds, pool by pool, as a page for a browser
///
/// Every arena and pool at its place, coloured by how full it is, its size of blocks, its thread, its pages in memory or its age; what
/// pins what as a table; a slider over several snapshots. The page needs nothing from elsewhere. The process is neither
/// stopped nor changed.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A running process, or files of `strata snapshot`
    #[arg(required = true, value_name = "PID|SNAPSHOT")]
    sources: Vec<String>,
    /// The page to write
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
    /// Take this many snapshots of a running process
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    moments: u32,
    /// Seconds from one snapshot to the next
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = super::seconds)]
    every: Duration,
}

/// Runs the command.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    // Before anything takes time.
    targets::file(&arguments.output)?;
    let mut snapshots = Vec::new();
    for source in &arguments.sources {
        match source.parse() {
            Ok(pid) if !Path::new(source).exists() => snapshots.extend(series(pid, arguments)?),
            _ => snapshots.push(read(Path::new(source))?),
        }
    }
    snapshots.sort_by_key(|(snapshot, _)| snapshot.taken_ms);
    let Some((last, _)) = snapshots.last() else { bail!("nothing to draw") };
    let title = format!("{} {}", last.name, last.pid());
    let texts: Vec<String> = snapshots.into_iter().map(|(_, text)| text).collect();
    let path = &arguments.output;
    std::fs::write(path, map::page(&title, &texts)).with_context(|| format!("writing {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// A snapshot and its text.
type Taken = (Snapshot, String);

fn series(pid: u32, arguments: &Arguments) -> Result<Vec<Taken>> {
    let (process, start) = (Process::open(pid)?, Instant::now());
    let snapshot = |moment: u32| {
        sleep((arguments.every * moment).saturating_sub(start.elapsed()));
        checked(snapshot::take(&process)?)
    };
    (0..arguments.moments).map(snapshot).collect()
}

fn read(path: &Path) -> Result<Taken> {
    let place = || format!("reading {}", path.display());
    let bytes = std::fs::read(path).with_context(place)?;
    Snapshot::parse(&bytes).with_context(place)?;
    checked(String::from_utf8(bytes).with_context(place)?).with_context(place)
}

/// What a browser will find in it is there.
fn checked(text: String) -> Result<Taken> {
    let snapshot = Snapshot::parse(text.as_bytes())?;
    snapshot.cells()?;
    Ok((snapshot, text))
}
