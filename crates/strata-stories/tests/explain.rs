//! `strata explain`: the waterfall adds up, Strata's share is the kernel's, and each story has its cause, which its fix removes.

mod stage;

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use stage::{Story, answer};

fn explained(story: &Story, more: &[&str]) -> Value {
    let number = story.number();
    let arguments: Vec<&str> = ["explain", &number, "--json"].iter().chain(more).copied().collect();
    serde_json::from_str(&answer(&arguments)).expect("JSON")
}

fn bytes(explained: &Value, line: &str) -> u64 {
    let lines = explained["lines"].as_array().expect("lines");
    let found = lines.iter().find(|found| found["name"] == line).unwrap_or_else(|| panic!("no line {line}"));
    found["bytes"].as_u64().expect("a number")
}

fn causes(explained: &Value) -> Vec<&str> {
    let causes = explained["causes"].as_array().expect("causes");
    causes.iter().map(|cause| cause["cause"].as_str().expect("a name")).collect()
}

/// Every line is the sum of its parts, and those without a parent are RSS.
fn assert_adds_up(explained: &Value) {
    let mut sums: HashMap<Option<&str>, u64> = HashMap::new();
    for line in explained["lines"].as_array().expect("lines") {
        *sums.entry(line["parent"].as_str()).or_default() += line["bytes"].as_u64().expect("a number");
    }
    for (parent, sum) in sums {
        let whole = match parent {
            Some(parent) => bytes(explained, parent),
            None => explained["rss_bytes"].as_u64().expect("a number"),
        };
        assert_eq!(sum, whole, "{parent:?} of {explained}");
    }
}

/// What the kernel counts for anonymous mappings that are neither threads' stacks, which lie behind a guard page, nor the loader's
/// few pages.
fn kernels_count(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("smaps");
    let (mut sum, mut counts, mut guard_end) = (0, false, 0);
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let Some((start, end)) = fields[0].split_once('-') {
            let number = |digits| u64::from_str_radix(digits, 16).expect("an address");
            let (start, end) = (number(start), number(end));
            let is_guard = fields[1] == "---p" && end - start <= 64 << 10;
            counts =
                fields[1] == "rw-p" && fields.len() == 5 && start != guard_end && end - start >= 64 << 10;
            guard_end = if is_guard { end } else { 0 };
        } else if fields[0] == "Rss:" && counts {
            sum += fields[1].parse::<u64>().expect("a number") * 1024;
        }
    }
    sum
}

fn assert_is_the_kernels(story: &Story, what: &str) {
    let explained = explained(story, &[]);
    assert_adds_up(&explained);
    let (ours, kernels) = (bytes(&explained, "strata"), kernels_count(story.pid));
    let off = ours.abs_diff(kernels);
    println!("{what}: {ours} by us, {kernels} by the kernel");
    assert!(off <= kernels / 100 + (64 << 10), "{what}: {ours} by us, {kernels} by the kernel: {explained}");
}

#[test]
fn stratas_share_is_what_the_kernel_counts() {
    for (name, form) in [
        ("idle", ""),
        ("threads", ""),
        ("huge-blocks", ""),
        ("fork", ""),
        ("fragmentation", ""),
        ("parked-in-threads", ""),
        ("sparse-table", ""),
        ("sparse-table", "fixed"),
        ("busy", ""),
    ] {
        let story = Story::play(name, form);
        // What is due goes meanwhile.
        sleep(Duration::from_millis(1200));
        assert_is_the_kernels(&story, name);
    }
}

#[test]
fn near_a_limit_on_addresses_it_is_so_too() {
    let script = "ulimit -v 600000; exec \"$0\" threads";
    let mut command = Command::new("sh");
    let story = Story::start(command.args(["-c", script, env!("CARGO_BIN_EXE_story")]));
    assert_is_the_kernels(&story, "near a limit");
}

