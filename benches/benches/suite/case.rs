//! Cases: one operation over and over, timed in samples that are long enough for the clock.

use std::hint::black_box;
use std::time::{Duration, Instant};

use strata_harness::machine::Machine;
use strata_harness::progress::Progress;
use strata_harness::statistics::Summary;
use strata_harness::tables::{align, under};
use strata_harness::{interrupt, noise, rounds, units};

/// Samples of each case.
const ROUNDS: usize = 25;
/// About as long as a sample takes.
const SAMPLE: Duration = Duration::from_millis(10);

/// So many turns in, the time that they took out.
type Work = Box<dyn FnMut(u64) -> Duration>;

struct Case {
    name: String,
    /// Operations of one turn.
    operations: usize,
    work: Work,
    /// Turns of one sample; 0 until it is known.
    turns: u64,
    /// Nanoseconds for an operation.
    samples: Vec<f64>,
}

/// The cases that were asked for.
pub(crate) struct Suite {
    words: Vec<String>,
    cases: Vec<Case>,
}

impl Suite {
    /// Of the cases whose names contain one of these words; of all if there are none.
    pub(crate) fn of(words: Vec<String>) -> Self {
        Self { words, cases: Vec::new() }
    }

    /// A case whose turn is one call, in which `operations` are done.
    pub(crate) fn case<T>(
        &mut self,
        name: impl Into<String>,
        operations: usize,
        mut work: impl FnMut() -> T + 'static,
    ) {
        self.timed(name, operations, move |turns| {
            let start = Instant::now();
            (0..turns).for_each(|_| drop(black_box(work())));
            start.elapsed()
        });
    }

    /// A case that makes so many turns and says itself how long they took.
    pub(crate) fn timed(
        &mut self,
        name: impl Into<String>,
        operations: usize,
        work: impl FnMut(u64) -> Duration + 'static,
    ) {
        let name = name.into();
        if self.words.is_empty() || self.words.iter().any(|word| name.contains(word)) {
            self.cases.push(Case { name, operations, work: Box::new(work), turns: 0, samples: Vec::new() });
        }
    }

    /// Runs all of them in turns, and prints a table.
    pub(crate) fn run(mut self) {
        let machine = Machine::read();
        eprintln!("{machine}");
        if let Err(error) = interrupt::listen() {
            eprintln!("Ctrl-C ends everything: {error}");
        }
        let mut progress = Progress::new(ROUNDS * self.cases.len());
        let all: Vec<usize> = (0..self.cases.len()).collect();
        let ended = rounds::run(ROUNDS, None, |round| {
            for index in rounds::order(&all, round).into_iter().take_while(|_| !interrupt::is_wanted()) {
                progress.begin(&self.cases[index].name);
                self.cases[index].sample();
                progress.advance();
            }
            Duration::ZERO
        });
        progress.finish();
        ended.told(ROUNDS).into_iter().for_each(|text| eprintln!("{text}"));
        self.show(&machine);
    }

    fn show(&self, machine: &Machine) {
        let mut table = under(["", "an operation", "uncertain by"]);
        let mut spreads = Vec::new();
        for case in &self.cases {
            if let Some(summary) = Summary::of(case.samples.iter().copied()) {
                let spread = summary.relative_spread();
                let row =
                    [case.name.clone(), units::time(summary.median), format!("±{:.0} %", spread * 100.0)];
                table.add_row(row);
                spreads.push((spread, case.name.clone()));
            }
        }
        println!("{}", align(table));
        for warning in [noise::busy(machine), noise::wide(spreads)].into_iter().flatten() {
            println!("warning: {warning}");
        }
    }
}

impl Case {
    fn sample(&mut self) {
        if self.turns == 0 {
            self.turns = self.calibrated();
        }
        let time = (self.work)(self.turns);
        self.samples.push(time.as_nanos() as f64 / (self.turns * self.operations as u64) as f64);
    }

    /// As many turns as fill a sample, by a run of at least half of one, which also warms up.
    fn calibrated(&mut self) -> u64 {
        let mut turns = 1;
        loop {
            let time = (self.work)(turns);
            if time >= SAMPLE / 2 {
                let each = time.as_secs_f64() / turns as f64;
                return ((SAMPLE.as_secs_f64() / each) as u64).max(1);
            }
            turns *= 2;
        }
    }
}
