//! Whole programs' shapes: rayon's sort, map and flat map; threads that start, allocate a little and end.

use std::hint::black_box;
use std::thread;

use criterion::{BatchSize, Criterion, Throughput};
use rayon::prelude::*;
use strata_benches::data::Words;

const LINES: usize = 20_000;

pub(crate) fn all(criterion: &mut Criterion) {
    let words = Words::new(9, 5_000);
    let lines: Vec<String> = (0..LINES).map(|_| words.text(1)).collect();
    rayon(criterion, &lines);
    threads(criterion);
}

fn rayon(criterion: &mut Criterion, lines: &[String]) {
    let mut group = criterion.benchmark_group("rayon");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("par_sort", |bencher| {
        bencher.iter_batched(|| lines.to_vec(), sorted, BatchSize::LargeInput);
    });
    group.bench_function("map collect", |bencher| bencher.iter(|| upper(lines)));
    group.bench_function("flat_map", |bencher| bencher.iter(|| split(lines)));
    group.finish();
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.par_sort();
    lines
}

fn upper(lines: &[String]) -> Vec<String> {
    lines.par_iter().map(|line| line.to_uppercase()).collect()
}

fn split(lines: &[String]) -> Vec<Box<str>> {
    let words = |line: &String| line.split(' ').map(Box::from).collect::<Vec<Box<str>>>();
    lines.par_iter().flat_map(words).collect()
}

fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("thread");
    for blocks in [0_usize, 1, 100] {
        group.bench_function(format!("start, {blocks} blocks, exit"), |bencher| {
            bencher.iter(|| thread::spawn(move || allocate(blocks)).join());
        });
    }
    group.finish();
}

fn allocate(blocks: usize) {
    let alive: Vec<Box<usize>> = (0..blocks).map(Box::new).collect();
    black_box(alive);
}
