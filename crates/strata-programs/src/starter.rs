//! The small process between us and a program that is measured.
//!
//! Linux counts a process's peak of memory from before its `exec` on: a program that we started ourselves would show our
//! own size as its least. So this program is started a second time, does nothing but start that one, wait, and ask the
//! kernel; what then counts as the least is about a megabyte. Times and faults are the sums, the peak is the largest, of the
//! program and of all children that were waited for. What the program prints goes into files.
//!
//! Does not know: what is run, or why.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::time::TimeVal;
use nix::unistd::{Gid, Uid, User, getegid, geteuid};
use process_control::{ChildExt, Control};
use serde::{Deserialize, Serialize};

/// How it is started.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The library to preload.
    #[arg(long)]
    preload: PathBuf,
    /// Where its standard output goes.
    #[arg(long)]
    output: PathBuf,
    /// Where its standard error goes.
    #[arg(long)]
    errors: PathBuf,
    /// Whom it runs as.
    #[arg(long)]
    user: Option<String>,
    /// It is killed after that many seconds.
    #[arg(long)]
    limit: u64,
    /// The program and its arguments.
    #[arg(required = true, last = true)]
    command: Vec<String>,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ending {
    Well,
    /// With this status.
    Badly(String),
    /// By us, for taking too long.
    Late,
}

/// What a program and its children used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) ending: Ending,
    pub(crate) wall_ns: u64,
    pub(crate) user_ns: u64,
    pub(crate) system_ns: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) faults: u64,
}

/// Prints the program's process id, waits for its end, prints its usage.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    heed_signals()?;
    let mut command = command(arguments)?;
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("starting {}", arguments.command[0]))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", child.id()).and_then(|()| out.flush()).context("telling the process id")?;
    let ending = wait(child, Duration::from_secs(arguments.limit))?;
    let wall = start.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("asking for the usage")?;
    let usage = Usage {
        ending,
        wall_ns: wall.as_nanos() as u64,
        user_ns: nanoseconds(usage.user_time()),
        system_ns: nanoseconds(usage.system_time()),
        peak_bytes: usage.max_rss() as u64 * 1024,
        faults: (usage.minor_page_faults() + usage.major_page_faults()) as u64,
    };
    println!("{}", serde_json::to_string(&usage).context("writing the usage")?);
    Ok(())
}

/// Signals that a shell ignores for what it starts in the background, and that CPython's tests send to themselves.
fn heed_signals() -> Result<()> {
    for kind in [Signal::SIGINT, Signal::SIGQUIT] {
        // SAFETY: no handler of ours is installed, and the default one needs nothing.
        unsafe { signal(kind, SigHandler::SigDfl) }.context("heeding signals again")?;
    }
    Ok(())
}

fn command(arguments: &Arguments) -> Result<Command> {
    let file = |path: &PathBuf| File::create(path).with_context(|| format!("making {}", path.display()));
    let mut command = Command::new(&arguments.command[0]);
    command.args(&arguments.command[1..]).env("LD_PRELOAD", &arguments.preload);
    command.stdin(Stdio::null()).stdout(file(&arguments.output)?).stderr(file(&arguments.errors)?);
    let (user, group) = who(arguments.user.as_deref())?;
    // Also where it is ourselves: the standard library then forks, and the kernel counts from what a fork copies, a fraction
    // of our pages; without, the new process borrows all of them until its `exec`.
    command.uid(user.as_raw()).gid(group.as_raw());
    Ok(command)
}

fn who(name: Option<&str>) -> Result<(Uid, Gid)> {
    let Some(name) = name else { return Ok((geteuid(), getegid())) };
    let user = User::from_name(name).context("looking a user up")?;
    user.map(|user| (user.uid, user.gid)).with_context(|| format!("there is no user {name}"))
}

fn wait(mut child: Child, limit: Duration) -> Result<Ending> {
    let status = child.controlled().time_limit(limit).terminate_for_timeout().wait();
    Ok(match status.context("waiting for the program")? {
        Some(status) if status.success() => Ending::Well,
        Some(status) => Ending::Badly(status.to_string()),
        None => Ending::Late,
    })
}

fn nanoseconds(time: TimeVal) -> u64 {
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_usec() as u64 * 1_000
}
