//! One run: starts a benchmark binary, waits for it within reason, and reads its line.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use process_control::{ChildExt, Control, Output};
use serde::de::DeserializeOwned;

use super::build::Program;
use super::plan::Case;
use strata_harness::sample::{Sample, Workload};

/// A run of no more than a whole scale that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// Asks a binary which workloads it has: an allocator for one thread has fewer.
pub(crate) fn list(program: &Program) -> Result<Vec<Workload>> {
    ask(command(program).arg("--list"), PATIENCE)
}

/// Runs `case` once.
pub(crate) fn run(program: &Program, case: &Case, scale: f64) -> Result<Sample> {
    let mut command = command(program);
    command.arg(&case.workload);
    command.args(["--scale", &scale.to_string(), "--threads", &case.threads.to_string()]);
    ask(&mut command, PATIENCE.mul_f64(scale.max(1.0)))
}

fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.path);
    if let Some(library) = &program.preload {
        command.env("LD_PRELOAD", library);
    }
    if let Some(variant) = program.variant {
        command.env(variant.variable, variant.value);
    }
    command
}

fn ask<T: DeserializeOwned>(command: &mut Command, patience: Duration) -> Result<T> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let answer = child.controlled_with_output().time_limit(patience).terminate_for_timeout().wait()?;
    read(answer, patience)
}

fn read<T: DeserializeOwned>(answer: Option<Output>, patience: Duration) -> Result<T> {
    let Some(output) = answer else {
        bail!("did not end within {} s", patience.as_secs());
    };
    if !output.status.success() {
        let last_words = String::from_utf8_lossy(&output.stderr);
        bail!("ended with {}: {}", output.status, last_words.trim());
    }
    serde_json::from_slice(&output.stdout).context("printed something else than a line of JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<u32> {
        ask(Command::new("sh").args(["-c", script]), PATIENCE)
    }

    #[test]
    fn an_answer_is_read() {
        assert_eq!(shell("echo 42").unwrap(), 42);
    }

    #[test]
    fn a_library_is_preloaded_into_its_program_only() {
        let preload = Some("/lib/libtcmalloc_minimal.so.4".into());
        let [with, without] = [preload, None]
            .map(|preload| command(&Program { path: "/bin/true".into(), preload, variant: None }));
        let (name, value) = with.get_envs().next().unwrap();
        assert_eq!((name, value), ("LD_PRELOAD".as_ref(), Some("/lib/libtcmalloc_minimal.so.4".as_ref())));
        assert_eq!(without.get_envs().count(), 0);
    }

    #[test]
    fn a_crash_comes_with_its_last_words() {
        let error = format!("{:#}", shell("echo double free >&2; kill -ABRT $$").unwrap_err());
        assert!(error.contains("double free") && error.contains("signal: 6"), "{error}");
    }

    #[test]
    fn silence_is_an_error() {
        assert!(shell("true").unwrap_err().to_string().contains("JSON"));
    }
}
