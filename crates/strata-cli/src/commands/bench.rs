//! `strata bench`: compare Strata with other allocators on real work.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use strata_harness::{interrupt, targets};

use crate::bench::build::{self, Extent};
use crate::bench::given::{self, Given};
use crate::bench::offers::Offers;
use crate::bench::plan::{self, Effort, Reach};
use crate::bench::results::Results;
use crate::bench::workspace::Workspace;
use crate::bench::{best_peer, compare, noise, pages, report, schedule, tables};
use strata_harness::machine::Machine;

/// Compare Strata with other allocators on real work
///
/// Builds one binary for each allocator, runs them in turns, and prints medians of time, processor time, peak memory and
/// page faults with ratios to mimalloc.
///
/// Without options it gives a first table in minutes. Ctrl-C ends the measuring: what was measured until then is shown.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Everything: more work, more rounds, all workloads; a quarter of an hour or more
    #[arg(long)]
    full: bool,
    /// Only these workloads, separated by commas
    #[arg(long, value_name = "WORKLOADS", value_delimiter = ',')]
    only: Vec<String>,
    /// These allocators instead of strata, mimalloc and system (and gil with --full); `all` for every one (needs g++ and make)
    #[arg(long, value_name = "ALLOCATORS", value_delimiter = ',')]
    allocators: Vec<String>,
    /// Another libstrata.so beside strata-so, of another commit perhaps; how it differs is said in a line
    #[arg(long = "library", value_name = "NAME=FILE")]
    libraries: Vec<Given>,
    /// How many times each is run
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: Option<u32>,
    /// Factor on the amount of work of each run
    #[arg(long, value_name = "FACTOR", value_parser = positive)]
    scale: Option<f64>,
    /// Write every single run to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Say what became slower or bigger since FILE, written by an earlier --json
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Write one self-contained HTML page with plots to DIR/index.html
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Draw time and peak memory of real work as one picture, an SVG file to show on a page
    #[arg(long, value_name = "FILE.svg")]
    chart: Option<PathBuf>,
    /// Put the tables between the `<!-- numbers:… -->` markers of this Markdown page
    #[arg(long, value_name = "PAGE")]
    update: Vec<PathBuf>,
    /// Run nothing: show what an earlier --json wrote to FILE
    #[arg(long, value_name = "FILE", conflicts_with_all = ["full", "only", "allocators", "libraries", "repetitions", "scale", "json"])]
    from: Option<PathBuf>,
    /// The Strata checkout to build from
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
}

impl Arguments {
    fn reach(&self) -> Reach {
        if self.full { Reach::Full } else { Reach::First }
    }

    /// What is named outright may be a service.
    fn extent(&self) -> Extent {
        if self.full || !self.only.is_empty() { Extent::Whole } else { Extent::Plain }
    }

    fn effort(&self) -> Effort {
        // What is named outright is measured as a whole.
        let mut effort = if self.full || !self.only.is_empty() { Effort::FULL } else { Effort::FIRST };
        if let Some(repetitions) = self.repetitions {
            effort.repetitions = repetitions as usize;
            if !self.only.is_empty() {
                effort.stories = effort.repetitions;
            }
        }
        effort.scale = self.scale.unwrap_or(effort.scale);
        effort
    }

