//! The command `strata`: one file for each verb in `commands/`.

mod bench;
mod commands;
mod inspect;
mod map;
mod profile;
mod top;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use commands::not_started::NotStarted;

/// Work with the Strata memory allocator.
#[derive(Debug, Parser)]
#[command(name = "strata", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(commands::bench::Arguments),
    Core(commands::core::Arguments),
    Diff(commands::snapshot::DiffArguments),
    Explain(commands::explain::Arguments),
    Map(commands::map::Arguments),
    Profile(commands::profile::Arguments),
    Run(commands::run::Arguments),
    Snapshot(commands::snapshot::Arguments),
    Stats(commands::stats::Arguments),
    Top(commands::top::Arguments),
}

/// What `env` exits with when it fails itself: whatever else may be the program's own.
const OWN_FAILURE: u8 = 125;

/// What reads the output may stop (`strata explain PID | head`): then this ends, as other commands do, and does not panic.
fn end_with_the_reader() {
    // SAFETY: no thread was started yet; the default is what the process had before Rust's own start.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

fn main() -> ExitCode {
    end_with_the_reader();
    let command = Cli::parse().command;
    let failed =
        if matches!(command, Command::Run(_)) { ExitCode::from(OWN_FAILURE) } else { ExitCode::FAILURE };
    let result = match command {
        Command::Bench(arguments) => commands::bench::execute(&arguments),
        Command::Core(arguments) => commands::core::execute(&arguments),
        Command::Diff(arguments) => commands::snapshot::execute_diff(&arguments),
        Command::Explain(arguments) => commands::explain::execute(&arguments),
        Command::Map(arguments) => commands::map::execute(&arguments),
        Command::Profile(arguments) => commands::profile::execute(&arguments),
        Command::Run(arguments) => commands::run::execute(&arguments),
        Command::Snapshot(arguments) => commands::snapshot::execute(&arguments),
        Command::Stats(arguments) => commands::stats::execute(&arguments),
        Command::Top(arguments) => commands::top::execute(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        error.downcast_ref().map_or(failed, NotStarted::exit_code)
    })
}
