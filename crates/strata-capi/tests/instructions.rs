//! Instructions of a warm `malloc` and `free` through the shared library, against their budgets.
//!
//! Each number is what callgrind counts within the function in many turns, less what it counts in few, by the difference.

mod finished;

use std::process::Command;

use finished::{Finished, Way, finish, runs, said};

const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

/// Instructions in all calls of `function`.
fn total(function: &str, size: usize, turns: u64) -> u64 {
    let finished = Finished::get();
    let program = finished.program("c/instructions.c", Way::Linked).expect("a C compiler");
    let mut count = Command::new("valgrind");
    count
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={function}"));
    count.arg(program.get_program()).args([size.to_string(), turns.to_string()]);
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

#[test]
fn malloc_and_free_keep_their_budgets() {
    if !runs("valgrind") {
        println!("skipped: no valgrind");
        return;
    }
    for (size, malloc, free) in [(48, 14.0, 18.0), (256, 14.0, 18.0), (500, 20.0, 18.0)] {
        let (m, f) = (each("malloc", size), each("free", size));
        println!("{size:>4} bytes: malloc {m:.2}, free {f:.2} instructions");
        assert!(m <= malloc, "malloc({size}) takes {m} instructions, {malloc} at most");
        if cfg!(target_arch = "x86_64") {
            assert!(f <= free, "free of {size} bytes takes {f} instructions, {free} at most");
        }
    }
}
