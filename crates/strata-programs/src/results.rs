//! What was measured: samples of each program on each allocator, and what failed.
//!
//! Does not know: how it is shown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::allocators::Allocator;
use super::catalogue::Program;
use super::starter::Usage;
use strata_harness::noise;
use strata_harness::statistics::{median, spread};

/// One measured run; children that the program waited for are included, the largest peak counts.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sample {
    pub(super) wall_ns: u64,
    pub(super) processor_ns: u64,
    pub(super) peak_bytes: u64,
    pub(super) faults: u64,
}

impl Sample {
    /// Of a process, with the time that it took, or that its load took.
    pub(super) fn of(usage: &Usage, wall_ns: u64) -> Self {
        Self {
            wall_ns,
            processor_ns: usage.user_ns + usage.system_ns,
            peak_bytes: usage.peak_bytes,
            faults: usage.faults,
        }
    }
}

/// Which time is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Clock {
    /// On the wall.
    Wall,
    /// Of all processors together: less disturbed by what else runs on the machine.
    Processor,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Time(Clock),
    Peak,
    Faults,
}

impl Metric {
    fn of(self, sample: &Sample) -> f64 {
        let number = match self {
            Self::Time(Clock::Wall) => sample.wall_ns,
            Self::Time(Clock::Processor) => sample.processor_ns,
            Self::Peak => sample.peak_bytes,
            Self::Faults => sample.faults,
        };
        number as f64
    }
}

/// An allocator, as it is named in a report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) version: String,
}

/// All of it, in the order of the catalogue.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) rounds: usize,
    pub(super) programs: Vec<&'static str>,
    /// Those that are run once, for their verdict only.
    pub(super) checked: Vec<&'static str>,
    pub(super) allocators: Vec<Named>,
    /// By program, then by allocator.
    pub(super) samples: BTreeMap<&'static str, BTreeMap<String, Vec<Sample>>>,
    pub(super) failures: Vec<String>,
}

impl Results {
    pub(super) fn new(programs: &[&'static Program], allocators: &[Allocator], rounds: usize) -> Self {
        let (timed, checked): (Vec<&Program>, Vec<_>) =
            programs.iter().partition(|program| program.is_timed());
        let names = |programs: Vec<&'static Program>| programs.iter().map(|program| program.name).collect();
        let named = |one: &Allocator| Named { name: one.name.clone(), version: one.version.clone() };
        Self {
            rounds,
            programs: names(timed),
            checked: names(checked),
            allocators: allocators.iter().map(named).collect(),
            samples: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, program: &'static str, allocator: &str, sample: Sample) {
        self.samples.entry(program).or_default().entry(allocator.to_owned()).or_default().push(sample);
    }

    pub(super) fn has(&self, allocator: &str) -> bool {
        self.allocators.iter().any(|one| one.name == allocator)
    }

    pub(super) fn median(&self, program: &str, allocator: &str, metric: Metric) -> Option<f64> {
        median(self.of(program, allocator).iter().map(|sample| metric.of(sample)))
    }

    pub(super) fn of(&self, program: &str, allocator: &str) -> &[Sample] {
        self.samples
            .get(program)
            .and_then(|by_allocator| by_allocator.get(allocator))
            .map_or(&[], Vec::as_slice)
    }

    /// Whether the machine was quiet enough for the times to mean something, a line each.
    pub(super) fn warnings(&self) -> Vec<String> {
        let spreads = self.samples.iter().flat_map(|(program, by_allocator)| {
            by_allocator.iter().filter_map(move |(allocator, samples)| {
                let times = samples.iter().map(|sample| Metric::Time(Clock::Wall).of(sample));
                Some((spread(times)?, format!("{program} on {allocator}")))
            })
        });
        noise::wide(spreads).map(|warning| format!("warning: {warning}")).into_iter().collect()
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Results as a test says them.

    use super::*;

    pub(crate) fn results(samples: &[(&'static str, &str, Sample)]) -> Results {
        let mut results = Results::new(&[], &[], 1);
        for (program, allocator, sample) in samples {
            if !results.programs.contains(program) {
                results.programs.push(program);
            }
            if !results.has(allocator) {
                results.allocators.push(Named { name: (*allocator).to_owned(), version: "1".to_owned() });
            }
            results.add(program, allocator, *sample);
        }
        results
    }

    #[test]
    fn a_quiet_series_gives_no_warning_and_a_wide_one_does() {
        let sample = |wall_ns| Sample { wall_ns, processor_ns: 1, peak_bytes: 1, faults: 1 };
        let series = |times: [u64; 3]| times.map(|time| ("git", "strata", sample(time)));
        assert!(results(&series([100, 101, 102])).warnings().is_empty());
        assert_eq!(results(&series([100, 150, 200])).warnings().len(), 1);
    }
}
