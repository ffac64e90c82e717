//! Running other programs: say what runs, keep what it prints, stop it when it takes too long.
//!
//! Does not know: which programs, and what their output means.

use std::io::{Read, Write};
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
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.as_mut().map_err(|error| anyhow::anyhow!("starting {}: {error}", said(command)))?;
    let (sender, lines) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] =
        [child.stdout.take().map(|s| Box::new(s) as _), child.stderr.take().map(|s| Box::new(s) as _)];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || forward(stream, &sender));
    }
    drop(sender);
    let mut output = String::new();
    let ended = loop {
        match lines.recv_timeout(limit.saturating_sub(start.elapsed())) {
            Ok(line) => {
                each_line(line.trim_end());
                output.push_str(&line);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break true,
            Err(mpsc::RecvTimeoutError::Timeout) => break false,
        }
    };
    if !ended {
        child.kill().context("stopping a program that takes too long")?;
    }
    let status = child.wait().context("waiting for a program")?;
    Ok(Outcome { status: ended.then_some(status), output, seconds: start.elapsed().as_secs_f64() })
}

/// Line by line; what is no UTF-8 is replaced.
fn forward(stream: impl Read, lines: &mpsc::Sender<String>) {
    let mut reader = std::io::BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = std::io::BufRead::read_until(&mut reader, b'\n', &mut line) {
        if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
        line.clear();
    }
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
    fn what_takes_too_long_is_stopped() {
        let mut command = Command::new("sleep");
        let outcome = watch(command.arg("60"), Duration::from_millis(100), |_| ()).expect("it starts");
        assert!(outcome.status.is_none() && outcome.seconds < 30.0);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        assert!(watch(&mut Command::new("no-such-program"), Duration::from_secs(1), |_| ()).is_err());
    }
}
