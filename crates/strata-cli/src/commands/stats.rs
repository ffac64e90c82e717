//! `strata stats`: what the allocator of a running process holds.

use std::fmt::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use strata_inspect::{Bytes, Dialect, Heap, Stats, ThreadStats};

use crate::inspect::process::Process;
use crate::inspect::reading::Reading;

/// Print what the allocator of a running process holds
///
/// The process is neither stopped nor changed. It needs no preparation: any program with Strata inside or under
/// `strata run` will do.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The process
    pid: u32,
    /// As one line of JSON for each allocator in the process
    #[arg(long, group = "form")]
    json: bool,
    /// As text for Prometheus to scrape (version 0.0.4)
    #[arg(long, group = "form")]
    prometheus: bool,
    /// As text for scrapers that want OpenMetrics (version 1.0.0)
    #[arg(long, group = "form")]
    openmetrics: bool,
    /// Repeat this many seconds apart, until the process ends
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    every: Option<u64>,
    /// Count the same in two ways, and fail where the two differ; a process that is at work may differ for a moment
    #[arg(long)]
    check: bool,
}

/// One allocator at one moment.
pub(super) struct Moment {
    address: u64,
    stats: Stats,
    threads: Vec<ThreadStats>,
}

impl Moment {
    pub(super) fn of(heap: &Heap<'_, Reading<'_>>) -> Self {
        let mut threads = Vec::new();
        let stats = heap.stats_and_threads(&mut |thread| threads.push(thread));
        Self { address: heap.address(), stats, threads }
    }

    fn all(process: &Process) -> Result<Vec<Self>> {
        Ok(process.reading().heaps()?.iter().map(Self::of).collect())
    }

    /// As one line of JSON.
    fn json(&self, pid: u32) -> Result<String> {
        self.json_with(pid, &[])
    }

    /// The same with further members, whose values are JSON.
    pub(super) fn json_with(&self, pid: u32, further: &[(&str, &str)]) -> Result<String> {
        let mut text = format!("{{\"pid\":{pid},\"address\":\"{:#x}\",\"stats\":", self.address);
        self.stats.write_json(&mut text)?;
        text.push_str(",\"threads\":[");
        for (index, thread) in self.threads.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "," });
            thread.write_json(&mut text)?;
        }
        text.push(']');
        for (name, value) in further {
            write!(text, ",\"{name}\":{value}")?;
        }
        text.push('}');
        Ok(text)
    }
}

/// Runs the command.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let process = Process::open(arguments.pid)?;
    let mut moments = Moment::all(&process)?;
    loop {
        print(arguments, &process, &moments)?;
        if arguments.check {
            check(&moments)?;
        }
        let Some(seconds) = arguments.every else { return Ok(ExitCode::SUCCESS) };
        thread::sleep(Duration::from_secs(seconds));
        moments = match Moment::all(&process) {
            Err(_) if process.has_ended() => return Ok(ExitCode::SUCCESS),
            next => next?,
        };
    }
}

fn print(arguments: &Arguments, process: &Process, moments: &[Moment]) -> Result<()> {
    if arguments.json {
        return moments.iter().try_for_each(|moment| {
            println!("{}", moment.json(process.pid())?);
            Ok(())
        });
    }
    let dialect = match (arguments.prometheus, arguments.openmetrics) {
        (true, _) => Some(Dialect::Prometheus),
        (_, true) => Some(Dialect::OpenMetrics),
        _ => None,
    };
    if let Some(dialect) = dialect {
        return metrics(dialect, moments);
    }
    println!("process {} ({})", process.pid(), process.name());
    for moment in moments {
        println!("{}", moment.stats);
        println!("{}", threads(process, moment)?);
    }
    Ok(())
}

/// Of several allocators the one that holds most, since a metric is told once.
fn metrics(dialect: Dialect, moments: &[Moment]) -> Result<()> {
    let Some(moment) = moments.iter().max_by_key(|moment| moment.stats.committed_bytes) else {
        return Ok(());
    };
    if moments.len() > 1 {
        eprintln!("note: the process has {} allocators; these are the metrics of the largest", moments.len());
    }
    let mut text = String::new();
    moment.stats.write_metrics(dialect, &mut text)?;
    print!("{text}");
    Ok(())
}

/// The threads that have most ready.
fn threads(process: &Process, moment: &Moment) -> Result<String> {
    const SHOWN: usize = 12;
    let names = process.threads();
    let mut sorted: Vec<&ThreadStats> = moment.threads.iter().collect();
    sorted.sort_by_key(|thread| std::cmp::Reverse(thread.ready_bytes));
    let mut text =
        format!("{:<22} {:>11} {:>11} {:>9} {:>9}", "thread", "ready", "blocks", "refills", "flushes");
    for thread in sorted.iter().take(SHOWN) {
        let name = names.iter().find(|(number, _)| *number == thread.thread);
        let name = match name {
            Some((number, name)) => format!("{number} {name}"),
            None if thread.thread == 0 => "a heap".to_owned(),
            None => format!("{} before fork", thread.thread),
        };
        let ThreadStats { ready_blocks, refills, flushes, .. } = thread;
        let ready = Bytes(thread.ready_bytes);
        write!(text, "\n{name:<22} {ready:>11} {ready_blocks:>11} {refills:>9} {flushes:>9}")?;
    }
    if sorted.len() > SHOWN {
        write!(text, "\n… and {} threads more", sorted.len() - SHOWN)?;
    }
    Ok(text)
}

fn check(moments: &[Moment]) -> Result<()> {
    let wrong: Vec<String> = moments
        .iter()
        .flat_map(|moment| moment.stats.identities())
        .inspect(|identity| {
            let mark = if identity.holds() { "holds " } else { "differs" };
            eprintln!("{mark} {}: {} and {}", identity.says, identity.left, identity.right);
        })
        .filter(|identity| !identity.holds())
        .map(|identity| identity.says.to_owned())
        .collect();
    if !wrong.is_empty() {
        bail!("{} of the sums differ; on a process that is at work, try again", wrong.len());
    }
    Ok(())
}
