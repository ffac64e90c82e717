//! The starter of `cargo xtask programs`, from outside: what it says about programs whose use is known.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Its last line, and what the program printed.
fn started(limit: &str, script: &str) -> (Value, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (output, errors) = (folder.path().join("output"), folder.path().join("errors"));
    let mut starter = Command::new(env!("CARGO_BIN_EXE_strata-programs"));
    starter.args(["measured", "--preload", "libc.so.6", "--limit", limit]).arg("--output").arg(&output);
    starter.arg("--errors").arg(&errors).args(["--", "sh", "-c", script]);
    let answer = starter.output().expect("it starts");
    let said = String::from_utf8(answer.stdout).expect("text");
    let last = said.lines().last().expect("a line");
    (serde_json::from_str(last).expect("JSON"), read(&output) + &read(&errors))
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).expect("the starter makes the file")
}

#[test]
fn what_a_program_prints_goes_into_files_and_its_use_is_told() {
    let (usage, printed) = started("60", "echo one; echo two >&2");
    assert_eq!(printed, "one\ntwo\n");
    assert_eq!(usage["ending"], "Well");
    assert!(usage["peak_bytes"].as_u64() > Some(0) && usage["faults"].as_u64() > Some(0), "{usage}");
}

#[test]
fn the_peak_is_the_programs_own_and_not_the_starters() {
    let peak = |script| started("60", script).0["peak_bytes"].as_u64().expect("a number");
    let (small, large) =
        (peak("exec true"), peak("x=$(head -c 40000000 /dev/zero | tr '\\0' x); echo ${#x}"));
    assert!(large > 40_000_000 && small < 4_000_000, "{small} {large}");
}

#[test]
fn a_program_that_fails_or_hangs_is_said_to() {
    let (failed, _) = started("60", "exit 3");
    assert!(failed["ending"]["Badly"].as_str().is_some_and(|status| status.contains('3')), "{failed}");
    assert_eq!(started("1", "exec sleep 60").0["ending"], "Late");
}
