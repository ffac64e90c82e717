//! The multi-threaded tests under ThreadSanitizer, with the nightly toolchain that is installed.
//!
//! The standard library is not instrumented (that needs its source), so what it orders by a fence or by a contended futex is
//! not seen; `tsan/std.supp` silences the reports that come of it, and a seeded race is shown to the sanitizer under the same
//! suppressions before each run. docs/verification.md says what a test must avoid.
//!
//! Does not know: what the tests do.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{heading, is_installed, succeed, tool_of};

/// Tests of one build: folder, a flag beside the sanitizer's own, packages, and files in `tests/` (none: the crates' own tests). Those
/// that the sanitizer cannot run say so where they stand: `#[cfg_attr(strata_tsan, ignore = "…")]`.
struct Suite(&'static str, &'static str, &'static str, &'static str);

/// Add new ones here; docs/verification.md says what such a test must avoid.
const SUITES: &[Suite] = &[
    Suite(
        "target/tsan",
        "",
        "stratalloc",
        "stress transfer model lifecycle fork unload bounds stats heap watch limits huge",
    ),
    Suite("target/tsan-simulated", " --cfg=strata_simulated", "stratalloc", "os_faults nodes reservation"),
    Suite("target/tsan", "", "strata-core strata-os strata-segment strata-cache", ""),
];

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
    /// Only this file of `stratalloc`'s tests, or the unit tests of this package.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

/// Runs the tests; an error if a race is reported.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    if !is_installed("nightly") {
        bail!("ThreadSanitizer needs a nightly toolchain (`rustup toolchain install nightly`)");
    }
    heading("the sanitizer sees a seeded race, and only that");
    sees_what_it_should(root)?;
    let mut runs: Vec<_> = SUITES.iter().filter_map(|suite| test_command(root, suite, arguments)).collect();
    if runs.is_empty() {
        bail!("no such tests: xtask/src/tsan.rs lists them");
    }
    heading("tests under ThreadSanitizer");
    runs.iter_mut().try_for_each(succeed)?;
    println!("no race reported");
    Ok(())
}

/// A tool of the nightly toolchain.
fn nightly(tool: &str, root: &Path) -> Command {
    let mut command = tool_of("nightly", tool, root);
    let suppressions = root.join(SUPPRESSIONS);
    command.env("TSAN_OPTIONS", format!("suppressions={} {OPTIONS}", suppressions.display()));
    command
}

/// `--target` keeps the flags away from build scripts. `None`: nothing of the suite was asked for.
fn test_command(root: &Path, suite: &Suite, arguments: &Arguments) -> Option<Command> {
    let Suite(folder, flag, packages, files) = suite;
    let is_wanted = |name: &&str| arguments.only.as_ref().is_none_or(|only| only == name);
    let files_of_ours: Vec<_> = files.split_whitespace().filter(is_wanted).collect();
    let packages = packages.split_whitespace().filter(|name| !files_of_ours.is_empty() || is_wanted(name));
    let packages: Vec<_> = packages.flat_map(|package| ["--package", package]).collect();
    if packages.is_empty() || (files_of_ours.is_empty() && !files.is_empty()) {
        return None;
    }
    let mut command = nightly("cargo", root);
    command.args(["test", "--no-fail-fast", "--profile", "checked", "--target", TARGET]).args(packages);
    command.args(files_of_ours.iter().flat_map(|file| ["--test", file]));
    command.args(files.is_empty().then_some("--lib"));
    command.env("CARGO_TARGET_DIR", root.join(folder)).env("RUSTFLAGS", FLAGS.join(" ") + flag);
    Some(command)
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
        let text = include_str!("../tsan/std.supp");
        let rules: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        let allowed =
            ["race:library/alloc/src/sync.rs", "race:CompletedTest", "race:library/std/src/sync/mpmc"];
        assert_eq!(rules, allowed, "a new rule needs a reason in docs/verification.md and a place here");
    }
}
