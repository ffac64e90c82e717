//! Many blocks alive: the order in which they are freed, and how many at once.

use std::hint::black_box;

use rand::seq::SliceRandom;
use strata_benches::data::random;

use super::case::Suite;

type Block = Box<[u64; 8]>;

const COUNTS: [usize; 3] = [64, 1_024, 32_768];

pub(crate) fn all(suite: &mut Suite) {
    for count in COUNTS {
        let first_in_first_out: Vec<usize> = (0..count).collect();
        let last_in_first_out: Vec<usize> = (0..count).rev().collect();
        let mut any = first_in_first_out.clone();
        any.shuffle(&mut random(5));
        in_order(suite, "fifo", first_in_first_out);
        in_order(suite, "lifo", last_in_first_out);
        in_order(suite, "random", any.clone());
        replaced(suite, any);
    }
}

/// A batch is allocated, then freed in `order`.
fn in_order(suite: &mut Suite, name: &str, order: Vec<usize>) {
    let mut slots: Vec<Option<Block>> = order.iter().map(|_| None).collect();
    suite.case(format!("batch/{name}/{}", order.len()), order.len(), move || {
        slots.iter_mut().for_each(|slot| *slot = Some(black_box(Box::new([1; 8]))));
        order.iter().for_each(|index| slots[*index] = None);
    });
}

/// The number alive stays the same: each block is replaced in `order`.
fn replaced(suite: &mut Suite, order: Vec<usize>) {
    let mut slots: Vec<Block> = order.iter().map(|_| Box::new([0; 8])).collect();
    suite.case(format!("replace/random/{}", order.len()), order.len(), move || {
        order.iter().for_each(|index| slots[*index] = black_box(Box::new([1; 8])));
    });
}
