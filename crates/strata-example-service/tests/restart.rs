//! The service outgrows its limit, and no client that asks for a page notices.

use std::process::Command;

/// Visits of 8 KiB leave 96 MiB behind, which do not fit into 80 % of the limit.
const ENOUGH: [&str; 6] = ["--limit", "96", "--rate", "800", "--seconds", "15"];

/// Runs the driver; what it printed, and whether every request was answered.
fn drive(more: &[&str]) -> (String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_drive")).args(ENOUGH).args(more).output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (said.concat(), output.status.success())
}

fn expect_restarts_without_a_failure(more: &[&str]) {
    let (said, is_good) = drive(more);
    assert!(is_good && said.contains("12000 requests answered, 0 failed"), "{said}");
    assert!(said.contains("pages shed") && said.contains("takes over"), "{said}");
    assert!(!said.contains("; 0 restarts"), "{said}");
}

#[test]
fn a_service_below_its_limit_sheds_and_restarts_without_a_failed_request() {
    expect_restarts_without_a_failure(&[]);
    expect_restarts_without_a_failure(&["--limit-data"]);
}

#[test]
fn without_a_watch_the_same_service_fails() {
    let (said, is_good) = drive(&["--limit-data", "--without-watch"]);
    assert!(!is_good && !said.contains(", 0 failed"), "{said}");
}
