//! Real work for allocators: what each `bench-<allocator>` binary runs, measures and prints.
//!
//! A binary sets its `#[global_allocator]` and calls [`run`]; everything else is the same code for all of them, compiled
//! into each with fat LTO, so that inlining counts as it does for users.
//!
//!   bench-mimalloc json --scale 0.5   ──►  one line of JSON: a [`sample::Sample`]
//!   bench-mimalloc --list             ──►  one line of JSON: the workloads and what each stands for
//!
//! Does not know: which allocator it runs on, other processes, medians.

mod arguments;
pub mod checksum;
pub mod data;
pub mod measure;
pub mod sample;
pub mod workloads;

use std::process::ExitCode;

use arguments::Request;

/// Does what the command line asks for and prints one line of JSON.
#[must_use]
pub fn run() -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)).and_then(answer) {
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

fn answer(request: Request) -> Result<String, String> {
    let line = match request {
        Request::List => serde_json::to_string(workloads::ALL),
        Request::Run { workload, settings } => {
            let job = (workloads::find(&workload)?.prepare)(&settings);
            serde_json::to_string(&measure::measure(&workload, &settings, job))
        }
    };
    line.map_err(|error| format!("cannot write the answer as JSON: {error}"))
}
