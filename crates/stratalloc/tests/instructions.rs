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

/// Counted as a whole: shown as it is, and the most that profiling at the default rate may add, by a listener that does nothing.
const WHOLE: [(&str, f64); 6] = [
    ("box_pair", 15.0),
    // Thirty-two boxes, then as many drops.
    ("batch", 16.0 * 32.0),
    ("replaced", 26.0),
    ("string", 15.0),
    ("vec_growth", 115.0),
    ("map", 35.0),
];
/// Bytes between samples by default; 0: not profiled.
const RATES: [u64; 2] = [0, 512 << 10];

/// Builds the program as users get it: what `cargo test` built has no link-time optimisation.
fn program() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--release", "--package", "stratalloc", "--example", "instructions"]);
    build.arg("--target-dir").arg(&target).current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(build.status().unwrap().success(), "the program does not build");
    target.join("release/examples/instructions")
}

/// Instructions of this many turns of a case, or of its calls of one function, profiled at a rate.
fn total(program: &Path, case: &str, turns: u64, function: Option<&str>, rate: u64) -> u64 {
    let mut count = Command::new("valgrind");
    count.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    count.args(function.map(|function| format!("--toggle-collect=*{function}*")));
    let output = count.arg(program).args([case, &turns.to_string(), &rate.to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let collected = text.lines().find_map(|line| line.split("Collected : ").nth(1)).expect("a summary");
    collected.trim().parse().unwrap()
}

fn each(program: &Path, case: &str, function: Option<&str>, rate: u64) -> f64 {
    let total = |turns| total(program, case, turns, function, rate);
    (total(MANY) - total(FEW)) as f64 / (MANY - FEW) as f64
}

/// What eight cost more than four, by the four: calls, frames and returns fall out.
fn inlined(program: &Path, operation: &str) -> f64 {
    let cost = |count| each(program, "boxes", Some(&format!("{operation}_{count}")), 0);
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
    let empty = each(&program, "empty", None, 0);
    let mut over = Vec::new();
    for (case, most) in WHOLE {
        let [off, on] = RATES.map(|rate| each(&program, case, None, rate));
        println!(
            "{case:>14}: {:.2} instructions, {:.2} more while profiled, {most} at most",
            off - empty,
            on - off
        );
        if on - off > most {
            over.push(case);
        }
    }
    assert!(counted.iter().all(|(_, count, budget)| count <= budget), "{counted:?}");
    assert!(over.is_empty(), "while profiled: {over:?}");
}
