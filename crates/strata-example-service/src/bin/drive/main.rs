//! Starts the service under a memory limit, asks it for pages at a fixed rate, and counts what was not answered.
//!
//! Prints a line a second and a sum, and ends with 1 if a request failed. All of it on this machine, at 127.0.0.1.
#![forbid(unsafe_code)]

mod limit;
mod service;
mod timeline;

use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Result;
use clap::Parser;
use strata_example_service::load::{Load, Outcome};

use limit::Limit;
use service::Running;

/// The most complaints that are worth reading.
const MOST_COMPLAINTS: u64 = 5;

/// Drives the example service into its memory limit.
#[derive(Parser, Debug)]
struct Arguments {
    /// The limit in MiB.
    #[arg(long, default_value_t = 192)]
    limit: u64,
    /// For how long.
    #[arg(long, default_value_t = 40)]
    seconds: u64,
    /// Requests a second.
    #[arg(long, default_value_t = 400.0)]
    rate: f64,
    /// Limit the data of each process (RLIMIT_DATA) even where a control group may be made.
    #[arg(long)]
    limit_data: bool,
    /// Have the service do nothing about memory.
    #[arg(long)]
    without_watch: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let bytes = arguments.limit << 20;
    let limit = if arguments.limit_data { Limit::Data { bytes } } else { Limit::new(bytes) };
    println!(
        "{} MiB by {}; {} requests a second for pages of 4 to 64 KiB, each leaves 8 KiB behind",
        arguments.limit, limit, arguments.rate
    );
    let service = Running::start(&limit, arguments.without_watch)?;
    let load = Load {
        first: 0,
        requests: (arguments.seconds as f64 * arguments.rate) as u64,
        rate: arguments.rate,
        page_bytes: (4 << 10, 64 << 10),
    };
    let outcome = Outcome::default();
    let seen = timeline::while_running(service.address(), &outcome, || {
        load.run(service.address(), &outcome, |error| {
            if outcome.failed.load(Relaxed) < MOST_COMPLAINTS {
                eprintln!("drive: {error}");
            }
        });
    });
    service.stop();
    let (good, failed) = (outcome.good.load(Relaxed), outcome.failed.load(Relaxed));
    println!("{good} requests answered, {failed} failed; {seen}");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
