//! The multi-threaded tests under ThreadSanitizer, with the nightly toolchain that is installed.
//!
//! The standard library is not instrumented (that needs its source), so what it orders by a fence or by a contended futex is
//! not seen; `tsan/std.supp` silences the reports that come of it, and a seeded race is shown to the sanitizer under the same
//! suppressions before each run. docs/verification.md says what a test must avoid.
//!
//! Does not know: what the tests do.

mod suites;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{heading, succeed};
use suites::{SUITES, Suite, System};

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The second admits a standard library that was built without the first.
const FLAGS: &[&str] = &["-Zsanitizer=thread", "--cfg=strata_tsan", "-Cunsafe-allow-abi-mismatch=sanitizer"];
const SUPPRESSIONS: &str = "xtask/tsan/std.supp";
/// A long memory of past accesses; and children of `fork` may start threads, which the sanitizer then does not watch.
const OPTIONS: &str = "history_size=4 die_after_fork=0";
/// What a program exits with when a race was reported.
const RACE: i32 = 66;

/// How to run it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Succeed where no nightly toolchain is installed.
    #[arg(long)]
    if_available: bool,
    /// Only this file of `stratalloc`'s tests, or the unit tests of this package.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

/// Runs the tests; an error if a race is reported.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    if !nightly_is_there() {
        let message = "ThreadSanitizer needs a nightly toolchain (`rustup toolchain install nightly`)";
        if arguments.if_available {
            println!("{message}: skipped");
            return Ok(());
        }
        bail!("{message}");
    }
    let only = arguments.only.as_deref();
    let suites: Vec<_> = SUITES.iter().filter(|suite| only.is_none_or(|only| only == suite.name())).collect();
    if suites.is_empty() {
        bail!("no such tests; there are: {}", SUITES.iter().map(Suite::name).collect::<Vec<_>>().join(", "));
    }
    heading("the sanitizer sees a seeded race, and only that");
    sees_what_it_should(root)?;
    for suite in suites {
        heading(&format!("{} under ThreadSanitizer", suite.name()));
        suite.say_what_is_skipped();
        succeed(&mut test_command(root, suite))?;
    }
    println!("no race reported");
    Ok(())
}

fn nightly_is_there() -> bool {
    let probe =
        Command::new("rustc").arg("+nightly").arg("--version").env_remove("RUSTUP_TOOLCHAIN").output();
    probe.is_ok_and(|output| output.status.success())
}

/// A tool of the nightly toolchain; what binds us to the stable one does not reach it.
fn nightly(tool: &str, root: &Path) -> Command {
    let mut command = Command::new(tool);
    command.arg("+nightly").current_dir(root);
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(variable);
    }
    let suppressions = root.join(SUPPRESSIONS);
    command.env("TSAN_OPTIONS", format!("suppressions={} {OPTIONS}", suppressions.display()));
    command
}

/// `--target` keeps the flags away from build scripts.
fn test_command(root: &Path, suite: &Suite) -> Command {
    let mut command = nightly("cargo", root);
    command.args(["test", "--profile", "checked", "--target", TARGET]);
    let (folder, simulated) = match suite.system() {
        System::Real => ("target/tsan", ""),
        System::Simulated => ("target/tsan-simulated", " --cfg=strata_simulated"),
    };
    command.env("CARGO_TARGET_DIR", root.join(folder)).env("RUSTFLAGS", FLAGS.join(" ") + simulated);
    suite.choose(&mut command);
    command
}

fn sees_what_it_should(root: &Path) -> Result<()> {
    let folder = root.join("target/tsan");
    std::fs::create_dir_all(&folder).context("making target/tsan")?;
    let program = folder.join("seeded_race");
    let mut compile = nightly("rustc", root);
    compile.args(["--edition", "2024", "-O", "xtask/tsan/seeded_race.rs", "-o"]).arg(&program).args(FLAGS);
    succeed(&mut compile)?;
    for (order, expected) in [("relaxed", RACE), ("release", 0)] {
        let options = format!("suppressions={}", root.join(SUPPRESSIONS).display());
        let mut run = Command::new(&program);
        run.arg(order).env("TSAN_OPTIONS", options).stdout(Stdio::null()).stderr(Stdio::null());
        let status = run.status().context("starting the seeded race")?;
        if status.code() != Some(expected) {
            bail!(
                "the seeded race with a {order} store ended with {status}, expected exit status {expected}"
            );
        }
        println!("{order}: exit status {expected}, as it should");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_of_ours_is_suppressed() {
        let text = include_str!("../../tsan/std.supp");
        let rules: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        let allowed =
            ["race:library/alloc/src/sync.rs", "race:CompletedTest", "race:library/std/src/sync/mpmc"];
        assert_eq!(rules, allowed, "a new rule needs a reason in docs/verification.md and a place here");
    }
}
