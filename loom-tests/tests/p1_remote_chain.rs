//! P1: blocks pushed by others against the owner that takes them: each comes back once, with its links.
//!
//! Each block is a link (checked by loom in the block itself) and a payload beside it. The last user writes the payload
//! before the push, the owner after the take: without the Release of the one and the Acquire of the other loom reports it.
#![cfg(strata_loom)]

use std::collections::BTreeSet;
use strata_core::block::{BlockPtr, Chain};
use strata_core::pool::{Freed, Given, OwnedPool, Pool};
use strata_core::size_class::SizeClass;
use strata_loom_tests::{Ground, blocks_of, join, model, payload, spawn};

const CLASS: SizeClass = SizeClass::of(2048);

struct Mail(Vec<BlockPtr>);
// SAFETY: blocks are handed to the thread that frees them.
unsafe impl Send for Mail {}

fn mail(pool: &'static Pool, blocks: Mail) {
    let mut chain: Option<Chain> = None;
    for block in { blocks }.0 {
        payload::write(block.as_non_null(), payload::new_mark());
        match &mut chain {
            // SAFETY: this thread's block.
            Some(chain) => unsafe { chain.prepend(block) },
            None => chain = Some(Chain::of(block)),
        }
    }
    // SAFETY: this thread's blocks, of this pool.
    let given = unsafe { pool.give(CLASS, &chain.expect("at least one block")) };
    assert!(matches!(given, Given::Queued), "the pool has an owner all the time");
}

/// The owner's part of a model: what it has taken so far.
#[derive(Default)]
struct Taken(Vec<BlockPtr>);

impl Taken {
    fn drain(&mut self, pool: &OwnedPool) {
        let live = pool.live();
        assert_ne!(pool.collect(), Freed::TooMany);
        self.0.extend(blocks_of(pool));
        assert_eq!(pool.live(), live, "the count is that of the links");
    }

    fn expect_all(self, addresses: &BTreeSet<usize>) {
        let taken: BTreeSet<_> = self.0.iter().map(|block| block.as_non_null().addr().get()).collect();
        assert_eq!(taken.len(), self.0.len(), "a block came back twice");
        assert_eq!(&taken, addresses, "a block was lost");
    }
}

/// Each element of `mails` is what one thread pushes; the owner drains `drains` times meanwhile, and once at the end.
fn pushes_against_drains(mails: &[&[usize]], drains: usize) {
    let ground = Ground::new();
    let (owned, blocks) = ground.pool_with(CLASS, mails.concat().len());
    let pool = ground.pool(1);
    let addresses = blocks.iter().map(|block| block.as_non_null().addr().get()).collect();
    let threads: Vec<_> = mails
        .iter()
        .map(|chosen| {
            let blocks = Mail(chosen.iter().map(|index| blocks[*index]).collect());
            spawn(move || mail(pool, blocks))
        })
        .collect();
    let mut taken = Taken::default();
    (0..drains).for_each(|_| taken.drain(&owned));
    threads.into_iter().for_each(join);
    taken.drain(&owned);
    taken.expect_all(&addresses);
}

#[test]
fn one_push_one_drain() {
    model("one_push_one_drain", None, || pushes_against_drains(&[&[0]], 2));
}

#[test]
fn two_pushes_two_drains() {
    model("two_pushes_two_drains", None, || pushes_against_drains(&[&[0], &[1]], 2));
}

#[test]
fn a_chain_and_a_block_against_a_drain() {
    model("a_chain_and_a_block_against_a_drain", None, || pushes_against_drains(&[&[0, 1], &[2]], 1));
}

#[test]
fn three_pushes_and_a_drain() {
    model("three_pushes_and_a_drain", Some(3), || pushes_against_drains(&[&[0], &[1], &[2]], 1));
}
