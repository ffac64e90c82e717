//! P10, hints: a summary bit may be stale, but a quiet one misses nothing that is set below it.
#![cfg(strata_loom)]

use std::sync::Arc;
use strata_core::arena::{PoolBits, Summary};
use strata_loom_tests::{join, model, spawn};

struct Tree {
    summary: Summary,
    below: PoolBits,
}

impl Tree {
    fn with(bits: u64) -> Arc<Self> {
        let tree = Self { summary: Summary::none(), below: PoolBits::none() };
        tree.set(bits);
        Arc::new(tree)
    }

    fn set(&self, bits: u64) {
        if bits != 0 && self.below.release(bits) == 0 {
            self.summary.raise(0);
        }
    }

    /// Follows the hint, as a claim does.
    fn take(&self) -> bool {
        if self.summary.hints() == 0 {
            return false;
        }
        let taken = self.below.claim_lowest().is_some();
        self.summary.clear_if(0, || self.below.glance() == 0);
        taken
    }

    fn expect_nothing_missed(&self) {
        assert!(self.below.glance() == 0 || self.summary.hints() != 0, "set below, but no hint leads there");
    }
}

#[test]
fn setting_against_taking_the_last() {
    model("setting_against_taking_the_last", None, || {
        let tree = Tree::with(0b01);
        let there = Arc::clone(&tree);
        let other = spawn(move || there.set(0b10));
        assert!(tree.take());
        join(other);
        tree.expect_nothing_missed();
    });
}

#[test]
fn setting_against_two_takers() {
    model("setting_against_two_takers", Some(3), || {
        let tree = Tree::with(0b01);
        let threads = [(); 2].map(|()| {
            let there = Arc::clone(&tree);
            spawn(move || u32::from(there.take()))
        });
        tree.set(0b10);
        let taken: u32 = threads.into_iter().map(join).sum();
        assert_eq!(tree.below.glance().count_ones() + taken, 2, "a bit was lost, or taken twice");
        tree.expect_nothing_missed();
    });
}

#[test]
fn two_set_while_one_takes() {
    model("two_set_while_one_takes", Some(3), || {
        let tree = Tree::with(0);
        let threads = [0b01, 0b10].map(|bits| {
            let there = Arc::clone(&tree);
            spawn(move || there.set(bits))
        });
        tree.take();
        threads.into_iter().for_each(join);
        tree.expect_nothing_missed();
    });
}
