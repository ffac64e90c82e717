//! The metrics as text that Prometheus scrapes, in both dialects, written into a buffer of the caller's.
//!
//! | dialect     | content type                                              | differs in                                  |
//! |-------------|-----------------------------------------------------------|---------------------------------------------|
//! | Prometheus  | `text/plain; version=0.0.4`                               | a counter's family ends in `_total`         |
//! | OpenMetrics | `application/openmetrics-text; version=1.0.0; charset=utf-8` | it does not; units; `# EOF` at the end    |
//!
//! Does not know: who scrapes; what is measured.

use crate::metrics::{METRICS, Metric, MetricKind, Sample};
use crate::stats::Stats;
use core::fmt::{self, Write};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Version 0.0.4, which everything reads.
    Prometheus,
    /// Version 1.0.0.
    OpenMetrics,
}

impl Dialect {
    /// What the answer to a scrape says of its text.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The one that a scraper's `Accept` header asks for.
    pub fn of_accept(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }
}

impl Stats {
    /// Writes all metrics.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_metrics(&self, dialect: Dialect, out: &mut impl Write) -> fmt::Result {
        for metric in METRICS {
            dialect.head(out, metric)?;
            let mut written = Ok(());
            metric.samples(self, |sample| {
                if written.is_ok() {
                    written = write_sample(out, metric, sample);
                }
            });
            written?;
        }
        match dialect {
            Dialect::Prometheus => Ok(()),
            Dialect::OpenMetrics => writeln!(out, "# EOF"),
        }
    }
}

fn write_sample(out: &mut impl Write, metric: &Metric, sample: Sample) -> fmt::Result {
    write!(out, "{}{}", metric.name(), metric.suffix())?;
    if let Some(label) = sample.label {
        write!(out, "{{{}=\"{label}\"}}", label.name())?;
    }
    writeln!(out, " {}", sample.value)
}

impl Dialect {
    fn head(self, out: &mut impl Write, metric: &Metric) -> fmt::Result {
        let name = metric.name();
        let suffix = match self {
            Self::Prometheus => metric.suffix(),
            Self::OpenMetrics => "",
        };
        let kind = match metric.kind() {
            MetricKind::Gauge => "gauge",
            MetricKind::Counter => "counter",
        };
        writeln!(out, "# TYPE {name}{suffix} {kind}")?;
        if self == Self::OpenMetrics && metric.is_in_bytes() {
            writeln!(out, "# UNIT {name} bytes")?;
        }
        writeln!(out, "# HELP {name}{suffix} {}", metric.help())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn text(dialect: Dialect) -> String {
        let mut stats = Stats::zero();
        stats.huge_bytes = 4096;
        stats.classes[2].pools = 3;
        let mut out = String::new();
        stats.write_metrics(dialect, &mut out).unwrap();
        out
    }

    #[test]
    fn both_dialects_have_the_same_samples() {
        let samples = |text: &str| -> std::vec::Vec<String> {
            text.lines().filter(|line| !line.starts_with('#')).map(String::from).collect()
        };
        let (classic, open) = (text(Dialect::Prometheus), text(Dialect::OpenMetrics));
        assert_eq!(samples(&classic), samples(&open));
        assert!(classic.contains("strata_allocated_bytes 4096\n"), "{classic}");
        assert!(classic.contains("strata_class_pools{size=\"48\"} 3\n"), "{classic}");
        assert!(open.ends_with("\n# EOF\n") && !classic.contains("EOF"));
    }

    #[test]
    fn a_counters_family_is_named_as_the_dialect_wants_it() {
        assert!(text(Dialect::Prometheus).contains("# TYPE strata_purges_total counter\n"));
        assert!(text(Dialect::OpenMetrics).contains("# TYPE strata_purges counter\n"));
    }

    #[test]
    fn a_scraper_gets_what_it_accepts() {
        let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
        assert_eq!(Dialect::of_accept(accept), Dialect::OpenMetrics);
        assert_eq!(Dialect::of_accept("text/plain"), Dialect::Prometheus);
    }
}
