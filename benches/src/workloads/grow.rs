//! `grow`: a key-value store that loads its snapshot, 1 GiB of small records, and answers.
//!
//! Every record, key and value is a block of its own, as in stores that came from C. Nothing is freed, not even at the end:
//! such a store ends with its process, and what one waits for is its start.

use rand::{Rng, RngExt};

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "grow",
    stands_for: "a key-value store that loads its snapshot, 1 GiB of small records, and answers (Box)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

/// With keys and values of some 150 bytes and the records themselves, 1 GiB.
const RECORDS: usize = 5_400_000;
const LOOKUPS: usize = 200_000;
const RECORDS_PER_BUCKET: usize = 4;

struct Record {
    next: Option<Box<Self>>,
    hash: u64,
    key: Box<[u8]>,
    value: Box<[u8]>,
}

struct Store {
    buckets: Vec<Option<Box<Record>>>,
}

impl Store {
    fn with_room_for(records: usize) -> Self {
        Self { buckets: (0..records.div_ceil(RECORDS_PER_BUCKET)).map(|_| None).collect() }
    }

    fn bucket(&self, hash: u64) -> usize {
        (hash % self.buckets.len() as u64) as usize
    }

    fn insert(&mut self, hash: u64, key: Box<[u8]>, value: Box<[u8]>) {
        let bucket = self.bucket(hash);
        let next = self.buckets[bucket].take();
        self.buckets[bucket] = Some(Box::new(Record { next, hash, key, value }));
    }

    fn get(&self, hash: u64) -> Option<&Record> {
        let mut record = self.buckets[self.bucket(hash)].as_deref();
        while let Some(found) = record.filter(|record| record.hash != hash) {
            record = found.next.as_deref();
        }
        record
    }
}

fn prepare(settings: &Settings) -> Job {
    let (records, lookups) = (settings.count(RECORDS), settings.count(LOOKUPS));
    Box::new(move || work(records, lookups))
}

fn work(records: usize, lookups: usize) -> Outcome {
    let store = load(records);
    let mut checksum = Checksum::new();
    let mut numbers = random(43);
    for _ in 0..lookups {
        let number = numbers.random_range(0..records as u64 * 2);
        if let Some(record) = store.get(hash(number)) {
            checksum.add_bytes(&record.key);
            checksum.add_bytes(&record.value);
        }
    }
    std::mem::forget(store);
    Outcome::new(checksum.value(), records)
}

/// Sizes as in published traces of such stores: keys of some tens of bytes, values mostly small and now and then large.
fn load(records: usize) -> Store {
    let mut store = Store::with_room_for(records);
    let mut sizes = random(41);
    for number in 0..records as u64 {
        let word = sizes.next_u64();
        let key = block(number, 16 + (word % 32) as usize);
        let value = block(word, 8 + (word >> 8) as usize % 128 + if word >> 60 == 0 { 512 } else { 0 });
        store.insert(hash(number), key, value);
    }
    store
}

/// What stands in a record follows from its number.
fn block(number: u64, bytes: usize) -> Box<[u8]> {
    let mut block = vec![number as u8; bytes];
    block[..8].copy_from_slice(&number.to_le_bytes());
    block.into_boxed_slice()
}

/// Spreads neighbouring numbers (the finaliser of MurmurHash 3).
fn hash(number: u64) -> u64 {
    let mut word = number.wrapping_add(1);
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        word = (word ^ word >> 33).wrapping_mul(factor);
    }
    word ^ word >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_that_was_loaded_is_found_and_no_other() {
        let store = load(1000);
        for number in 0..1000 {
            let record = store.get(hash(number)).expect("loaded");
            assert_eq!(record.key[..8], number.to_le_bytes());
        }
        assert!((1000..2000).all(|number| store.get(hash(number)).is_none()));
    }
}
