//! Runs everything interleaved: round after round, in each round every case, for each case every allocator.
//!
//! A machine that slows down slows all of them down. The allocator that goes first changes from round to round, so that
//! none always runs on what another one left in the caches and on the clock frequency that it left behind.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::build::Binaries;
use super::offers::Offers;
use super::plan::Case;
use super::results::Results;
use super::runner;
use super::sample::Kind;

/// Fills `results` with the rounds that its effort asks for. Failures are written down, not fatal: the other numbers
/// were paid for.
pub(crate) fn run(results: &mut Results, cases: &[Case], binaries: &Binaries, offers: &Offers) {
    let mut round =
        Round { results, cases, binaries, offers, checksums: BTreeMap::new(), bar: ProgressBar::hidden() };
    let effort = round.results.effort;
    round.bar = bar(round.runs());
    let start = Instant::now();
    let mut last = Duration::ZERO;
    for number in 0..effort.repetitions {
        if !fits(effort.budget, start.elapsed(), last) {
            let done = format!("stopped after {number} of {} rounds to stay in time", effort.repetitions);
            round.bar.println(done);
            round.results.effort.repetitions = number;
            break;
        }
        last = round.run(number);
    }
    round.bar.finish_and_clear();
}

/// Whether one more round as long as the last still fits into the budget. The first one, after none, always does.
fn fits(budget: Option<Duration>, elapsed: Duration, last: Duration) -> bool {
    budget.is_none_or(|budget| last.is_zero() || elapsed + last <= budget)
}

struct Round<'a> {
    results: &'a mut Results,
    cases: &'a [Case],
    binaries: &'a Binaries,
    offers: &'a Offers,
    /// The first answer for each case and who gave it.
    checksums: BTreeMap<Case, (u64, String)>,
    bar: ProgressBar,
}

impl Round<'_> {
    fn runs(&self) -> usize {
        self.cases.iter().map(|case| self.rounds_of(case) * self.takers(case).len()).sum()
    }

    /// The allocators that have this workload.
    fn takers(&self, case: &Case) -> Vec<String> {
        let names = self.results.allocators.iter();
        names.filter(|name| self.offers.has(name, &case.workload)).cloned().collect()
    }

    fn rounds_of(&self, case: &Case) -> usize {
        let effort = self.results.effort;
        match self.results.kind(case) {
            Some(Kind::Story | Kind::Fragmentation) => effort.stories.min(effort.repetitions),
            _ => effort.repetitions,
        }
    }

    /// How long the next round will take, by what this one did of it.
    fn run(&mut self, number: usize) -> Duration {
        if !stderr().is_terminal() {
            eprintln!("round {} of {}", number + 1, self.results.effort.repetitions);
        }
        let (cases, mut again) = (self.cases, Duration::ZERO);
        for case in cases.iter() {
            let rounds = self.rounds_of(case);
            if number < rounds {
                let start = Instant::now();
                self.run_case(number, case);
                again += if number + 1 < rounds { start.elapsed() } else { Duration::ZERO };
            }
        }
        again
    }

    fn run_case(&mut self, number: usize, case: &Case) {
        let mut order = self.takers(case);
        let first = number % order.len().max(1);
        order.rotate_left(first);
        order.iter().for_each(|allocator| self.run_one(number, case, allocator));
    }

    fn run_one(&mut self, number: usize, case: &Case, allocator: &str) {
        let rounds = self.results.effort.repetitions;
        let message = format!("round {} of {rounds}: {} on {allocator}", number + 1, case.title());
        self.bar.set_message(message);
        if let Err(failure) = self.measure(case, allocator) {
            let line = format!("{} on {allocator}: {failure:#}", case.title());
            if !self.results.failures.contains(&line) {
                self.bar.suspend(|| eprintln!("failed: {line}"));
                self.results.failures.push(line);
            }
        }
        self.bar.inc(1);
    }

    fn measure(&mut self, case: &Case, allocator: &str) -> anyhow::Result<()> {
        let sample = runner::run(&self.binaries[allocator], case, self.results.effort.scale)?;
        let first = (sample.checksum, allocator.to_owned());
        let (expected, author) = self.checksums.entry(case.clone()).or_insert(first);
        if sample.checksum != *expected {
            anyhow::bail!(
                "wrong answer: checksum {:#018x}, but {author} got {expected:#018x}; one of the two corrupts memory",
                sample.checksum
            );
        }
        self.results.add(case, allocator, sample);
        Ok(())
    }
}

fn bar(runs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left  {wide_msg}");
    let bar = ProgressBar::new(runs as u64);
    bar.enable_steady_tick(Duration::from_millis(250));
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_round_is_begun_only_if_it_probably_ends_in_time() {
        assert!(fits(Some(100 * SECOND), 66 * SECOND, 33 * SECOND));
        assert!(!fits(Some(100 * SECOND), 68 * SECOND, 34 * SECOND));
    }

    #[test]
    fn the_first_round_always_runs_and_without_a_budget_all_do() {
        assert!(fits(Some(SECOND), 5 * SECOND, Duration::ZERO));
        assert!(fits(None, 5_000 * SECOND, 4 * SECOND));
    }
}
