//! Instructions of the inlined fast paths, as a program with fat LTO has them, against their budgets: no clock, so no noise.
//!
//! The program is `examples/instructions.rs`, run by callgrind. Each number is what many turns take beyond what few do, by the difference.
//! What C's names cost, a test of strata-capi counts.

use std::path::{Path, PathBuf};
use std::process::Command;

const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

/// The most for a box of 48 bytes, and for its drop; docs/verification.md says where they come from.
const BUDGETS: [(&str, f64); 2] = [("box_alloc", 8.0), ("box_free", 9.0)];

/// Of which only the number is shown.
const WHOLE: [&str; 3] = ["box_pair", "string", "vec_growth"];

/// Builds the program as users get it: what `cargo test` built has no link-time optimisation.
fn program() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--release", "--package", "stratalloc", "--example", "instructions"]);
    build.arg("--target-dir").arg(&target).current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(build.status().unwrap().success(), "the program does not build");
    target.join("release/examples/instructions")
}

/// Instructions of so many turns of a case, or of its calls of one function.
fn total(program: &Path, case: &str, turns: u64, function: Option<&str>) -> u64 {
    let mut count = Command::new("valgrind");
    count.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    count.args(function.map(|function| format!("--toggle-collect=*{function}*")));
    let output = count.arg(program).args([case, &turns.to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let collected = text.lines().find_map(|line| line.split("Collected : ").nth(1)).expect("a summary");
    collected.trim().parse().unwrap()
}

fn each(program: &Path, case: &str, function: Option<&str>) -> f64 {
    (total(program, case, MANY, function) - total(program, case, FEW, function)) as f64 / (MANY - FEW) as f64
}

/// What eight cost more than four, by the four: calls, frames and returns fall out.
fn inlined(program: &Path, operation: &str) -> f64 {
    let cost = |count| each(program, "boxes", Some(&format!("{operation}_{count}")));
    let (eight, four) = (cost("eight"), cost("four"));
    assert!(four > 0.0 && eight > four, "{operation}: a counted function was inlined away");
    (eight - four) / 4.0
}

#[test]
fn the_fast_paths_keep_their_budgets() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: no valgrind");
        return;
    }
    let program = program();
    let counted = BUDGETS.map(|(operation, budget)| (operation, inlined(&program, operation), budget));
    for (operation, count, budget) in counted {
        println!("{operation:>14}: {count:.2} instructions, {budget} at most");
    }
    let empty = each(&program, "empty", None);
    for case in WHOLE {
        println!("{case:>14}: {:.2} instructions", each(&program, case, None) - empty);
    }
    assert!(counted.iter().all(|(_, count, budget)| count <= budget), "{counted:?}");
}
