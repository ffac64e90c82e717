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

/// What is said of a story that grows: on a busy machine it may stand still for a while, and the longer it is watched the surer.
fn watched(story: &Story) -> Value {
    let watch = |seconds| explained(story, &["--watch", seconds]);
    let found = ["2", "5"].into_iter().map(watch).find(|found| causes(found) == ["unbounded-cache"]);
    found.unwrap_or_else(|| watch("15"))
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
    assert!(off <= kernels / 100 + (16 << 10), "{what}: {ours} by us, {kernels} by the kernel: {explained}");
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
    let faulty = watched(&story);
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
    assert!(faulty["in_huge_pages_bytes"].as_u64() > Some(400 << 20), "{faulty}");
    assert!(faulty["causes"][0]["bytes"].as_u64() > Some(300 << 20), "{faulty}");
    let story = Story::play("sparse-table", "fixed");
    let fixed = explained(&story, &[]);
    assert!(!causes(&fixed).contains(&"huge-pages"), "{fixed}");
    assert!(bytes(&fixed, "strata") < 64 << 20, "{fixed}");
}

/// A story that is profiled, and the file that it writes.
fn play_profiled(name: &str) -> (Story, std::path::PathBuf) {
    let file = std::env::temp_dir().join(format!("strata-{name}-{}.strata", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_story"));
    command.arg(name).env("STRATA_PROFILE", &file).env("STRATA_PROFILE_RATE", "16K");
    (Story::start(&mut command), file)
}

fn code(cause: &Value) -> String {
    let lines = cause["code"].as_array().expect("lines of code");
    lines.iter().map(|line| line.as_str().expect("a text").to_owned() + "\n").collect()
}

#[test]
fn the_lines_of_code_are_told_if_the_profiler_knows_them() {
    let (story, file) = play_profiled("fragmentation");
    sleep(Duration::from_secs(2));
    let faulty = explained(&story, &[]);
    assert_adds_up(&faulty);
    assert_eq!(causes(&faulty)[0], "fragmentation", "{faulty}");
    let told = code(&faulty["causes"][0]);
    assert!(told.contains("story/fragmentation.rs:") && told.contains("iB ± "), "{told}");
    let page = answer(&["explain", &story.number()]);
    assert!(page.contains("\n  code  ") && page.contains("requested, by the profiler's estimate"), "{page}");
    drop(story);
    let _ = fs::remove_file(file);

    let (story, file) = play_profiled("unbounded-cache");
    let faulty = watched(&story);
    assert_eq!(causes(&faulty), ["unbounded-cache"], "{faulty}");
    let told = code(&faulty["causes"][0]);
    assert!(told.contains("story/unbounded_cache.rs:"), "{told}");
    drop(story);
    let _ = fs::remove_file(file);
    let without = explained(&Story::play("fragmentation", ""), &[]);
    assert_eq!(code(&without["causes"][0]), "", "{without}");
}

#[test]
fn what_lives_is_told_while_other_memory_goes_back() {
    let story = Story::play("bursts", "");
    for _ in 0..40 {
        let explained = explained(&story, &[]);
        assert_adds_up(&explained);
        assert!(bytes(&explained, "live-small") >= 20 << 20, "{explained}");
    }
}

/// What a process did so far: page faults, processor time in ticks, pauses, and its mappings.
fn done(pid: u32) -> (Vec<String>, Vec<String>, String) {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).expect(name);
    let stat = read("stat");
    // Behind the name: minflt is the eighth field, stime the thirteenth.
    let fields = stat.rsplit_once(')').expect("a name").1.split_whitespace();
    let status = read("status");
    let pauses = status.lines().filter(|line| line.contains("ctxt_switches") || line.contains("TracerPid"));
    (fields.skip(7).take(6).map(str::to_owned).collect(), pauses.map(str::to_owned).collect(), read("maps"))
}

/// What it costs a process that is explained is the kernel's lists that are held meanwhile, and nothing that the process does itself.
#[test]
fn a_process_that_is_explained_executes_nothing_for_it() {
    let story = Story::play("idle", "");
    // What is due goes meanwhile, and the purge thread with it.
    sleep(Duration::from_secs(3));
    let before = done(story.pid);
    for _ in 0..5 {
        explained(&story, &[]);
        answer(&["stats", &story.number(), "--check"]);
    }
    assert_eq!(done(story.pid), before);
}

#[test]
fn what_is_ready_is_told_by_thread_and_what_is_committed_beside_it() {
    let story = Story::play("parked-in-threads", "");
    sleep(Duration::from_secs(2));
    let explained = explained(&story, &[]);
    assert_adds_up(&explained);
    let tasks = |number: &str| fs::exists(format!("/proc/{}/task/{number}", story.pid)).expect("/proc");
    let lines = explained["lines"].as_array().expect("lines");
    let names = lines.iter().filter_map(|line| line["name"].as_str()?.strip_prefix("ready-in-thread-"));
    let numbers: Vec<&str> = names.collect();
    assert!(numbers.len() == 8 && numbers.into_iter().all(tasks), "{explained}");
    assert!(bytes(&explained, "ready-in-other-threads") > 1 << 20, "{explained}");
    let key = |name: &str| explained[name].as_u64().expect("bytes");
    let (committed, away) = (key("committed_bytes"), key("not_in_memory_bytes"));
    assert!(committed > away && committed - away <= bytes(&explained, "strata"), "{explained}");
    // All but the metadata that lies outside of arenas.
    assert!(committed - away + (8 << 20) > bytes(&explained, "strata"), "{explained}");
    let page = answer(&["explain", &story.number()]);
    assert!(
        page.contains("      thread ") && page.contains("committed, but purged or never touched"),
        "{page}"
    );
}

#[test]
fn who_stops_reading_ends_it_without_a_word() {
    let story = Story::play("idle", "");
    let script = "\"$0\" explain \"$1\" | true; sleep 0.5";
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", script]).arg(stage::strata()).arg(story.number()).output().expect("sh");
    assert_eq!(stage::text(&output.stderr), "");
}

#[test]
fn the_page_for_readers_has_the_same_numbers() {
    let story = Story::play("threads", "");
    let page = answer(&["explain", &story.number()]);
    for part in [
        "Strata's resident memory",
        "live blocks",
        "RSS",
        "100.0 %",
        "no problem found",
        "what was requested",
    ] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
}
