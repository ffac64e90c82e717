//! Instructions of the warm family through the shared library, against their budgets.
//!
//! Each number is what callgrind counts within the function in many turns, less what it counts in few, by the difference.

mod finished;

use std::process::Command;
use std::sync::LazyLock;

use finished::{Finished, Way, finish, runs, said};

const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

/// The names that a function may bear: the linker makes one of those that are the same.
fn names(function: &str) -> Vec<&str> {
    match function {
        "free_sized" => vec!["free_sized", "_ZdlPvm", "_ZdaPvm"],
        "grow" => vec!["malloc"],
        _ => vec![function],
    }
}

/// What is counted, built once for both tests.
static PROGRAM: LazyLock<Command> =
    LazyLock::new(|| Finished::get().program("c/instructions.c", Way::Linked).expect("a C compiler"));

/// Instructions in all calls of `function`.
fn total(function: &str, size: usize, turns: u64) -> u64 {
    let program = &*PROGRAM;
    let mut count = Command::new("valgrind");
    count
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--demangle=no"])
        .args(names(function).iter().map(|name| format!("--toggle-collect={name}")));
    // Many segments are soon there where each has one arena.
    count
        .env("STRATA_SEGMENT_SIZE", "4M")
        .arg(program.get_program())
        .arg(function)
        .args([size.to_string(), turns.to_string()]);
    count.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = finish(&mut count);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    let collected =
        text.lines().find_map(|line| line.split("Collected : ").nth(1)).expect("callgrind's summary");
    collected.trim().parse().unwrap()
}

fn each(function: &str, size: usize) -> f64 {
    (total(function, size, MANY) - total(function, size, FEW)) as f64 / (MANY - FEW) as f64
}

/// Of the two tables by which a magazine is found: both ends of the first, and one of the second.
const SIZES: [usize; 3] = [16, 1024, 20_000];

/// What a function may take for a size. Those that the design has no budget for may not become slower unnoticed.
fn budget(function: &str, size: usize) -> f64 {
    let is_small = size <= 1024;
    match function {
        "malloc" if is_small => 12.0,
        "malloc" => 16.0,
        "free" | "free_sized" => 15.0,
        "realloc" => 25.0,
        "aligned_alloc" => 42.0,
        "posix_memalign" => 48.0,
        _ => f64::INFINITY,
    }
}

#[test]
fn the_family_keeps_its_budgets() {
    if !runs("valgrind") {
        println!("skipped: no valgrind");
        return;
    }
    let functions = ["malloc", "free", "free_sized", "calloc", "realloc", "aligned_alloc", "posix_memalign"];
    let mut over = Vec::new();
    for function in functions {
        for size in SIZES {
            let counted = each(function, size);
            println!("{function:>14} {size:>5} bytes: {counted:.2} instructions");
            // Other processors than x86-64 have no version of `free` in assembly.
            let is_exempt = function.starts_with("free") && !cfg!(target_arch = "x86_64");
            if counted > budget(function, size) && !is_exempt {
                over.push(format!("{function}({size}): {counted} > {}", budget(function, size)));
            }
        }
    }
    assert!(over.is_empty(), "{over:?}");
}

#[test]
fn a_pool_costs_the_same_however_many_segments_there_are() {
    const BLOCK: usize = 32 << 10;
    const ARENAS: u64 = 50;
    /// Blocks in as many arenas.
    const STEP: u64 = ARENAS * 63 * 2;
    if !runs("valgrind") {
        println!("skipped: no valgrind");
        return;
    }
    // Between two sizes of the heap, in steps of 200 MiB.
    let each_at = |step: u64| {
        let more = total("grow", BLOCK, (step + 1) * STEP) - total("grow", BLOCK, step * STEP);
        more as f64 / STEP as f64
    };
    let (small, large) = (each_at(2), each_at(12));
    println!("a block of half a pool: {small:.0} instructions among 100 segments, {large:.0} among 600");
    assert!(large <= small * 1.1, "{large} instead of {small}");
}
