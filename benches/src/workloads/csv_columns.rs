//! `csv_columns`: an analytics job: load a table into growing columns, filter, group, drop, again (csv).
//!
//! Columns grow by doubling into the megabytes: this is where `realloc` and giving back large blocks count.

use std::collections::BTreeMap;
use std::fmt::Write;

use csv::{ReaderBuilder, StringRecord};
use rand::RngExt;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::{Words, random};

pub(super) const WORKLOAD: Workload = Workload {
    name: "csv_columns",
    stands_for: "an analytics job: load a table into growing columns, filter, group (csv)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

const ROWS: usize = 250_000;
const LOADS: usize = 8;

#[derive(Debug, Default)]
struct Table {
    city: Vec<String>,
    product: Vec<String>,
    amount: Vec<u64>,
    weight: Vec<f64>,
}

fn prepare(settings: &Settings) -> Job {
    let text = table_text(ROWS);
    let loads = settings.count(LOADS * 100);
    Box::new(move || work(&text, loads))
}

fn table_text(rows: usize) -> String {
    let words = Words::new(101, 8_000);
    let mut random = random(101);
    let mut text = String::with_capacity(rows * 40);
    text.push_str("city,product,amount,weight\n");
    for _ in 0..rows {
        let (amount, weight) = (random.random_range(1..1_000_u64), random.random_range(1..100_000_u32));
        let _infallible = write!(text, "{},", words.pick());
        let _infallible = writeln!(text, "{},{amount},{}", words.pick(), f64::from(weight) / 64.0);
    }
    text
}

/// `hundredths` of the whole table are loaded, in as many loads as it takes.
fn work(text: &str, hundredths: usize) -> Outcome {
    let mut checksum = Checksum::new();
    let mut left = hundredths * ROWS / 100;
    while left > 0 {
        let rows = left.min(ROWS);
        left -= rows;
        analyse(&load(text, rows), &mut checksum);
    }
    checksum.into()
}

fn load(text: &str, rows: usize) -> Table {
    let mut table = Table::default();
    let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
    for record in reader.records().take(rows) {
        append(&mut table, &record.expect("the table is well-formed"));
    }
    table
}

fn append(table: &mut Table, record: &StringRecord) {
    table.city.push(record[0].to_owned());
    table.product.push(record[1].to_owned());
    table.amount.push(record[2].parse().unwrap_or(0));
    table.weight.push(record[3].parse().unwrap_or(0.0));
}

fn analyse(table: &Table, checksum: &mut Checksum) {
    let heavy: Vec<usize> = (0..table.weight.len()).filter(|row| table.weight[*row] > 400.0).collect();
    let mut by_city: BTreeMap<&str, (u64, Vec<&str>)> = BTreeMap::new();
    for row in heavy {
        let group = by_city.entry(&table.city[row]).or_default();
        group.0 += table.amount[row];
        group.1.push(&table.product[row]);
    }
    for (city, (amount, mut products)) in by_city {
        products.sort_unstable();
        products.dedup();
        checksum.add_bytes(city.as_bytes());
        checksum.add(amount);
        checksum.add_len(products.len());
    }
}
