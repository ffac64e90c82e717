//! `json`: an API gateway that reads orders, keeps the last ones, and passes them on (serde_json).
//!
//! Each document is parsed twice, as an untyped `Value` and into structs, and written again. The last documents stay
//! alive, so that short and longer lives mix.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::{Words, random};

pub(super) const WORKLOAD: Workload = Workload {
    name: "json",
    stands_for: "an API gateway: parse and re-serialise JSON documents (serde_json)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

const DOCUMENTS: usize = 128;
const ROUNDS: usize = 26;
const KEPT: usize = 48;

#[derive(Debug, Serialize, Deserialize)]
struct Feed {
    region: String,
    cursor: u64,
    orders: Vec<Order>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    id: u64,
    customer: Customer,
    note: Option<String>,
    items: Vec<Item>,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Customer {
    name: String,
    street: String,
    verified: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    title: String,
    quantity: u32,
    price: f64,
    tags: Vec<String>,
}

fn prepare(settings: &Settings) -> Job {
    let words = Words::new(11, 4_000);
    let documents: Vec<String> = (0..DOCUMENTS).map(|index| document(&words, index as u64)).collect();
    let rounds = settings.count(ROUNDS * DOCUMENTS);
    Box::new(move || work(&documents, rounds))
}

fn work(documents: &[String], count: usize) -> Outcome {
    let mut checksum = Checksum::new();
    let mut kept: VecDeque<(Value, Feed)> = VecDeque::with_capacity(KEPT);
    for document in documents.iter().cycle().take(count) {
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(pass_on(document, &mut checksum));
    }
    checksum.add_len(kept.iter().map(|(_, feed)| feed.orders.len()).sum());
    checksum.into()
}

fn pass_on(document: &str, checksum: &mut Checksum) -> (Value, Feed) {
    let value: Value = serde_json::from_str(document).expect("the documents are well-formed");
    checksum.add_bytes(value.to_string().as_bytes());
    let feed: Feed = serde_json::from_str(document).expect("the documents fit the structs");
    checksum.add_bytes(&serde_json::to_vec(&feed).expect("a feed has only string keys"));
    (value, feed)
}

fn document(words: &Words, index: u64) -> String {
    let random = &mut random(index);
    let orders = (0..random.random_range(10..40)).map(|_| order(words, random)).collect();
    let feed = Feed { region: words.pick().to_owned(), cursor: random.random(), orders };
    serde_json::to_string(&feed).expect("a feed has only string keys")
}

fn order(words: &Words, random: &mut impl rand::Rng) -> Order {
    Order {
        id: random.random(),
        customer: Customer {
            name: format!("{} \u{2013} {}", words.pick(), words.pick()),
            street: format!("{} \"{}\" {}", words.pick(), words.pick(), random.random_range(1..200)),
            verified: random.random(),
        },
        note: random.random::<bool>().then(|| words.text(2)),
        items: (0..random.random_range(1..8)).map(|_| item(words, random)).collect(),
        labels: (0..random.random_range(0..5)).map(|_| (words.pick().to_owned(), words.text(1))).collect(),
    }
}

fn item(words: &Words, random: &mut impl rand::Rng) -> Item {
    Item {
        title: format!("{} {}", words.pick(), words.pick()),
        quantity: random.random_range(1..10),
        price: f64::from(random.random_range(100..100_000_u32)) / 100.0,
        tags: (0..random.random_range(0..4)).map(|_| words.pick().to_owned()).collect(),
    }
}
