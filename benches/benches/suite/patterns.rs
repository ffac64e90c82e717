//! A batch of blocks: the order in which they are freed, and how many there are.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use rand::seq::SliceRandom;
use strata_benches::data::random;

type Block = Box<[u64; 8]>;

const COUNTS: [usize; 3] = [64, 1_024, 32_768];

pub(crate) fn all(criterion: &mut Criterion) {
    for count in COUNTS {
        let first_in_first_out: Vec<usize> = (0..count).collect();
        let last_in_first_out: Vec<usize> = (0..count).rev().collect();
        let mut any = first_in_first_out.clone();
        any.shuffle(&mut random(5));
        in_order(criterion, "fifo", &first_in_first_out);
        in_order(criterion, "lifo", &last_in_first_out);
        in_order(criterion, "random", &any);
    }
}

/// A batch is allocated, then freed in `order`.
fn in_order(criterion: &mut Criterion, name: &str, order: &[usize]) {
    let mut slots: Vec<Option<Block>> = order.iter().map(|_| None).collect();
    let mut group = criterion.benchmark_group(format!("batch/{name}"));
    group.throughput(Throughput::Elements(order.len() as u64));
    group.bench_function(order.len().to_string(), |bencher| {
        bencher.iter(|| {
            slots.iter_mut().for_each(|slot| *slot = Some(black_box(Box::new([1; 8]))));
            order.iter().for_each(|index| slots[*index] = None);
        });
    });
}
