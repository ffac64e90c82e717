//! The metrics by way of the facade `metrics`, whichever recorder a program has installed.
//!
//! Does not know: who records.

use std::collections::HashMap;
use std::fmt;

use metrics::{Counter, Gauge, SharedString, Unit};
use strata_inspect::{Label, METRICS, Metric, MetricKind, Sample};
use stratalloc::Strata;

/// Reports all metrics to the recorder that is installed when it is made.
///
/// ```
/// # #[global_allocator]
/// # static GLOBAL: stratalloc::Strata = stratalloc::Strata;
/// let mut reporter = strata_metrics::Reporter::new();
/// // Before each scrape, or every few seconds:
/// reporter.report();
/// ```
#[derive(Default)]
pub struct Reporter {
    /// By the metric's place in the list, and what tells its samples apart.
    handles: HashMap<(usize, Option<Label>), Handle>,
    reports: u64,
}

struct Handle {
    target: Target,
    /// The report in which it was set last.
    report: u64,
}

enum Target {
    Gauge(Gauge),
    Counter(Counter),
}

impl Reporter {
    /// Describes all metrics to the recorder. Install that first: what is described and reported before is lost.
    pub fn new() -> Self {
        METRICS.iter().for_each(describe);
        Self::default()
    }

    /// Sets all gauges and counters to what they are at this moment: some microseconds for each arena and thread.
    pub fn report(&mut self) {
        self.reports += 1;
        let (stats, report) = (Strata::stats(), self.reports);
        for (index, metric) in METRICS.iter().enumerate() {
            metric.samples(&stats, |sample| {
                let handle = self
                    .handles
                    .entry((index, sample.label))
                    .or_insert_with(|| Handle { target: Target::of(metric, sample.label), report });
                handle.report = report;
                handle.target.set(sample);
            });
        }
        // A size class that has no pool any more has no sample; its gauges would stay.
        let gone = self.handles.values_mut().filter(|handle| handle.report != report);
        gone.for_each(|handle| handle.target.set_to_nothing());
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("samples", &self.handles.len())
            .field("reports", &self.reports)
            .finish()
    }
}

/// The name with what the facade's exporters leave as it is.
fn full_name(metric: &Metric) -> String {
    format!("{}{}", metric.name(), metric.suffix())
}

fn describe(metric: &Metric) {
    let (name, help) = (full_name(metric), metric.help());
    let unit = if metric.is_in_bytes() { Unit::Bytes } else { Unit::Count };
    match metric.kind() {
        MetricKind::Gauge => metrics::describe_gauge!(name, unit, help),
        MetricKind::Counter => metrics::describe_counter!(name, unit, help),
    }
}

impl Target {
    fn of(metric: &Metric, label: Option<Label>) -> Self {
        let name = full_name(metric);
        let labels: Vec<metrics::Label> = label
            .iter()
            .map(|label| metrics::Label::new(label.name(), SharedString::from(label.to_string())))
            .collect();
        match metric.kind() {
            MetricKind::Gauge => Self::Gauge(metrics::gauge!(name, labels)),
            MetricKind::Counter => Self::Counter(metrics::counter!(name, labels)),
        }
    }

    fn set(&self, sample: Sample) {
        match self {
            Self::Gauge(gauge) => gauge.set(sample.value as f64),
            Self::Counter(counter) => counter.absolute(sample.value),
        }
    }

    fn set_to_nothing(&self) {
        if let Self::Gauge(gauge) = self {
            gauge.set(0.0);
        }
    }
}
