//! Real programs of Debian on Strata and on its peers, by `LD_PRELOAD`: are their answers right, and what do they cost?
//!
//!   install ─► place: inputs ─► schedule: rounds of run ─► results ─► table, verdicts, page
//!
//! | file         | what it is                                                          |
//! |--------------|---------------------------------------------------------------------|
//! | `catalogue/` | the programs, one file each: its packages, its input, how it is run |
//! | `allocators` | what can be preloaded                                               |
//! | `starter`    | the small process that starts one program and says what it used     |
//! | `smoke`      | many more programs, run once, for their answers only                |
//!
//! Verdicts are printed, not asserted: on a busy machine they mean nothing. Wrong answers are errors.

mod allocators;
mod catalogue;
mod install;
mod page;
mod place;
mod results;
mod run;
mod schedule;
mod server;
mod smoke;
mod starter;
mod table;
mod verdicts;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use strata_harness::{interrupt, targets};

use allocators::Allocator;
use catalogue::Program;
use place::Place;
use results::Results;

/// The command line.
#[derive(clap::Parser)]
#[command(
    name = "cargo xtask programs",
    bin_name = "cargo xtask programs",
    args_conflicts_with_subcommands = true
)]
struct Line {
    #[command(subcommand)]
    starter: Option<Starter>,
    #[command(flatten)]
    arguments: Arguments,
}

#[derive(clap::Subcommand)]
enum Starter {
    /// Starts a program and says what it used.
    #[command(hide = true)]
    Measured(starter::Arguments),
}

fn main() -> ExitCode {
    let line = Line::parse();
    let result = match &line.starter {
        Some(Starter::Measured(arguments)) => starter::run(arguments),
        None => run(&root(), &line.arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

/// Real programs on Strata and on its peers: are their answers right, and what do they cost?
#[derive(clap::Args)]
struct Arguments {
    /// Only these programs.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// How often each is measured, after a round that is not.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Only these allocators.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    allocators: Vec<String>,
    /// Another library to compare with; the name `strata` replaces the one that would be built.
    #[arg(long = "library", value_name = "NAME=FILE")]
    libraries: Vec<String>,
    /// The time that ratios and verdicts are of.
    #[arg(long, value_enum, default_value_t = results::Clock::Wall)]
    clock: results::Clock,
    /// Write every sample here.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Put the tables into docs/programs.md.
    #[arg(long)]
    write: bool,
    /// Instead: many small programs once, on glibc and on Strata, for their answers only.
    #[arg(long)]
    smoke: bool,
    /// Instead: say which programs and allocators there are.
    #[arg(long)]
    list: bool,
}

/// Installs, runs and prints; an error if a program fails or an answer is wrong.
fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    if arguments.list {
        println!("{}", table::offers());
        return Ok(());
    }
    if arguments.smoke {
        return smoke::run(root, &arguments.libraries);
    }
    arguments.json.as_deref().map_or(Ok(()), targets::file)?;
    let programs = chosen(&arguments.only)?;
    let known = allocators::known(&arguments.libraries)?;
    let chosen = allocators::chosen(&known, &arguments.allocators)?;
    install::ensure(
        programs.iter().flat_map(|program| program.packages).chain(allocators::packages(&chosen)),
    )?;
    let place = Place::new()?;
    let allocators: Vec<Allocator> =
        chosen.iter().map(|offer| offer.find(root, &place)).collect::<Result<_>>()?;
    let mut results = Results::new(&programs, &allocators, arguments.rounds);
    interrupt::listen().context("listening for Ctrl-C")?;
    schedule::run(&mut results, &programs, &allocators, &place)?;
    report(root, arguments, &results)
}

fn report(root: &Path, arguments: &Arguments, results: &Results) -> Result<()> {
    for (title, table) in table::all(results, arguments.clock) {
        println!("\n{title}\n{table}");
    }
    for line in verdicts::of(results, arguments.clock).iter().chain(&results.warnings()) {
        println!("{line}");
    }
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(results).context("writing JSON")?;
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    if !results.failures.is_empty() {
        bail!("{} failed:\n{}", results.failures.len(), results.failures.join("\n"));
    }
    if !results.checked.is_empty() {
        println!("passed on every allocator, untimed: {}", results.checked.join(", "));
    }
    if arguments.write {
        page::write(root, results, arguments.clock)?;
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Program>> {
    let known = || catalogue::ALL.iter().copied();
    if names.is_empty() {
        return Ok(known().collect());
    }
    let find = |name: &String| {
        known().find(|program| program.name == name).with_context(|| {
            let names: Vec<&str> = known().map(|program| program.name).collect();
            format!("no program is called {name:?}; choose from {}", names.join(", "))
        })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_wish_all_programs_run() {
        assert_eq!(chosen(&[]).unwrap().len(), catalogue::ALL.len());
    }

    #[test]
    fn an_unknown_program_gets_the_list() {
        let error = chosen(&["emacs".to_owned()]).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("emacs") && error.contains("sqlite"), "{error}");
    }
}
