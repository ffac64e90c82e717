//! Many blocks alive: the order in which they are freed, and how many at once.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
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
        replaced(criterion, &any);
    }
}

/// A batch is allocated, then freed in `order`.
fn in_order(criterion: &mut Criterion, name: &str, order: &[usize]) {
    let mut slots: Vec<Option<Block>> = order.iter().map(|_| None).collect();
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Elements(order.len() as u64));
    group.bench_function(BenchmarkId::new(name, order.len()), |bencher| {
        bencher.iter(|| {
            slots.iter_mut().for_each(|slot| *slot = Some(black_box(Box::new([1; 8]))));
            order.iter().for_each(|index| slots[*index] = None);
        });
    });
    group.finish();
}

/// The number alive stays the same: each block is replaced in `order`.
fn replaced(criterion: &mut Criterion, order: &[usize]) {
    let mut slots: Vec<Block> = order.iter().map(|_| Box::new([0; 8])).collect();
    let mut group = criterion.benchmark_group("replace");
    group.throughput(Throughput::Elements(order.len() as u64));
    group.bench_function(BenchmarkId::new("random", order.len()), |bencher| {
        bencher.iter(|| order.iter().for_each(|index| slots[*index] = black_box(Box::new([1; 8]))));
    });
    group.finish();
}
