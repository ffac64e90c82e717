//! Running other programs: say what runs, keep what it prints, stop it when it takes too long.
//!
//! Does not know: which programs, and what their output means.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use strata_harness::process::said;

pub(crate) use strata_harness::process::{cargo, succeed};

/// What a program did.
pub(crate) struct Outcome {
    /// `None` if it had to be stopped.
    pub(crate) status: Option<ExitStatus>,
    /// Both of its streams, as they came.
    pub(crate) output: String,
    pub(crate) seconds: f64,
}

impl Outcome {
    /// Whether it ended by itself, well.
    pub(crate) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs it to its end or to `limit`; `each_line` hears every line as it comes.
pub(crate) fn watch(
    command: &mut Command,
    limit: Duration,
    mut each_line: impl FnMut(&str),
) -> Result<Outcome> {
    let start = Instant::now();
    let (reader, writer) = std::io::pipe().context("a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().context("a pipe")?).stderr(writer);
    let child = command.spawn();
    // The pipe ends with the program: this process may not keep its other end open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child.with_context(|| format!("starting {}", said(command)))?;
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(reader).split(b'\n').map_while(|line| line.ok());
        lines.map(|line| String::from_utf8_lossy(&line).into_owned()).try_for_each(|line| sender.send(line))
    });
    let mut output = String::new();
    let ended = loop {
        match lines.recv_timeout(limit.saturating_sub(start.elapsed())) {
            Ok(line) => {
                each_line(&line);
                output.extend([&line, "\n"]);
            }
            Err(why) => break why == mpsc::RecvTimeoutError::Disconnected,
        }
    };
    if !ended {
        child.kill().context("stopping a program that takes too long")?;
    }
    let status = child.wait().context("waiting for a program")?;
    Ok(Outcome { status: ended.then_some(status), output, seconds: start.elapsed().as_secs_f64() })
}

/// Whether rustup has this toolchain.
pub(crate) fn is_installed(toolchain: &str) -> bool {
    let mut probe = Command::new("rustc");
    probe.arg(format!("+{toolchain}")).arg("--version").env_remove("RUSTUP_TOOLCHAIN");
    probe.output().is_ok_and(|output| output.status.success())
}

/// A tool of another toolchain; what binds us to our own does not reach it.
pub(crate) fn tool_of(toolchain: &str, tool: &str, root: &Path) -> Command {
    let mut command = Command::new(tool);
    command.arg(format!("+{toolchain}")).current_dir(root);
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(variable);
    }
    command
}

/// A line of a step's heading, out before what follows it.
pub(crate) fn heading(text: &str) {
    println!("\n── {text} {}", "─".repeat(100usize.saturating_sub(text.chars().count())));
    // Nothing to be done about a closed standard output here.
    let _ = std::io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_are_kept() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let outcome = watch(&mut command, Duration::from_secs(20), |line| lines.push(line.to_owned()))
            .expect("it starts");
        lines.sort();
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(outcome.status.and_then(|status| status.code()), Some(3));
        assert!(!outcome.succeeded() && outcome.output.contains("one\n"));
    }

    #[test]
    fn what_takes_too_long_is_stopped_and_what_is_not_there_is_an_error() {
        let outcome =
            watch(Command::new("sleep").arg("60"), Duration::from_millis(100), |_| ()).expect("sleep");
        assert!(outcome.status.is_none() && outcome.seconds < 30.0);
        assert!(watch(&mut Command::new("no-such-program"), Duration::from_secs(1), |_| ()).is_err());
    }
}
