//! `trees`: a compiler or an in-memory database: nodes of their own, built, changed and dropped (Box, BTreeMap).

use std::collections::BTreeMap;

use rand::RngExt;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "trees",
    stands_for: "a compiler or an in-memory database: trees of boxes and B-trees built, changed, dropped (std)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

const LONG_LIVED_DEPTH: u32 = 18;
const DEPTHS: [u32; 4] = [4, 8, 12, 16];
const NODES_PER_DEPTH: usize = 2_600_000;
const CHANGES: usize = 900_000;
const ROWS: usize = 120_000;

#[derive(Debug)]
struct Node {
    left: Option<Box<Self>>,
    right: Option<Box<Self>>,
}

impl Node {
    fn grow(depth: u32) -> Box<Self> {
        let child = |depth: u32| (depth > 0).then(|| Self::grow(depth - 1));
        Box::new(Self { left: child(depth), right: child(depth) })
    }

    fn count(&self) -> usize {
        let below = |child: &Option<Box<Self>>| child.as_ref().map_or(0, |node| node.count());
        1 + below(&self.left) + below(&self.right)
    }
}

fn prepare(settings: &Settings) -> Job {
    let mut random = random(61);
    let keys: Vec<u32> =
        (0..settings.count(CHANGES)).map(|_| random.random_range(0..ROWS as u32 * 2)).collect();
    let nodes = settings.count(NODES_PER_DEPTH);
    Box::new(move || work(nodes, &keys))
}

fn work(nodes: usize, keys: &[u32]) -> Outcome {
    let mut checksum = Checksum::new();
    let long_lived = Node::grow(LONG_LIVED_DEPTH);
    for depth in DEPTHS {
        for _ in 0..(nodes >> (depth + 1)).max(1) {
            checksum.add_len(Node::grow(depth).count());
        }
    }
    change_table(keys, &mut checksum);
    checksum.add_len(long_lived.count());
    checksum.into()
}

/// Rows are inserted, replaced and removed by key; now and then a range is read.
fn change_table(keys: &[u32], checksum: &mut Checksum) {
    let mut table: BTreeMap<String, Box<[u32]>> = BTreeMap::new();
    for (time, key) in keys.iter().enumerate() {
        let name = format!("row-{key:07}");
        if time % 3 == 2 {
            table.remove(&name);
        } else {
            table.insert(name, vec![*key; 1 + *key as usize % 24].into_boxed_slice());
        }
    }
    for (name, row) in &table {
        checksum.add_len(name.len() + row.len());
        checksum.add(u64::from(row[0]));
    }
}
