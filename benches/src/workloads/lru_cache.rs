//! `lru_cache`: a cache server under churn: values of mixed sizes come and go by recency (lru).
//!
//! Half-way the values' sizes change, as after a deployment: what was freed no longer fits what is needed.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::num::NonZeroUsize;

use lru::LruCache;
use rand::RngExt;
use rand_distr::{Distribution, Zipf};

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "lru_cache",
    stands_for: "a cache server under churn, values of 16 B to 8 KiB (lru)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

const CAPACITY: NonZeroUsize = NonZeroUsize::new(40_000).expect("not zero");
const KEYS: f64 = 400_000.0;
const REQUESTS: usize = 1_500_000;

type Cache = LruCache<String, Vec<u8>, BuildHasherDefault<DefaultHasher>>;

#[derive(Debug, Clone, Copy)]
struct Request {
    key: u32,
    /// What the value's size would be on a miss.
    bytes: u16,
}

fn prepare(settings: &Settings) -> Job {
    let count = settings.count(REQUESTS);
    let requests: Vec<Request> = requests(count);
    Box::new(move || work(&requests))
}

fn requests(count: usize) -> Vec<Request> {
    let mut random = random(53);
    let keys = Zipf::new(KEYS, 0.7).expect("keys and exponent are positive");
    (0..count)
        .map(|index| {
            let shift = if index < count / 2 { 0.0 } else { 1.0 };
            let bytes = 2_f64.powf(random.random_range(4.0 + shift..12.0 + shift));
            Request { key: keys.sample(&mut random) as u32, bytes: bytes as u16 }
        })
        .collect()
}

fn work(requests: &[Request]) -> Outcome {
    let mut checksum = Checksum::new();
    let mut cache = Cache::with_hasher(CAPACITY, BuildHasherDefault::default());
    for request in requests {
        serve(&mut cache, *request, &mut checksum);
    }
    checksum.add_len(cache.len());
    checksum.into()
}

fn serve(cache: &mut Cache, request: Request, checksum: &mut Checksum) {
    let key = format!("user:{}:profile", request.key);
    if let Some(value) = cache.get(&key) {
        checksum.add(u64::from(value[value.len() / 2]));
        return;
    }
    let value = vec![request.key as u8; usize::from(request.bytes)];
    if let Some((evicted, value)) = cache.push(key, value) {
        checksum.add_len(evicted.len() + value.len());
    }
}