    /// Whether everything can be written that is asked for.
    fn check_targets(&self) -> Result<()> {
        self.json.as_deref().map_or(Ok(()), targets::file)?;
        self.report.as_deref().map_or(Ok(()), targets::folder)?;
        self.chart.as_deref().map_or(Ok(()), targets::file)?;
        self.update.iter().try_for_each(|page| pages::check(page))
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("give a number above 0, such as 0.5".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    // Before anything takes time: can the old results be read, and the new ones be written?
    arguments.check_targets()?;
    let old = arguments.compare.as_deref().map(Results::read).transpose()?;
    let results = match &arguments.from {
        Some(path) => Results::read(path)?,
        None => measure(arguments)?,
    };
    print(&results);
    given::lines(&results, &arguments.libraries).iter().for_each(|line| println!("{line}"));
    if let Some(path) = &arguments.json {
        results.write(path)?;
    }
    if let Some(old) = old {
        println!("\n{}", compare::report(&old, &results));
    }
    if let Some(directory) = &arguments.report {
        println!("\nreport: {}", report::write(&results, directory)?.display());
    }
    if let Some(path) = &arguments.chart {
        report::write_chart(&results, path)?;
        println!("\nchart: {}", path.display());
    }
    for page in &arguments.update {
        let replaced = pages::update(page, &results, arguments.chart.as_deref())?;
        println!("\n{}: {} tables written: {}", page.display(), replaced.len(), replaced.join(", "));
    }
    if results.failures.is_empty() {
        if arguments.from.is_none() && arguments.only.is_empty() && !arguments.full {
            println!(
                "\nEverything: `strata bench --full`. More peers: `--allocators all`. Plots: `--report DIR`."
            );
        }
        return Ok(if interrupt::is_wanted() { ExitCode::from(130) } else { ExitCode::SUCCESS });
    }
    bail!("{} of the runs failed:\n  {}", results.failures.len(), results.failures.join("\n  "))
}

fn measure(arguments: &Arguments) -> Result<Results> {
    let workspace = Workspace::open(arguments.workspace.as_deref())?;
    let allocators = workspace.choose(&arguments.allocators, arguments.reach())?;
    workspace.check_workloads(&arguments.only)?;
    let mut binaries = build::build(&workspace, &allocators, arguments.extent())?;
    given::join(&mut binaries, &arguments.libraries)?;
    let machine = Machine::read();
    println!("{machine}\n");
    let offers = Offers::ask(&binaries)?;
    let workloads = offers.workloads();
    let cases = plan::cases(&workloads, &arguments.only, arguments.reach(), machine.cores)?;
    let given = arguments.libraries.iter().map(|given| given.name.clone());
    let names = allocators.into_iter().map(|allocator| allocator.name).chain(given).collect();
    let mut results = Results::new(machine, arguments.effort(), workloads, names);
    results.strata.extend(commit(&workspace.root).map(|commit| format!(" at commit {commit}")));
    // From here on there is something to show.
    interrupt::listen().context("listening for Ctrl-C")?;
    schedule::run(&mut results, &cases, &binaries, &offers);
    Ok(results)
}

/// What git says of the checkout, if it is one of git's.
fn commit(root: &Path) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(["describe", "--always", "--dirty"]).output();
    let said = String::from_utf8(output.ok()?.stdout).ok()?;
    Some(said.trim().to_owned()).filter(|commit| !commit.is_empty())
}

fn print(results: &Results) {
    for (title, table) in tables::all(results) {
        println!("{title}\n{table}\n");
    }
    let effort = results.effort;
    println!("medians of {} interleaved runs, scale {}", effort.repetitions, effort.scale);
    if let Some(line) = best_peer::line(results) {
        println!("{line}");
    }
    for warning in noise::warnings(results) {
        println!("warning: {warning}");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        Line::try_parse_from(["bench"].into_iter().chain(line.split_whitespace())).map(|line| line.arguments)
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let arguments = parsed("--only json,trees --allocators strata,system").unwrap();
        assert_eq!((arguments.only.len(), arguments.allocators.len()), (2, 2));
    }

    #[test]
    fn what_is_said_outright_goes_before_what_a_first_table_has() {
        let effort = parsed("--repetitions 7").unwrap().effort();
        assert_eq!((effort.repetitions, effort.scale), (7, Effort::FIRST.scale));
        assert_eq!(parsed("--full").unwrap().effort(), Effort::FULL);
        let named = parsed("--only order_service --repetitions 20").unwrap().effort();
        assert_eq!((named.stories, named.scale), (20, Effort::FULL.scale));
    }

    #[test]
    fn what_cannot_be_written_is_refused_before_anything_is_built() {
        for wish in [
            "--json /proc/no/file",
            "--report /proc/no",
            "--chart /proc/no/file",
            "--update /proc/self/status",
        ] {
            assert!(execute(&parsed(wish).unwrap()).is_err(), "{wish}");
        }
    }

    #[test]
    fn old_results_are_shown_and_nothing_is_run_beside() {
        assert!(parsed("--from old.json --report out --update page.md").is_ok());
        assert!(parsed("--from old.json --full").is_err());
    }

    #[test]
    fn a_scale_of_nothing_is_refused_with_an_example() {
        assert!(parsed("--scale 0").unwrap_err().to_string().contains("such as 0.5"));
    }
}
