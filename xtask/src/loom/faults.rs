//! Runs models with a fault in the source: each must fail, and by a report, or the model sees less than it promises.
//!
//! | verdict     | the run                                                             | good |
//! |-------------|---------------------------------------------------------------------|------|
//! | Caught      | failed with a panic of the model's or of loom's                     | yes  |
//! | Survived    | passed                                                              | no   |
//! | NoReport    | took too long, died silently, or met loom's limit unannounced       | no   |
//! | NoTest      | nothing ran                                                         | no   |
//!
//! The same tests run once without a fault first, since a model that always fails would catch everything.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Selection, build, models};
use crate::compiler::Cfg;
use crate::mutants::{Mutant, TABLE, Table};
use crate::process::{Outcome, watch};
use crate::source::pattern;
use crate::workspace::Tree;

const LIMIT: Duration = Duration::from_secs(300);

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Caught(String),
    Survived,
    NoReport(String),
    NoTest,
}

/// Runs all faults of the table, or the one; an error if one is not caught, or if table and source differ.
pub(super) fn run(root: &Path, only: Option<&str>) -> Result<()> {
    let table = Table::load(root)?;
    table.agrees_with(&Tree::load(root)?)?;
    let chosen: Vec<_> =
        table.mutants.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    if chosen.is_empty() {
        bail!("no such fault in {TABLE}: {}", table.mutants.keys().cloned().collect::<Vec<_>>().join(", "));
    }
    println!("without a fault:");
    let sound: BTreeSet<_> = chosen.iter().map(|(_, mutant)| selection(mutant)).collect();
    models::run(root, &sound.into_iter().collect::<Vec<_>>())?;
    println!("with one:");
    let mut missed = 0;
    for (name, mutant) in &chosen {
        let (seconds, verdict) = verdict(root, name, mutant)?;
        missed += usize::from(!matches!(verdict, Verdict::Caught(_)));
        show(name, mutant, seconds, &verdict);
    }
    println!("{} of {} faults caught", chosen.len() - missed, chosen.len());
    if missed > 0 {
        bail!("{missed} faults were not caught: the models of those files see less than they promise");
    }
    Ok(())
}

fn selection(mutant: &Mutant) -> Selection {
    Selection { file: Some(mutant.file.clone()), filter: mutant.filter.clone() }
}

fn verdict(root: &Path, name: &str, mutant: &Mutant) -> Result<(f64, Verdict)> {
    let compiler = Cfg::new("strata_mutant", name).compiler(&build::target(root))?;
    let mut seconds = 0.0;
    let mut verdict = Verdict::NoTest;
    for program in build::programs(root, &selection(mutant), Some(&compiler))? {
        let outcome = watch(&mut program.command(root, mutant.filter.as_deref()), LIMIT, |_| ())?;
        seconds += outcome.seconds;
        verdict = judge(&outcome, mutant.livelock);
    }
    Ok((seconds, verdict))
}

fn judge(outcome: &Outcome, livelock: bool) -> Verdict {
    let report = panic_message(&outcome.output);
    let limit = report.as_deref().is_some_and(|text| text.contains("exceeded maximum number of branches"));
    match (outcome.status, report) {
        (None, _) => Verdict::NoReport("took too long".to_owned()),
        _ if outcome.output.contains("running 0 tests") => Verdict::NoTest,
        (Some(status), _) if status.success() => Verdict::Survived,
        (Some(_), Some(text)) if limit && !livelock => Verdict::NoReport(text),
        (Some(_), Some(text)) => Verdict::Caught(text),
        (Some(status), None) => Verdict::NoReport(status.to_string()),
    }
}

/// The first line of the first panic.
fn panic_message(output: &str) -> Option<String> {
    let panic = pattern(r"panicked at [^\n]*:\n\s*([^\n]+)");
    panic.captures(output).map(|hit| hit[1].trim().to_owned())
}

fn show(name: &str, mutant: &Mutant, seconds: f64, verdict: &Verdict) {
    let (word, why) = match verdict {
        Verdict::Caught(report) => ("caught", report.as_str()),
        Verdict::Survived => ("SURVIVED", mutant.breaks.as_str()),
        Verdict::NoReport(how) => ("NO REPORT", how.as_str()),
        Verdict::NoTest => ("NO TEST", "the filter matches none"),
    };
    let why: String = why.chars().take(90).collect();
    println!("{name:<32} {:<24} {word:<9} {seconds:>6.1} s  {why}", mutant.file);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn judged(script: &str, livelock: bool) -> Verdict {
        let mut command = Command::new("sh");
        judge(&watch(command.args(["-c", script]), Duration::from_millis(900), |_| ()).expect("sh"), livelock)
    }

    #[test]
    fn only_a_report_is_a_catch_and_the_branch_limit_only_where_it_is_announced() {
        const PANIC: &str = "echo running 1 test; printf \"thread 'a' panicked at src/a.rs:1:2:\\nCausality violation\\n\"; exit 101";
        let limit = PANIC.replace("Causality violation", "Model exceeded maximum number of branches.");
        assert_eq!(judged(PANIC, false), Verdict::Caught("Causality violation".to_owned()));
        assert_eq!(judged("echo running 1 test", false), Verdict::Survived);
        assert_eq!(judged("echo running 0 tests", false), Verdict::NoTest);
        assert!(matches!(judged("kill -SEGV $$", false), Verdict::NoReport(_)));
        assert_eq!(judged("exec sleep 60", false), Verdict::NoReport("took too long".to_owned()));
        assert!(matches!(judged(&limit, false), Verdict::NoReport(_)));
        assert!(matches!(judged(&limit, true), Verdict::Caught(_)));
    }
}
