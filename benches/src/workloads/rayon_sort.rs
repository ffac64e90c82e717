//! `rayon_sort`: a data-processing job over all cores: map to records, sort them, reduce to a summary (rayon).

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::Words;

pub(super) const WORKLOAD: Workload = Workload {
    name: "rayon_sort",
    stands_for: "a data-processing job on all cores: map, sort and reduce (rayon)",
    kind: Kind::Real,
    threads: Threads::Many,
    prepare,
};

const LINES: usize = 90_000;
const ROUNDS: usize = 5;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    key: String,
    terms: Vec<Box<str>>,
    line: usize,
}

fn prepare(settings: &Settings) -> Job {
    let words = Words::new(31, 20_000);
    let lines: Vec<String> = (0..settings.count(LINES)).map(|_| words.text(1)).collect();
    Box::new(move || work(&lines))
}

fn work(lines: &[String]) -> Outcome {
    let mut checksum = Checksum::new();
    for round in 0..ROUNDS {
        round_of(lines, round, &mut checksum);
    }
    checksum.into()
}

fn round_of(lines: &[String], round: usize, checksum: &mut Checksum) {
    let mut records: Vec<Box<Record>> =
        lines.par_iter().enumerate().map(|(line, text)| record(line, text, round)).collect();
    records.par_sort();
    let mut sorted_terms: Vec<String> = records
        .par_iter()
        .flat_map_iter(|record| record.terms.iter().take(2).map(|term| term.to_string()))
        .collect();
    sorted_terms.par_sort_unstable();
    records.iter().step_by(97).for_each(|record| checksum.add_bytes(record.key.as_bytes()));
    sorted_terms.iter().step_by(97).for_each(|term| checksum.add_bytes(term.as_bytes()));
    for (initial, (count, longest)) in summary(&records) {
        checksum.add_bytes(initial.as_bytes());
        checksum.add_len(count);
        checksum.add_bytes(longest.as_bytes());
    }
}

fn record(line: usize, text: &str, round: usize) -> Box<Record> {
    let terms: Vec<Box<str>> = text
        .split_whitespace()
        .map(|term| term.trim_end_matches('.').to_lowercase().into_boxed_str())
        .collect();
    let pivot = &terms[round % terms.len()];
    Box::new(Record { key: format!("{pivot}/{line:06}"), terms, line })
}

/// For every initial: how many records, and the longest key (the smallest of equals).
type Summary = BTreeMap<String, (usize, String)>;

fn summary(records: &[Box<Record>]) -> Summary {
    records.par_iter().fold(Summary::new, |summary, record| add(summary, record)).reduce(Summary::new, merge)
}

fn add(mut summary: Summary, record: &Record) -> Summary {
    insert(&mut summary, record.key.chars().take(2).collect(), 1, record.key.clone());
    summary
}

fn merge(mut into: Summary, from: Summary) -> Summary {
    for (initial, (count, key)) in from {
        insert(&mut into, initial, count, key);
    }
    into
}

fn insert(summary: &mut Summary, initial: String, count: usize, key: String) {
    let entry = summary.entry(initial).or_insert_with(|| (0, key.clone()));
    entry.0 += count;
    if (key.len(), &entry.1) > (entry.1.len(), &key) {
        entry.1 = key;
    }
}
