//! All runs of one `strata bench`: what `--json` writes and `--compare` reads.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::metric::Metric;
use super::plan::{Case, Effort};
use strata_harness::machine::Machine;
use strata_harness::sample::{Kind, Sample, Workload};
use strata_harness::statistics::Summary;

/// Raised when old files can no longer be read.
const FORMAT: u32 = 1;

/// The allocator that the others are compared with.
const BASELINE: &str = "mimalloc";

/// The runs of one case on one allocator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) case: Case,
    pub(crate) allocator: String,
    pub(crate) samples: Vec<Sample>,
}

/// Everything that one `strata bench` measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Results {
    format: u32,
    pub(crate) strata: String,
    pub(crate) unix_seconds: u64,
    pub(crate) machine: Machine,
    pub(crate) effort: Effort,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) allocators: Vec<String>,
    pub(crate) series: Vec<Series>,
    /// What went wrong, a line each.
    pub(crate) failures: Vec<String>,
}

impl Results {
    pub(crate) fn new(
        machine: Machine,
        effort: Effort,
        workloads: Vec<Workload>,
        allocators: Vec<String>,
    ) -> Self {
        let unix_seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let strata = env!("CARGO_PKG_VERSION").to_owned();
        let (series, failures) = (Vec::new(), Vec::new());
        Self {
            format: FORMAT,
            strata,
            unix_seconds,
            machine,
            effort,
            workloads,
            allocators,
            series,
            failures,
        }
    }

    /// Adds one run.
    pub(crate) fn add(&mut self, case: &Case, allocator: &str, sample: Sample) {
        if let Some(series) = self.series.iter_mut().find(|series| series.is(case, allocator)) {
            return series.samples.push(sample);
        }
        self.series.push(Series {
            case: case.clone(),
            allocator: allocator.to_owned(),
            samples: vec![sample],
        });
    }

