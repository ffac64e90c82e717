//! The micro-benchmarks, the same generic code for every allocator: the binary around it sets the `#[global_allocator]`.
//!
//! `cargo bench -p strata-benches --bench strata` runs them on Strata; criterion's options and a filter go behind `--`. Results are saved
//! under the allocator's name unless one says otherwise, so the next run on it says what changed, and `-- --baseline mimalloc` compares
//! with another allocator's last run.
//!
//! Does not know: rounds, tables and peers side by side; those are `strata bench`'s.

mod growth;
mod patterns;
mod sizes;
mod workloads;

use std::time::Duration;

use criterion::Criterion;

/// Runs what the command line asks for.
pub(crate) fn run() {
    // Half a second each: there are some hundred and eighty.
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(20)
        .nresamples(10_000)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .save_baseline(env!("CARGO_CRATE_NAME").to_owned())
        .configure_from_args();
    sizes::all(&mut criterion);
    patterns::all(&mut criterion);
    growth::all(&mut criterion);
    workloads::all(&mut criterion);
    criterion.final_summary();
}
