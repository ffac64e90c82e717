//! Runs everything interleaved: round after round, in each round every program, for each program every allocator.
//!
//! A machine that slows down slows all of them down. The allocator that goes first changes from round to round. The first
//! round fills the caches of the system and is not counted, but its answers are.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use strata_harness::interrupt;
use strata_harness::progress::Progress;
use strata_harness::rounds::{self, Ended};

use super::allocators::Allocator;
use super::catalogue::Program;
use super::place::Place;
use super::results::{Results, Sample};
use super::run::Run;

/// Fills `results`. Failures are written down: the other numbers were paid for.
pub(super) fn run(
    results: &mut Results,
    programs: &[&'static Program],
    allocators: &[Allocator],
    place: &Place,
) -> Result<()> {
    let runs: usize = programs.iter().map(|program| program.rounds(results.rounds) + 1).sum();
    let mut progress = Progress::new(runs * allocators.len());
    for program in programs {
        progress.begin(&format!("preparing {}", program.name));
        (program.prepare)(place)?;
    }
    let mut all = Rounds { results, allocators, place, answers: BTreeMap::new(), progress };
    let asked = all.results.rounds;
    let ended = rounds::run(asked + 1, None, |number| {
        all.run(number, programs);
        Duration::ZERO
    });
    if let Ended::Interrupted(begun) = ended {
        all.results.rounds = begun.saturating_sub(1);
    }
    if let Some(text) = ended.told(asked + 1) {
        all.progress.say(&text);
    }
    all.progress.finish();
    Ok(())
}

struct Rounds<'a> {
    results: &'a mut Results,
    allocators: &'a [Allocator],
    place: &'a Place,
    /// The first answer of each program, and on which allocator.
    answers: BTreeMap<&'static str, (Vec<u8>, String)>,
    progress: Progress,
}

impl Rounds<'_> {
    fn run(&mut self, number: usize, programs: &[&'static Program]) {
        let wish = self.results.rounds;
        let due = programs.iter().filter(|program| number <= program.rounds(wish));
        for program in due {
            for allocator in rounds::order(self.allocators, number) {
                if !interrupt::is_wanted() {
                    self.run_one(number, program, &allocator);
                }
            }
        }
    }

    fn run_one(&mut self, number: usize, program: &'static Program, allocator: &Allocator) {
        let (name, rounds) = (program.name, self.results.rounds);
        self.progress.begin(&format!("round {number} of {rounds}: {name} on {}", allocator.name));
        match self.measure(program, allocator) {
            Ok(sample) if number > 0 => self.results.add(name, &allocator.name, sample),
            Ok(_) => (),
            // What ends with us has not failed.
            Err(_) if interrupt::is_wanted() => (),
            Err(failure) => {
                let line = format!("{name} on {}: {failure:#}", allocator.name);
                self.progress.say(&format!("failed: {line}"));
                self.results.failures.push(line);
            }
        }
        self.progress.advance();
    }

    fn measure(&mut self, program: &'static Program, allocator: &Allocator) -> Result<Sample> {
        let done = (program.run)(&Run::new(self.place, allocator)?)?;
        let first = || (done.answer.clone(), allocator.name.clone());
        let (expected, author) = self.answers.entry(program.name).or_insert_with(first);
        if done.answer != *expected {
            let (ours, theirs) = (done.answer.len(), expected.len());
            bail!(
                "another answer ({ours} bytes) than on {author} ({theirs} bytes): one of the two corrupts memory"
            );
        }
        Ok(done.sample)
    }
}
