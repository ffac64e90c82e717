//! Real work for allocators: what each `bench-<allocator>` binary runs, measures and prints.
//!
//! A binary sets its `#[global_allocator]` and calls [`Subject::run`](subject::Subject::run); everything else is the same code for all of them, compiled
//! into each with fat LTO, so that inlining counts as it does for users.
//!
//!   bench-mimalloc json --scale 0.5   ──►  one line of JSON: a [`Sample`](strata_harness::sample::Sample)
//!   bench-mimalloc --list             ──►  one line of JSON: the workloads and what each stands for
//!
//! Does not know: which allocator it runs on, other processes, medians.

mod arguments;
pub mod checksum;
pub mod data;
pub mod measure;
pub mod subject;
pub mod workloads;

use std::process::ExitCode;

use arguments::Request;
use subject::Subject;
use workloads::{Settings, Workload};

fn run(subject: Subject) -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)).and_then(|request| answer(request, subject)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn answer(request: Request, subject: Subject) -> Result<String, String> {
    let line = match request {
        Request::List => serde_json::to_string(&workloads::offered(subject).collect::<Vec<&Workload>>()),
        Request::Run { workload, scale, threads } => {
            let settings = Settings { scale, threads, usable_size: subject.usable_size };
            let job = (workloads::find(&workload, subject)?.prepare)(&settings);
            serde_json::to_string(&measure::measure(&workload, &settings, job))
        }
    };
    line.map_err(|error| format!("cannot write the answer as JSON: {error}"))
}

/// The programs of a chapter of the book, which compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/six-steps.md")]
pub struct SixSteps;
