//! The micro-benchmarks, the same generic code for every allocator: the binary around it sets the `#[global_allocator]`.
//!
//! `cargo bench -p strata-benches --bench strata` runs them on Strata; a word behind `--` keeps those that contain it.
//! Several hundred short ones: each gets a second, which is enough for a few per cent on a quiet machine.
//!
//! They keep criterion's schedule and statistics instead of those of `strata-harness`. A case here is a few nanoseconds in one process,
//! repeated as often as fills a second, and is compared with its own last run; a sample of the harness is a whole process, and is compared
//! with another allocator's in the same round. What both could measure is a workload (`src/workloads/`), and not here.

mod growth;
mod parallel;
mod patterns;
mod remote;
mod sizes;

use std::time::Duration;

use criterion::Criterion;

/// Runs what the command line asks for.
pub(crate) fn run() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(250))
        .measurement_time(Duration::from_millis(750))
        .configure_from_args();
    sizes::all(&mut criterion);
    patterns::all(&mut criterion);
    growth::all(&mut criterion);
    remote::all(&mut criterion);
    parallel::all(&mut criterion);
    criterion.final_summary();
}
