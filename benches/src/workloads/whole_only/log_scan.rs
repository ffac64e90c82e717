//! `log_scan`: a log analyser: match lines, mask addresses, group by route (regex).

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

use rand::RngExt;
use regex::{Captures, Regex};

use crate::checksum::Checksum;
use crate::data::{Words, random};
use crate::workloads::{Job, Kind, Outcome, Settings, Threads, Workload};

pub(super) const WORKLOAD: Workload = Workload {
    name: "log_scan",
    stands_for: "a log analyser: match, mask and group lines (regex)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

const LINES: usize = 330_000;
const DIFFERENT: usize = 20_000;

const LINE: &str = r#"^(\S+) \S+ \S+ \[([^\]]+)\] "([A-Z]+) (\S+) [^"]*" (\d{3}) (\d+) "([^"]*)"$"#;

/// What is known of one route and status.
#[derive(Debug, Default)]
struct Group {
    bytes: Vec<u64>,
    last_lines: Vec<String>,
}

type Groups = HashMap<(String, u16), Group, BuildHasherDefault<DefaultHasher>>;

fn prepare(settings: &Settings) -> Job {
    let words = Words::new(97, 600);
    let mut random = random(97);
    let lines: Vec<String> = (0..DIFFERENT).map(|_| line(&words, &mut random)).collect();
    let count = settings.count(LINES);
    Box::new(move || work(&lines, count))
}

fn line(words: &Words, random: &mut impl rand::Rng) -> String {
    let address = format!("10.{}.{}.{}", random.random::<u8>(), random.random::<u8>(), random.random::<u8>());
    let status = [200, 200, 200, 304, 404, 500][random.random_range(0..6)];
    let path = format!("/{}/{}/{}", words.pick(), words.pick(), random.random_range(1..9_999));
    let (bytes, agent) = (random.random_range(80..90_000), words.text(1));
    format!(r#"{address} - - [10/Oct/2026:13:55:36] "GET {path} HTTP/1.1" {status} {bytes} "{agent}""#)
}

fn work(lines: &[String], count: usize) -> Outcome {
    let pattern = Regex::new(LINE).expect("a constant");
    let digits = Regex::new(r"\d+").expect("a constant");
    let mut groups = Groups::default();
    for line in lines.iter().cycle().take(count) {
        if let Some(captures) = pattern.captures(line) {
            group(&mut groups, &captures, &digits);
        }
    }
    report(groups)
}

fn group(groups: &mut Groups, captures: &Captures<'_>, digits: &Regex) {
    let route = digits.replace_all(&captures[4], "{id}").into_owned();
    let status = captures[5].parse().unwrap_or(0);
    let group = groups.entry((route, status)).or_default();
    group.bytes.push(captures[6].parse().unwrap_or(0));
    if group.last_lines.len() == 16 {
        group.last_lines.remove(0);
    }
    group.last_lines.push(format!(
        "{} {} {}",
        digits.replace_all(&captures[1], "x"),
        &captures[2],
        &captures[7]
    ));
}

fn report(groups: Groups) -> Outcome {
    let mut checksum = Checksum::new();
    let mut rows: Vec<((String, u16), Group)> = groups.into_iter().collect();
    rows.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    for ((route, status), mut group) in rows {
        group.bytes.sort_unstable();
        checksum.add_bytes(format!("{route} {status} {}", group.bytes[group.bytes.len() / 2]).as_bytes());
        checksum.add_bytes(group.last_lines.concat().as_bytes());
    }
    checksum.into()
}
