//! `strata snapshot` and `strata diff`: what a running process holds, kept in a file, and what changed between two of them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;
use strata_inspect::Heap;

use super::{explain, stats};
use crate::inspect::cells::Cells;
use crate::inspect::process::Process;
use crate::inspect::reading::Reading;
use crate::inspect::snapshot::{Site, Snapshot, VERSION, difference};

/// Keep what a running process holds in a file, for `strata diff` and `strata map`
///
/// The file is JSON: what `strata explain --json` and `strata stats --json` print, each pool, for `strata map`, and which lines of code
/// hold how much, if its heap profiler is on. The process is
/// neither stopped nor changed.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The process
    pid: u32,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Runs `strata snapshot`.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let text = take(&Process::open(arguments.pid)?)?;
    let path = &arguments.output;
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The text of a snapshot: one line of JSON.
pub(super) fn take(process: &Process) -> Result<String> {
    let pid = process.pid();
    let moment = explain::read(process)?;
    let explanation = explain::json(&moment, None, pid)?;
    let sites = serde_json::to_string(&moment.profile.as_ref().map(Site::all))?;
    let threads = process.threads();
    let heap = |heap: &Heap<'_, Reading<'_>>| {
        let map = serde_json::to_string(&Cells::of(heap, &threads).pack())?;
        stats::Moment::of(heap).json_with(pid, &[("map", &map)])
    };
    let heaps: Vec<String> = process.reading().heaps()?.iter().map(heap).collect::<Result<_>>()?;
    let name = serde_json::to_string(&process.name())?;
    let (taken, heaps) = (Timestamp::now().as_millisecond(), heaps.join(","));
    Ok(format!(
        "{{\"strata_snapshot\":{VERSION},\"taken_ms\":{taken},\"name\":{name},\"explanation\":{explanation},\"heaps\":[{heaps}],\"sites\":{sites}}}\n"
    ))
}

/// Say what changed between two snapshots, by layer, size class and thread, and by line of code if both have a heap profile
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The earlier snapshot
    before: PathBuf,
    /// The later one
    after: PathBuf,
}

/// Runs `strata diff`.
pub(crate) fn execute_diff(arguments: &DiffArguments) -> Result<ExitCode> {
    let (before, after) = (Snapshot::read(&arguments.before)?, Snapshot::read(&arguments.after)?);
    println!("{}", difference(&before, &after));
    Ok(ExitCode::SUCCESS)
}
