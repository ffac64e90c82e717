//! `strata stats`: what is read from outside is what the process knows itself, and other programs understand it.

mod stage;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use serde_json::Value;
use stage::{Story, answer, ask, python_has, strata, text};

fn from_outside(story: &Story) -> Value {
    let line = answer(&["stats", &story.number(), "--json"]);
    serde_json::from_str::<Value>(line.lines().next().expect("a line")).expect("JSON")
}

#[test]
fn outside_and_inside_agree_to_the_last_block() {
    for (name, form) in [
        ("idle", ""),
        ("threads", ""),
        ("huge-blocks", ""),
        ("fragmentation", ""),
        ("parked-in-threads", ""),
        ("sparse-table", "fixed"),
    ] {
        let mut story = Story::play(name, form);
        let inside = story.own_stats();
        let outside = from_outside(&story);
        let mut seen = outside["stats"].clone();
        // The purge thread may give memory back between the two.
        for moving in [
            "purged_bytes_total",
            "purges_total",
            "dirty_pools",
            "clean_pools",
            "resident_bytes",
            "retained_bytes",
            "calls",
            "purge_thread_is_running",
        ] {
            seen[moving] = inside[moving].clone();
        }
        assert!(inside["classes"].as_array().is_some_and(|classes| !classes.is_empty()), "{name}");
        assert_eq!(without_carved(seen), without_carved(inside), "{name}");
        assert_eq!(outside["pid"], story.pid, "{name}");
    }
}

/// The purge thread also takes free blocks out of use, page by page.
fn without_carved(mut stats: Value) -> Value {
    stats["free_bytes"] = Value::Null;
    for class in stats["classes"].as_array_mut().into_iter().flatten() {
        class["carved_blocks"] = Value::Null;
        class["free_blocks"] = Value::Null;
    }
    stats
}

#[test]
fn the_sums_hold_for_quiet_programs() {
    for name in ["idle", "threads", "huge-blocks", "fork"] {
        let story = Story::play(name, "");
        let output = ask(&["stats", &story.number(), "--check"]);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr).matches("holds").count(), 9, "{name}");
    }
}

/// All keys of a value, and of what is in it.
fn keys(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            into.push(name.clone());
            keys(value, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
        _ => {}
    }
}

#[test]
fn every_number_is_explained_in_the_book() {
    let page = include_str!("../../../docs/numbers.md");
    let story = Story::play("threads", "");
    let (outside, mut names) = (from_outside(&story), Vec::new());
    keys(&outside["stats"], &mut names);
    keys(&outside["threads"], &mut names);
    let metrics = answer(&["stats", &story.number(), "--prometheus"]);
    let families = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    names.extend(families.map(str::to_owned));
    assert!(names.len() > 100);
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name} has no paragraph in docs/numbers.md");
    }
}

#[test]
fn threads_are_told_by_number_and_name() {
    let mut story = Story::play("threads", "");
    story.own_stats();
    let threads = from_outside(&story)["threads"].clone();
    let numbers = threads.as_array().expect("a list").iter().map(|thread| &thread["thread"]);
    let own = format!("/proc/{}/task", story.pid);
    for number in numbers {
        assert!(std::path::Path::new(&own).join(number.to_string()).exists(), "{number} of {threads}");
    }
    assert_eq!(threads.as_array().map(Vec::len), Some(17));
    let table = answer(&["stats", &story.number()]);
    assert!(table.lines().filter(|line| line.contains(" story ")).count() >= 12, "{table}");
}

/// Each thread has a second cache then, from which it allocates.
#[test]
fn a_thread_is_told_once_while_it_is_profiled() {
    let file = std::env::temp_dir().join(format!("strata-told-once-{}.strata", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_story"));
    command.arg("threads").env("STRATA_PROFILE", &file).env("STRATA_PROFILE_RATE", "16K");
    let mut story = Story::start(&mut command);
    let inside = story.own_stats();
    let outside = from_outside(&story);
    let threads = outside["threads"].as_array().expect("a list");
    let number = |thread: &Value, key: &str| thread[key].as_u64().expect("a number");
    let numbers: BTreeSet<u64> = threads.iter().map(|thread| number(thread, "thread")).collect();
    assert_eq!((numbers.len(), threads.len()), (17, 17), "{outside}");
    assert!(!numbers.contains(&0), "no heap: {outside}");
    let ready: u64 = threads.iter().map(|thread| number(thread, "ready_bytes")).sum();
    assert_eq!(ready, number(&outside["stats"], "ready_bytes"), "{outside}");
    assert_eq!(outside["stats"]["caches"], 17);
    assert_eq!(inside["caches"], 17);
    drop(story);
    let _ = std::fs::remove_file(file);
}

#[test]
fn a_strict_parser_takes_both_dialects() {
    if !python_has("prometheus_client") {
        println!("skipped: python3 has no module prometheus_client");
        return;
    }
    let story = Story::play("threads", "");
    for (dialect, parser) in [
        ("--openmetrics", "prometheus_client.openmetrics.parser"),
        ("--prometheus", "prometheus_client.parser"),
    ] {
        let metrics = answer(&["stats", &story.number(), dialect]);
        let script = format!(
            "import sys; from {parser} import text_string_to_metric_families as parse\n\
families = list(parse(sys.stdin.read()))\n\
samples = {{sample.name: sample.value for family in families for sample in family.samples}}\n\
print(len(families), samples['strata_allocated_bytes'] > 0, samples['strata_purges_total'] >= 0)"
        );
        let mut python = Command::new("python3")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        python.stdin.take().expect("its input").write_all(metrics.as_bytes()).expect("it reads");
        let output = python.wait_with_output().expect("it ends");
        let families = metrics.matches("# TYPE ").count();
        assert_eq!(text(&output.stdout).trim(), format!("{families} True True"), "{dialect}");
    }
}

#[test]
fn what_cannot_be_looked_at_is_said_in_a_line() {
    let mut sleeper = Command::new("sleep").arg("60").spawn().expect("it starts");
    let without = ask(&["stats", &sleeper.id().to_string()]);
    assert!(text(&without.stderr).contains("strata run -- PROGRAM"), "{}", text(&without.stderr));
    let _ = sleeper.kill();
    let _ = sleeper.wait();
    let gone = ask(&["stats", &sleeper.id().to_string()]);
    assert!(text(&gone.stderr).contains("there is no process"), "{}", text(&gone.stderr));
    for output in [without, gone] {
        assert!(!output.status.success() && text(&output.stderr).lines().count() == 1);
    }
}

#[test]
fn it_repeats_until_the_process_ends_and_then_ends_without_a_word() {
    let story = Story::play("idle", "");
    let mut command = Command::new(strata());
    command.args(["stats", &story.number(), "--json", "--every", "1"]);
    let mut stats = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let (mut said, mut first) = (BufReader::new(stats.stdout.take().expect("its output")), String::new());
    said.read_line(&mut first).expect("a line");
    drop(story);
    let mut others = String::new();
    said.read_to_string(&mut others).expect("the rest");
    let output = stats.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    for line in [first.as_str()].into_iter().chain(others.lines()) {
        assert!(line.starts_with("{\"pid\":"), "{line}");
    }
}
