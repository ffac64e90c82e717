//! Runs models that must pass, one line each: how many executions, how long, and whether that was all there are.
//!
//! A model prints `model NAME iterations=N EXHAUSTIVE|BOUNDED seconds=S` when it has passed (loom-tests/src/lib.rs).
//!
//! Does not know: faults.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Selection, build};
use crate::process::watch;
use crate::source::pattern;

/// A model is to end within two minutes; a file of them gets this long.
const LIMIT: Duration = Duration::from_secs(30 * 60);
const SECONDS_OF_A_MODEL: f64 = 120.0;

/// What a model said.
#[derive(PartialEq, Debug)]
struct Report {
    name: String,
    iterations: u64,
    exhaustive: bool,
    seconds: f64,
}

/// libtest may have written before it on the same line.
fn report(line: &str) -> Option<Report> {
    let form = pattern(r"\bmodel (\S+) iterations=(\d+) (EXHAUSTIVE|BOUNDED)\b.*\bseconds=([0-9.]+)");
    let hit = form.captures(line)?;
    Some(Report {
        name: hit[1].to_owned(),
        iterations: hit[2].parse().ok()?,
        exhaustive: &hit[3] == "EXHAUSTIVE",
        seconds: hit[4].parse().ok()?,
    })
}

/// Builds and runs the selections; an error if one fails, or says nothing.
pub(super) fn run(root: &Path, selections: &[Selection]) -> Result<()> {
    let (mut reports, mut failed) = (Vec::new(), Vec::new());
    for selection in selections {
        for program in build::programs(root, selection, None)? {
            let mut command = program.command(root, selection.filter.as_deref());
            let outcome = watch(&mut command, LIMIT, |line| {
                let report = report(line);
                report.iter().for_each(|report| show(&program.file, report));
                reports.extend(report);
            })?;
            if !outcome.succeeded() {
                println!("{}", outcome.output);
                let how =
                    outcome.status.map_or_else(|| "took too long".to_owned(), |status| status.to_string());
                failed.push(format!("{} ({how})", program.file));
            }
        }
    }
    let exhaustive = reports.iter().filter(|report| report.exhaustive).count();
    let bounded = reports.len() - exhaustive;
    println!("{} models: {exhaustive} exhaustive, {bounded} bounded", reports.len());
    if !failed.is_empty() {
        bail!("models failed: {}", failed.join(", "));
    }
    if reports.is_empty() {
        bail!("no model said that it passed: does the name exist, and does it print its line?");
    }
    Ok(())
}

fn show(file: &str, report: &Report) {
    let kind = if report.exhaustive { "EXHAUSTIVE" } else { "BOUNDED" };
    let slow = if report.seconds > SECONDS_OF_A_MODEL { "  over two minutes: make it smaller" } else { "" };
    println!(
        "{file:<24} {:<56} {:>9} {kind:<10} {:>7.1} s{slow}",
        report.name, report.iterations, report.seconds
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_behind_what_libtest_wrote() {
        let line = "test two ... model two_pushes iterations=1204 EXHAUSTIVE seconds=0.52";
        let two = Report { name: "two_pushes".into(), iterations: 1204, exhaustive: true, seconds: 0.52 };
        assert_eq!(report(line), Some(two));
        let bounded = "model x iterations=9 BOUNDED preemptions=2 seconds=1";
        assert_eq!(report(bounded).map(|it| it.exhaustive), Some(false));
        assert_eq!(report("running 3 tests"), None);
    }
}
