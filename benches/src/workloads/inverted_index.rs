//! `inverted_index`: a search engine that indexes documents and then answers queries (std's hash maps and strings).

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::Words;

pub(super) const WORKLOAD: Workload = Workload {
    name: "inverted_index",
    stands_for: "a search engine: index text in hash maps of strings, then answer queries (std)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

const DOCUMENTS: usize = 14_000;
const SENTENCES: usize = 8;
const QUERIES: usize = 6_000;
const HITS: usize = 10;

/// SipHash with a fixed key: the standard hasher, but the same table in every process.
type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

#[derive(Debug)]
struct Posting {
    document: u32,
    positions: Vec<u32>,
}

type Index = Map<String, Vec<Posting>>;

fn prepare(settings: &Settings) -> Job {
    let words = Words::new(23, 60_000);
    let documents: Vec<String> = (0..settings.count(DOCUMENTS)).map(|_| words.text(SENTENCES)).collect();
    let queries: Vec<String> = (0..settings.count(QUERIES)).map(|_| query(&words)).collect();
    Box::new(move || work(&documents, &queries))
}

fn query(words: &Words) -> String {
    format!("{} {} {}", words.pick(), words.pick(), words.pick())
}

fn work(documents: &[String], queries: &[String]) -> Outcome {
    let mut checksum = Checksum::new();
    let mut index = Index::default();
    for (number, text) in documents.iter().enumerate() {
        add(&mut index, number as u32, text);
    }
    checksum.add_len(index.len());
    for query in queries {
        for hit in answer(&index, query) {
            checksum.add_bytes(hit.as_bytes());
        }
    }
    checksum.into()
}

fn terms(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|term| !term.is_empty())
        .map(str::to_lowercase)
}

fn add(index: &mut Index, document: u32, text: &str) {
    let mut found: Map<String, Vec<u32>> = Map::default();
    for (position, term) in terms(text).enumerate() {
        found.entry(term).or_default().push(position as u32);
    }
    for (term, positions) in found {
        index.entry(term).or_default().push(Posting { document, positions });
    }
}

/// The best documents, each as the line that a user sees.
fn answer(index: &Index, query: &str) -> Vec<String> {
    let mut scores: Map<u32, u32> = Map::default();
    for postings in terms(query).filter_map(|term| index.get(&term)) {
        for posting in postings.iter().rev().take(400) {
            *scores.entry(posting.document).or_default() += posting.positions.len() as u32;
        }
    }
    let mut ranked: Vec<(u32, u32)> = scores.into_iter().map(|(document, score)| (score, document)).collect();
    ranked.sort_unstable_by(|one, other| other.cmp(one));
    ranked
        .iter()
        .take(HITS)
        .map(|(score, document)| format!("{query}: document {document} ({score})"))
        .collect()
}
