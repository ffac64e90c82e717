//! The workloads of `strata bench` that are about time, each so little of it that a run takes about ten milliseconds.
//!
//! Preparing a workload is off the clock, and what counts is what it says itself, as in `strata bench`.

use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use strata_benches::measure::measure;
use strata_benches::workloads::{self, Kind, Settings, Workload};

/// Of the half second to one and a half that a whole one takes.
const SCALE: f64 = 0.01;

pub(crate) fn all(criterion: &mut Criterion) {
    for workload in workloads::all() {
        match workload.kind {
            Kind::Real | Kind::Micro => runs(criterion, workload, 1),
            Kind::Scaling => [1, 2].into_iter().for_each(|threads| runs(criterion, workload, threads)),
            Kind::Latency | Kind::Story | Kind::Fragmentation => {}
        }
    }
}

fn runs(criterion: &mut Criterion, workload: &Workload, threads: usize) {
    let settings = Settings { scale: SCALE, threads, usable_size: None };
    let mut group = criterion.benchmark_group(format!("workload/{}", workload.name));
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(threads.to_string(), |bencher| {
        bencher.iter_custom(|count| (0..count).map(|_| run(workload, &settings)).sum());
    });
}

fn run(workload: &Workload, settings: &Settings) -> Duration {
    Duration::from_nanos(measure(workload.name, settings, (workload.prepare)(settings)).wall_ns)
}
