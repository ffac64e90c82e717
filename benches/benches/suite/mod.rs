//! The micro-benchmarks, the same generic code for every allocator: the binary around it sets the `#[global_allocator]`.
//!
//! `cargo bench -p strata-benches --bench strata` runs them on Strata in about a minute; a word behind `--` keeps those whose names contain it.
//! Rounds, statistics, tables and warnings are those of `strata bench`; only a sample is another one: not a process, but so many turns of a
//! case that they take a hundredth of a second.

mod case;
mod growth;
mod parallel;
mod patterns;
mod remote;
mod sizes;

use case::Suite;

/// Runs what the command line asks for.
pub(crate) fn run() {
    // `cargo bench` adds `--bench`.
    let mut suite = Suite::of(std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect());
    sizes::all(&mut suite);
    patterns::all(&mut suite);
    growth::all(&mut suite);
    remote::all(&mut suite);
    parallel::all(&mut suite);
    suite.run();
}
