//! Runs every case on every allocator, in rounds, and checks that all give the same answers.
//!
//! Does not know: how rounds are interleaved (`strata-harness`), how a run is started (`runner`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use strata_harness::interrupt;
use strata_harness::progress::Progress;
use strata_harness::rounds::{self, Ended};

use super::build::Binaries;
use super::offers::Offers;
use super::plan::Case;
use super::results::Results;
use super::runner;
use strata_harness::sample::Kind;

/// Fills `results` with the rounds that its effort asks for. Failures are written down, not fatal: the other numbers
/// were paid for.
pub(crate) fn run(results: &mut Results, cases: &[Case], binaries: &Binaries, offers: &Offers) {
    let mut round =
        Round { results, cases, binaries, offers, checksums: BTreeMap::new(), progress: Progress::new(0) };
    let effort = round.results.effort;
    round.progress = Progress::new(round.runs());
    let ended = rounds::run(effort.repetitions, effort.budget, |number| round.run(number));
    if let Some(text) = ended.told(effort.repetitions) {
        round.progress.say(&text);
    }
    if let Ended::InTime(made) | Ended::Interrupted(made) = ended {
        round.results.effort.repetitions = made;
    }
    round.progress.finish();
}

struct Round<'a> {
    results: &'a mut Results,
    cases: &'a [Case],
    binaries: &'a Binaries,
    offers: &'a Offers,
    /// The first answer for each case and who gave it.
    checksums: BTreeMap<Case, (u64, String)>,
    progress: Progress,
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
        for allocator in rounds::order(&self.takers(case), number) {
            if !interrupt::is_wanted() {
                self.run_one(number, case, &allocator);
            }
        }
    }

    fn run_one(&mut self, number: usize, case: &Case, allocator: &str) {
        let rounds = self.results.effort.repetitions;
        self.progress.begin(&format!("round {} of {rounds}: {} on {allocator}", number + 1, case.title()));
        if let Err(failure) = self.measure(case, allocator)
            // What ends with us has not failed.
            && !interrupt::is_wanted()
        {
            let line = format!("{} on {allocator}: {failure:#}", case.title());
            if !self.results.failures.contains(&line) {
                self.progress.say(&format!("failed: {line}"));
                self.results.failures.push(line);
            }
        }
        self.progress.advance();
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
