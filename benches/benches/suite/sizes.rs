//! One block at a time: every size class alone, all of them mixed, zeroed, aligned, large and huge.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use rand::RngExt;
use strata_benches::data::random;

/// Where classes in steps of an eighth end and whole runs of pools begin.
const CLASSES_END: usize = 256 << 10;
const LARGE: [usize; 5] = [64 << 10, 256 << 10, 1 << 20, 8 << 20, 64 << 20];

pub(crate) fn all(criterion: &mut Criterion) {
    every_class(criterion);
    mixed(criterion);
    zeroed(criterion);
    aligned(criterion);
    large(criterion);
}

/// 16, 32, … 128, then eight steps to every doubling.
fn classes() -> Vec<usize> {
    let fine = (1..=8).map(|step| step * 16);
    let doublings =
        std::iter::successors(Some(128), |base| Some(base * 2)).take_while(|base| *base < CLASSES_END);
    fine.chain(doublings.flat_map(|base| (1..=8).map(move |step| base + base / 8 * step))).collect()
}

fn every_class(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("class");
    for bytes in classes() {
        group.bench_function(bytes.to_string(), |bencher| {
            bencher.iter(|| Vec::<u8>::with_capacity(black_box(bytes)));
        });
    }
}

fn mixed(criterion: &mut Criterion) {
    let (classes, mut random) = (classes(), random(3));
    let sizes: Vec<usize> = (0..4_096).map(|_| classes[random.random_range(0..classes.len())]).collect();
    let mut group = criterion.benchmark_group("mixed");
    group.throughput(Throughput::Elements(sizes.len() as u64));
    group.bench_function("all classes", |bencher| {
        bencher.iter(|| sizes.iter().for_each(|bytes| drop(black_box(Vec::<u8>::with_capacity(*bytes)))));
    });
}

fn zeroed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("zeroed");
    for bytes in [64, 1 << 10, 16 << 10].into_iter().chain(LARGE) {
        group.bench_function(bytes.to_string(), |bencher| bencher.iter(|| vec![0_u8; black_box(bytes)]));
    }
}

#[repr(align(64))]
struct CacheLine([u8; 64]);

#[repr(align(4096))]
struct Page([u8; 4096]);

fn aligned(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aligned");
    group.bench_function("64", |bencher| bencher.iter(|| black_box(Box::new(CacheLine([1; 64]))).0[0]));
    group.bench_function("4096", |bencher| bencher.iter(|| black_box(Box::new(Page([1; 4096]))).0[0]));
}

/// Without touching the memory, and with every byte written: the page faults belong to an allocator's price.
fn large(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("large");
    for bytes in LARGE {
        group.bench_function(BenchmarkId::new("untouched", bytes), |bencher| {
            bencher.iter(|| Vec::<u8>::with_capacity(black_box(bytes)));
        });
        group.bench_function(BenchmarkId::new("written", bytes), |bencher| {
            bencher.iter(|| vec![1_u8; black_box(bytes)]);
        });
    }
}