#[test]
fn programs_without_a_problem_have_none() {
    for name in ["idle", "threads", "busy"] {
        let story = Story::play(name, "");
        let explained = explained(&story, &["--watch", "1"]);
        assert_adds_up(&explained);
        assert_eq!(causes(&explained), ["none"], "{name}: {explained}");
        assert_eq!(explained["version"], 1);
        assert_eq!(explained["pid"], story.pid);
    }
}

#[test]
fn a_cache_without_a_bound_is_named_and_one_with_a_bound_is_not() {
    let story = Story::play("unbounded-cache", "");
    let faulty = explained(&story, &["--watch", "2"]);
    assert_eq!(causes(&faulty), ["unbounded-cache"], "{faulty}");
    let evidence = faulty["causes"][0]["evidence"].as_str().expect("a sentence");
    assert!(evidence.contains("blocks of 320 B"), "{evidence}");
    assert!(faulty["causes"][0]["bytes"].as_u64() > Some(1 << 20), "{faulty}");
    let story = Story::play("unbounded-cache", "fixed");
    let fixed = explained(&story, &["--watch", "2"]);
    assert_eq!(causes(&fixed), ["none"], "{fixed}");
}

#[test]
fn fragmentation_is_named_with_its_class_and_goes_with_its_fix() {
    let story = Story::play("fragmentation", "");
    sleep(Duration::from_secs(2));
    let faulty = explained(&story, &[]);
    assert_eq!(causes(&faulty)[0], "fragmentation", "{faulty}");
    let free = bytes(&faulty, "free-blocks-704");
    assert!(free > 5 << 20 && free * 10 > bytes(&faulty, "free-blocks") * 9, "{faulty}");
    let evidence = faulty["causes"][0]["evidence"].as_str().expect("a sentence");
    assert!(evidence.contains("Worst: 704 B"), "{evidence}");
    let story = Story::play("fragmentation", "fixed");
    sleep(Duration::from_secs(2));
    let fixed = explained(&story, &[]);
    assert!(!causes(&fixed).contains(&"fragmentation"), "{fixed}");
    assert!(bytes(&fixed, "free-blocks") < 1 << 20, "{fixed}");
}

#[test]
fn what_is_parked_in_threads_is_named_and_goes_with_its_fix() {
    let story = Story::play("parked-in-threads", "");
    sleep(Duration::from_secs(2));
    let faulty = explained(&story, &[]);
    // Blocks in magazines also keep pools, of which the rest is free.
    assert_eq!(causes(&faulty)[0], "parked-in-threads", "{faulty}");
    assert!(bytes(&faulty, "ready-in-threads") > 6 << 20, "{faulty}");
    let story = Story::play("parked-in-threads", "fixed");
    sleep(Duration::from_secs(2));
    let fixed = explained(&story, &[]);
    assert!(!causes(&fixed).contains(&"parked-in-threads"), "{fixed}");
    assert!(bytes(&fixed, "ready-in-threads") < 1 << 20, "{fixed}");
}

#[test]
fn huge_pages_on_a_sparse_table_are_named_and_go_with_the_fix() {
    let setting = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    if setting.is_empty() || setting.contains("[never]") {
        println!("skipped: this kernel has no transparent huge pages");
        return;
    }
    let story = Story::play("sparse-table", "");
    let faulty = explained(&story, &[]);
    if bytes(&faulty, "strata") < 400 << 20 {
        println!("skipped: the kernel had no huge pages to give");
        return;
    }
    assert_eq!(causes(&faulty), ["huge-pages"], "{faulty}");
    assert!(faulty["causes"][0]["bytes"].as_u64() > Some(300 << 20), "{faulty}");
    let story = Story::play("sparse-table", "fixed");
    let fixed = explained(&story, &[]);
    assert!(!causes(&fixed).contains(&"huge-pages"), "{fixed}");
    assert!(bytes(&fixed, "strata") < 64 << 20, "{fixed}");
}

#[test]
fn the_page_for_readers_has_the_same_numbers() {
    let story = Story::play("threads", "");
    let page = answer(&["explain", &story.number()]);
    for part in ["Strata's resident memory", "live blocks", "RSS", "100.0 %", "no problem:", "nobody counts"]
    {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
}
