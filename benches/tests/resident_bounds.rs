//! What many threads may hold on Strata: the workloads of `many_threads`, each in a process of its own, against a bound in MiB.
//!
//! `cargo test -p strata-benches --release --test resident_bounds -- --ignored --nocapture` prints each number beside its bound.

use std::process::Command;

use serde_json::Value;

const MIB: f64 = 1_048_576.0;

/// The sample that `bench-strata WORKLOAD` prints.
fn sample(workload: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-strata")).arg(workload).output().expect("it starts");
    serde_json::from_slice(&output.stdout).expect("a line of JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn peak(sample: &Value) -> f64 {
    number(&sample["rss_peak"]) / MIB
}

/// Resident at the end of a phase.
fn resident(sample: &Value, phase: &str) -> f64 {
    let phases = sample["details"]["story"]["phases"].as_array().expect("a story");
    let moment = phases.iter().find(|moment| moment["phase"] == phase).expect("such a phase");
    number(&moment["resident_bytes"]) / MIB
}

fn assert_at_most(what: &str, mebibytes: f64, bound: f64) {
    println!("{what}: {mebibytes:.1} MiB, at most {bound}");
    assert!(mebibytes <= bound, "{what}: {mebibytes:.1} MiB, at most {bound}");
}

#[test]
#[ignore = "takes seconds and needs the memory of a thousand threads"]
fn a_thousand_threads_asleep_hold_little_more_than_is_live() {
    let sample = sample("sleeping_threads");
    assert_at_most("asleep, 130 MiB live", resident(&sample, "asleep"), 320.0);
}

#[test]
#[ignore = "takes seconds"]
fn a_pool_with_little_to_do_is_small_at_peak_and_at_rest() {
    let sample = sample("turns_of_64");
    assert_at_most("peak, 14 MiB live", peak(&sample), 75.0);
    assert_at_most("at rest, 14 MiB live", resident(&sample, "at rest"), 75.0);
}

#[test]
#[ignore = "takes seconds"]
fn threads_that_exchange_events_do_not_keep_each_others() {
    assert_at_most("peak, 14 MiB live", peak(&sample("events_of_50")), 55.0);
}

#[test]
#[ignore = "takes seconds"]
fn a_size_that_was_needed_once_costs_a_sleeping_thread_little() {
    let sample = sample("sizes_once");
    let each = (resident(&sample, "asleep") - resident(&sample, "before")) / 250.0;
    assert_at_most("a thread, asleep", each, 60.0 / 1024.0);
}

#[test]
#[ignore = "takes seconds"]
fn generations_of_threads_with_a_little_of_everything_take_turns_with_the_same_memory() {
    assert_at_most("peak, 38 MiB live", peak(&sample("rounds_of_400")), 90.0);
}
