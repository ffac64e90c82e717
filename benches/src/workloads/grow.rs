//! `grow`: a program that reads a large document into a tree, 1 GiB of small blocks, and walks it once.
//!
//! Every node, name and text is a block of its own. Nothing is freed, not even at the end: such a program ends with its
//! process, and what one waits for is the growth.

use rand::Rng;
use rand_pcg::Pcg64Mcg;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "grow",
    stands_for: "an analyser that reads a document into a tree of small blocks, 1 GiB of them, and walks it (Box)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

/// With names and texts of some 110 bytes and the nodes themselves, 1 GiB.
const NODES: usize = 5_600_000;
const CHILDREN: usize = 12;
/// More than are needed for the number of nodes.
const DEPTH: u32 = 8;

struct Node {
    next: Option<Box<Self>>,
    child: Option<Box<Self>>,
    name: Box<[u8]>,
    text: Box<[u8]>,
}

/// What stands for the document: how many nodes are still to come, and how long their names and texts are.
struct Reader {
    left: usize,
    lengths: Pcg64Mcg,
}

impl Reader {
    fn new(nodes: usize) -> Self {
        Self { left: nodes, lengths: random(41) }
    }

    /// The children of one node, each with its own below it, until the document ends.
    fn children(&mut self, depth: u32) -> Option<Box<Node>> {
        let mut next = None;
        for _ in 0..CHILDREN {
            let Some(left) = self.left.checked_sub(1) else { break };
            self.left = left;
            let child = if depth > 0 { self.children(depth - 1) } else { None };
            let word = self.lengths.next_u64();
            let name = block(word, 8 + (word % 24) as usize);
            let text = block(word, 8 + (word >> 8) as usize % 128 + if word >> 60 == 0 { 512 } else { 0 });
            next = Some(Box::new(Node { next, child, name, text }));
        }
        next
    }
}

fn block(word: u64, bytes: usize) -> Box<[u8]> {
    let mut block = vec![word as u8; bytes];
    block[..8].copy_from_slice(&word.to_le_bytes());
    block.into_boxed_slice()
}

fn prepare(settings: &Settings) -> Job {
    let nodes = settings.count(NODES);
    Box::new(move || work(nodes))
}

fn work(nodes: usize) -> Outcome {
    let tree = Reader::new(nodes).children(DEPTH);
    let mut checksum = Checksum::new();
    let count = walk(tree.as_deref(), &mut checksum);
    checksum.add_len(count);
    std::mem::forget(tree);
    Outcome::new(checksum.value(), count)
}

/// Adds up the first node, its siblings and all that is below them; returns how many there are.
fn walk(mut node: Option<&Node>, checksum: &mut Checksum) -> usize {
    let mut count = 0;
    while let Some(Node { next, child, name, text }) = node {
        checksum.add_bytes(&name[..8]);
        checksum.add_len(text.len());
        count += 1 + walk(child.as_deref(), checksum);
        node = next.as_deref();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_of_the_document_is_in_the_tree() {
        for nodes in [1, 11, 12, 13, 1_000, 5_000] {
            let tree = Reader::new(nodes).children(DEPTH);
            assert_eq!(walk(tree.as_deref(), &mut Checksum::new()), nodes);
        }
    }
}
