//! The metrics as a collector of `prometheus-client`: read at each scrape, registered once.
//!
//! Does not know: how a registry is served.

use std::fmt;

use prometheus_client::collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use strata_inspect::{METRICS, Metric, MetricKind, Sample};
use stratalloc::{Stats, Strata};

/// Reads all metrics whenever its registry is encoded.
///
/// ```
/// # #[global_allocator]
/// # static GLOBAL: stratalloc::Strata = stratalloc::Strata;
/// use prometheus_client::registry::Registry;
///
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(strata_metrics::Collector));
/// let mut text = String::new();
/// prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
/// assert!(text.contains("\nstrata_allocated_bytes "));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Collector;

impl collector::Collector for Collector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = Strata::stats();
        METRICS.iter().try_for_each(|metric| encode(&mut encoder, metric, &stats))
    }
}

fn encode(encoder: &mut DescriptorEncoder<'_>, metric: &Metric, stats: &Stats) -> fmt::Result {
    // The encoder puts the unit behind the name itself.
    let (name, unit) = match metric.name().strip_suffix("_bytes") {
        Some(name) => (name, Some(Unit::Bytes)),
        None => (metric.name(), None),
    };
    let kind = match metric.kind() {
        MetricKind::Gauge => MetricType::Gauge,
        MetricKind::Counter => MetricType::Counter,
    };
    let mut family = encoder.encode_descriptor(name, metric.help(), unit.as_ref(), kind)?;
    let mut encoded = Ok(());
    metric.samples(stats, |sample| {
        if encoded.is_ok() {
            encoded = encode_sample(&mut family, metric.kind(), sample);
        }
    });
    encoded
}

fn encode_sample(family: &mut MetricEncoder<'_>, kind: MetricKind, sample: Sample) -> fmt::Result {
    let labels: Vec<(&str, String)> =
        sample.label.iter().map(|label| (label.name(), label.to_string())).collect();
    let encoder = family.encode_family(&labels)?;
    match kind {
        MetricKind::Gauge => ConstGauge::new(sample.value).encode(encoder),
        MetricKind::Counter => ConstCounter::new(sample.value).encode(encoder),
    }
}