    /// The runs of `case` on `allocator`, if there were any.
    pub(crate) fn series(&self, case: &Case, allocator: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.is(case, allocator))
    }

    /// Whether `case` went wrong on `allocator`; otherwise a missing number was not asked for.
    pub(crate) fn failed(&self, case: &Case, allocator: &str) -> bool {
        let beginning = format!("{} on {allocator}:", case.title());
        self.failures.iter().any(|failure| failure.starts_with(&beginning))
    }

    /// The cases of one kind, in the order of the tables.
    pub(crate) fn cases(&self, kind: Kind) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        for series in self.series.iter().filter(|series| self.kind(&series.case) == Some(kind)) {
            if !cases.contains(&series.case) {
                cases.push(series.case.clone());
            }
        }
        cases
    }

    /// What kind of workload a case is.
    pub(crate) fn kind(&self, case: &Case) -> Option<Kind> {
        self.workloads.iter().find(|workload| workload.name == case.workload).map(|workload| workload.kind)
    }

    /// mimalloc, or the first allocator where that did not run.
    pub(crate) fn baseline(&self) -> &str {
        let mimalloc = self.allocators.iter().find(|allocator| *allocator == BASELINE);
        mimalloc.or(self.allocators.first()).map_or("", String::as_str)
    }

    /// The median of `allocator` divided by that of the baseline.
    pub(crate) fn ratio(&self, case: &Case, allocator: &str, metric: Metric) -> Option<f64> {
        let own = self.series(case, allocator)?.summary(metric)?;
        let baseline = self.series(case, self.baseline())?.summary(metric)?;
        (baseline.median > 0.0).then(|| own.median / baseline.median)
    }

    /// How far the ratio may be off, as a part of it: both medians' spreads together.
    pub(crate) fn uncertainty(&self, case: &Case, allocator: &str, metric: Metric) -> f64 {
        let spread = |allocator: &str| Some(self.series(case, allocator)?.summary(metric)?.relative_spread());
        [allocator, self.baseline()].into_iter().filter_map(spread).sum()
    }

    /// Reads what [`Results::write`] wrote.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = fs::read(path).with_context(|| format!("cannot read {name}"))?;
        let advice =
            || format!("{name} is no result of `strata bench --json`, or of another version: take a new one");
        let results: Self = serde_json::from_slice(&text).with_context(advice)?;
        if results.format != FORMAT {
            bail!(
                "{name} has format {}, this is {FORMAT}: take a new one with `strata bench --json`",
                results.format
            );
        }
        Ok(results)
    }

    /// Writes everything, every single run included.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("cannot write the results as JSON")?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Series {
    fn is(&self, case: &Case, allocator: &str) -> bool {
        self.case == *case && self.allocator == allocator
    }

    pub(crate) fn summary(&self, metric: Metric) -> Option<Summary> {
        Summary::of(self.samples.iter().map(|sample| metric.of(sample)))
    }

    /// The median over the runs of something that their details tell.
    pub(crate) fn median_of(&self, tell: impl Fn(&Sample) -> Option<u64>) -> Option<f64> {
        self.median_ratio(|sample| tell(sample).map(|value| value as f64))
    }

    /// As [`median_of`](Self::median_of), of a ratio.
    pub(crate) fn median_ratio(&self, tell: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        Summary::of(self.samples.iter().filter_map(tell)).map(|summary| summary.median)
    }

    /// Median time of one operation, on the clock.
    pub(crate) fn nanoseconds_each(&self) -> Option<f64> {
        self.each(Metric::Time)
    }

    /// The median of a metric for each operation.
    pub(crate) fn each(&self, metric: Metric) -> Option<f64> {
        let each = |sample: &Sample| metric.of(sample) / sample.operations.max(1) as f64;
        Summary::of(self.samples.iter().map(each)).map(|summary| summary.median)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Results of real workloads: for each (workload, allocator) the wall times in milliseconds; memory stays the same.
    pub(crate) fn results(runs: &[(&str, &str, &[u64])]) -> Results {
        let mut results = Results::new(Machine::read(), Effort::FULL, Vec::new(), Vec::new());
        for (workload, allocator, times) in runs {
            know(&mut results, workload, allocator);
            let case = Case { workload: (*workload).to_owned(), threads: 1 };
            times.iter().for_each(|time| results.add(&case, allocator, sample(workload, *time)));
        }
        results
    }

    fn know(results: &mut Results, workload: &str, allocator: &str) {
        if results.workloads.iter().all(|known| known.name != workload) {
            let (name, stands_for) = (workload.to_owned(), String::new());
            results.workloads.push(Workload { name, stands_for, kind: Kind::Real });
        }
        if results.allocators.iter().all(|known| known != allocator) {
            results.allocators.push(allocator.to_owned());
        }
    }

    pub(crate) fn sample(workload: &str, milliseconds: u64) -> Sample {
        Sample {
            workload: workload.to_owned(),
            threads: 1,
            operations: 1000,
            wall_ns: milliseconds * 1_000_000,
            user_ns: 0,
            system_ns: 0,
            rss_start: 0,
            rss_peak: 64 << 20,
            rss_end: 0,
            minor_faults: 500,
            major_faults: 0,
            voluntary_switches: 0,
            involuntary_switches: 0,
            checksum: 7,
            details: None,
        }
    }

    #[test]
    fn a_ratio_is_of_medians_and_to_mimalloc() {
        let results = results(&[("json", "strata", &[90, 80, 85]), ("json", "mimalloc", &[100, 500, 99])]);
        let case = &results.cases(Kind::Real)[0];
        assert_eq!(results.ratio(case, "strata", Metric::Time), Some(0.85));
        assert_eq!(results.ratio(case, "system", Metric::Time), None);
    }

    #[test]
    fn without_mimalloc_the_first_one_is_the_measure() {
        assert_eq!(results(&[("json", "system", &[1]), ("json", "strata", &[1])]).baseline(), "system");
    }

    #[test]
    fn what_was_written_is_read_again() {
        let path = std::env::temp_dir().join(format!("strata-results-{}.json", std::process::id()));
        let written = results(&[("json", "strata", &[90, 80, 85])]);
        written.write(&path).unwrap();
        assert_eq!(Results::read(&path).unwrap().series[0].samples, written.series[0].samples);
        fs::write(&path, "[]").unwrap();
        assert!(format!("{:#}", Results::read(&path).unwrap_err()).contains("--json"));
        fs::remove_file(&path).unwrap();
    }
}
