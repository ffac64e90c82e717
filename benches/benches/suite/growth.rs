//! `realloc`: vectors that grow and shrink.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};

const ENDS: [usize; 4] = [256, 16 << 10, 1 << 20, 32 << 20];

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("growth");
    for end in ENDS {
        group.bench_function(BenchmarkId::new("doubling", end), |bencher| bencher.iter(|| doubling(end)));
        group.bench_function(BenchmarkId::new("steps", end), |bencher| bencher.iter(|| steps(end)));
        group.bench_function(BenchmarkId::new("shrink", end), |bencher| bencher.iter(|| shrink(end)));
    }
}

fn doubling(end: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < end {
        bytes.extend_from_slice(&[7; 64]);
        black_box(&mut bytes);
    }
    bytes
}

/// Grows by a sixteenth of the end each time, as a buffer that is told how much comes next.
fn steps(end: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for length in (1..=16).map(|step| end / 16 * step) {
        bytes.reserve_exact(length - bytes.len());
        bytes.resize(length, 7);
        black_box(&mut bytes);
    }
    bytes
}

fn shrink(end: usize) -> Vec<u8> {
    let mut bytes = vec![7_u8; end];
    while bytes.len() > 16 {
        bytes.truncate(bytes.len() / 2);
        bytes.shrink_to_fit();
        black_box(&mut bytes);
    }
    bytes
}
