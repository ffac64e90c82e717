//! Instructions of the hot paths, counted by callgrind, against their budgets: no clock, so no noise.
//!
//! The program is `crates/stratalloc/examples/instructions.rs`. Each number is the difference of two runs, divided by the
//! difference of their counts. What C's names cost, a test of strata-capi counts.
//!
//! Does not know: what a case does.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use comfy_table::{Cell, CellAlignment, Row, Table};

use crate::process::{cargo, succeed, watch};
use crate::table::pattern;

/// How a case is counted.
enum Counted {
    /// Within these functions of the case `boxes`: what eight cost more than four, by the four.
    Inlined { eight: &'static str, four: &'static str },
    /// The whole case, less the case `empty`.
    Whole,
}

struct Case {
    name: &'static str,
    counted: Counted,
    /// At most this many; `None` only shows the number.
    budget: Option<f64>,
}

/// The budgets: docs/verification.md says where they come from.
const CASES: &[Case] = &[
    Case {
        name: "box_alloc",
        counted: Counted::Inlined { eight: "box_alloc_eight", four: "box_alloc_four" },
        budget: Some(8.0),
    },
    Case {
        name: "box_free",
        counted: Counted::Inlined { eight: "box_free_eight", four: "box_free_four" },
        budget: Some(9.0),
    },
    Case { name: "box_pair", counted: Counted::Whole, budget: None },
    Case { name: "string", counted: Counted::Whole, budget: None },
    Case { name: "vec_growth", counted: Counted::Whole, budget: None },
];

/// The counts of the two runs.
const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

/// Counts all cases; an error if one is over its budget, or if there is no valgrind.
pub(crate) fn run(root: &Path) -> Result<()> {
    if !have_valgrind() {
        bail!("{NO_VALGRIND}");
    }
    count(root)?;
    count_library(root)
}

/// The malloc family of `libstrata.so`: `crates/strata-capi/tests/instructions.rs`, which the workspace's tests run, too.
fn count_library(root: &Path) -> Result<()> {
    let mut test = cargo(root);
    test.args([
        "test",
        "--quiet",
        "--package",
        "strata-capi",
        "--profile",
        "checked",
        "--test",
        "instructions",
    ]);
    succeed(test.args(["--", "--nocapture"]))
}

/// The same where valgrind is to be had; elsewhere it says so and succeeds.
pub(crate) fn run_if_possible(root: &Path) -> Result<()> {
    if !have_valgrind() {
        println!("skipped: {NO_VALGRIND}");
        return Ok(());
    }
    count(root)
}

const NO_VALGRIND: &str =
    "counting instructions needs valgrind: `apt-get install valgrind`, or your system's like of it";

fn count(root: &Path) -> Result<()> {
    let target = root.join("target/instructions");
    let mut build = cargo(root);
    build.args(["build", "--quiet", "--release", "--package", "stratalloc", "--example", "instructions"]);
    succeed(build.env("CARGO_TARGET_DIR", &target))?;
    let counter =
        Counter { program: target.join("release/examples/instructions"), out: target.join("callgrind.out") };
    let empty = counter.each("empty", None)?;
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN).set_header([
        "case",
        "instructions",
        "budget",
        "",
    ]);
    let mut over = Vec::new();
    for case in CASES {
        let count = counter.case(case, empty)?;
        if case.budget.is_some_and(|budget| count > budget) {
            over.push(case.name);
        }
        table.add_row(row(case, count));
    }
    println!("{table}");
    if !over.is_empty() {
        bail!("over budget: {}", over.join(", "));
    }
    Ok(())
}

fn row(case: &Case, count: f64) -> Row {
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let verdict = match case.budget {
        Some(budget) if count > budget => "OVER",
        Some(_) => "ok",
        None => "",
    };
    let budget = case.budget.map_or_else(String::new, |budget| format!("≤ {budget}"));
    Row::from([Cell::new(case.name), right(format!("{count:.2}")), right(budget), Cell::new(verdict)])
}

struct Counter {
    program: PathBuf,
    out: PathBuf,
}

impl Counter {
    fn case(&self, case: &Case, empty: f64) -> Result<f64> {
        match case.counted {
            Counted::Whole => Ok(self.each(case.name, None)? - empty),
            Counted::Inlined { eight, four } => {
                let (eight, four) = (self.each("boxes", Some(eight))?, self.each("boxes", Some(four))?);
                if four == 0.0 || eight == 0.0 {
                    bail!("{}: a counted function was inlined away", case.name);
                }
                Ok((eight - four) / 4.0)
            }
        }
    }

    /// Instructions of one turn of the case, or of its calls of `function`.
    fn each(&self, case: &str, function: Option<&str>) -> Result<f64> {
        let (few, many) = (self.total(case, FEW, function)?, self.total(case, MANY, function)?);
        Ok(many.saturating_sub(few) as f64 / (MANY - FEW) as f64)
    }

    fn total(&self, case: &str, count: u64, function: Option<&str>) -> Result<u64> {
        let mut command = Command::new("valgrind");
        command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", self.out.display()));
        command.args(function.map(|function| format!("--toggle-collect=*{function}*")));
        command.arg(&self.program).args([case, &count.to_string()]);
        let outcome = watch(&mut command, Duration::from_secs(120), |_| ())?;
        if !outcome.succeeded() {
            bail!("counting `{case}` failed:\n{}", outcome.output);
        }
        let written = std::fs::read_to_string(&self.out).context("reading what callgrind wrote")?;
        summary(&written).with_context(|| format!("callgrind wrote no summary of `{case}`"))
    }
}

/// The instructions in callgrind's file.
fn summary(written: &str) -> Option<u64> {
    pattern(r"(?m)^(?:summary|totals): (\d+)").captures(written)?[1].parse().ok()
}

/// In CI it is installed where that is possible; no other machine is changed.
fn have_valgrind() -> bool {
    if !valgrind_runs() && std::env::var_os("CI").is_some() {
        for arguments in [
            &["update", "--quiet"][..],
            &["install", "--yes", "--quiet", "--no-install-recommends", "valgrind"],
        ] {
            let mut install = Command::new("apt-get");
            install.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
            if let Err(error) = succeed(&mut install) {
                println!("{error:#}");
            }
        }
    }
    valgrind_runs()
}

fn valgrind_runs() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read() {
        assert_eq!(summary("events: Ir\nfn=a\n1 2\nsummary: 900694\n\ntotals: 900694\n"), Some(900_694));
        assert_eq!(summary("events: Ir\n"), None);
    }

    #[test]
    fn a_row_tells_who_is_over() {
        let case = |budget| Case { name: "a", counted: Counted::Whole, budget };
        let verdict = |budget, count| row(&case(budget), count).cell_iter().last().map(Cell::content);
        assert_eq!(verdict(Some(8.0), 8.0).as_deref(), Some("ok"));
        assert_eq!(verdict(Some(8.0), 8.5).as_deref(), Some("OVER"));
        assert_eq!(verdict(None, 99.0).as_deref(), Some(""));
    }
}
