//! `strata top`: a running process, looked at again and again.

use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use crate::top;

/// Watch what a running process holds, on the whole terminal
///
/// Shows the waterfall of `strata explain` as bars, the last minutes, size classes, threads, system calls a second, and what the
/// purge policy is about to do. Without a process: a list of those that run on Strata. The process is neither stopped nor written to.
/// `h` shows all keys.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The process
    pid: Option<u32>,
    /// Seconds from one sample to the next
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    every: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.1..=3600.0).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err("give a number of seconds from 0.1 to 3600, such as 2".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        bail!(
            "strata top needs a terminal: `strata explain PID` and `strata stats PID` print once, into files too"
        );
    }
    top::run(arguments.pid, arguments.every)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_bounds() {
        assert_eq!(seconds("0.5").unwrap(), Duration::from_millis(500));
        for text in ["0", "0.01", "-3", "soon", "NaN"] {
            assert!(seconds(text).unwrap_err().contains("such as 2"), "{text}");
        }
    }
}
