//! Runs everything interleaved: round after round, in each round every program, for each program every allocator.
//!
//! A machine that slows down slows all of them down. The allocator that goes first changes from round to round. The first
//! round fills the caches of the system and is not counted, but its answers are.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

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
    let bar = bar((runs * allocators.len()) as u64);
    for program in programs {
        bar.set_message(format!("preparing {}", program.name));
        (program.prepare)(place)?;
    }
    let mut rounds = Rounds { results, allocators, place, answers: BTreeMap::new(), bar };
    for number in 0..=rounds.results.rounds {
        rounds.run(number, programs);
    }
    rounds.bar.finish_and_clear();
    Ok(())
}

struct Rounds<'a> {
    results: &'a mut Results,
    allocators: &'a [Allocator],
    place: &'a Place,
    /// The first answer of each program, and on which allocator.
    answers: BTreeMap<&'static str, (Vec<u8>, String)>,
    bar: ProgressBar,
}

impl Rounds<'_> {
    fn run(&mut self, number: usize, programs: &[&'static Program]) {
        if !stderr().is_terminal() {
            eprintln!("round {number} of {}", self.results.rounds);
        }
        let wish = self.results.rounds;
        let due = programs.iter().filter(|program| number <= program.rounds(wish));
        for program in due {
            let mut order: Vec<&Allocator> = self.allocators.iter().collect();
            order.rotate_left(number % self.allocators.len().max(1));
            order.iter().for_each(|allocator| self.run_one(number, program, allocator));
        }
    }

    fn run_one(&mut self, number: usize, program: &'static Program, allocator: &Allocator) {
        let (name, rounds) = (program.name, self.results.rounds);
        self.bar.set_message(format!("round {number} of {rounds}: {name} on {}", allocator.name));
        match self.measure(program, allocator) {
            Ok(sample) if number > 0 => self.results.add(name, &allocator.name, sample),
            Ok(_) => (),
            Err(failure) => {
                let line = format!("{name} on {}: {failure:#}", allocator.name);
                self.bar.suspend(|| eprintln!("failed: {line}"));
                self.results.failures.push(line);
            }
        }
        self.bar.inc(1);
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

fn bar(runs: u64) -> ProgressBar {
    let bar = ProgressBar::new(runs);
    bar.enable_steady_tick(Duration::from_millis(250));
    match ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left  {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
