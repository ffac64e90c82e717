//! OpenTelemetry's reader gets each metric with its unit, and samples of one moment.

use std::collections::BTreeMap;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use strata_metrics::{METRICS, MetricKind, observe};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Whether it is a counter, and its samples by their attributes.
fn samples(metric: &Metric) -> (bool, BTreeMap<String, u64>) {
    fn text<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
        attributes.map(|it| format!("{}={}", it.key, it.value)).collect()
    }
    match metric.data() {
        AggregatedMetrics::U64(MetricData::Gauge(gauge)) => {
            (false, gauge.data_points().map(|point| (text(point.attributes()), point.value())).collect())
        }
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            assert!(sum.is_monotonic());
            (true, sum.data_points().map(|point| (text(point.attributes()), point.value())).collect())
        }
        other => panic!("{} is {other:?}", metric.name()),
    }
}

#[test]
fn a_reader_gets_all_metrics_at_each_collection() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    observe(&provider.meter("strata"));
    let kept: Vec<Box<[u8; 2048]>> = (0..100).map(|_| Box::new([1; 2048])).collect();
    provider.force_flush().unwrap();

    let all = exporter.get_finished_metrics().unwrap();
    let metrics: BTreeMap<&str, &Metric> = all
        .iter()
        .flat_map(|resource| resource.scope_metrics())
        .flat_map(|scope| scope.metrics())
        .map(|metric| (metric.name(), metric))
        .collect();
    assert_eq!(metrics.len(), METRICS.len());
    for metric in METRICS {
        let seen = metrics[metric.name()];
        let (is_counter, samples) = samples(seen);
        assert_eq!(seen.description(), metric.help());
        assert_eq!(seen.unit(), if metric.is_in_bytes() { "By" } else { "" });
        assert_eq!(is_counter, metric.kind() == MetricKind::Counter, "{}", metric.name());
        assert!(!samples.is_empty(), "{}", metric.name());
    }
    let of = |name: &str| samples(metrics[name]).1;
    assert!(of("strata_class_allocated_bytes")["size=2048"] >= 100 * 2048);
    assert!(of("strata_calls")["call=mmap"] > 0);
    // Of one moment: the parts are those of the sum.
    let parts = ["strata_large_allocated_bytes", "strata_huge_allocated_bytes"].map(|name| of(name)[""]);
    let classes: u64 = of("strata_class_allocated_bytes").values().sum();
    assert_eq!(of("strata_allocated_bytes")[""], classes + parts.iter().sum::<u64>());
    drop(kept);

    // The next collection is of a moment of its own, however soon it comes.
    let more: Vec<Box<[u8; 2048]>> = (0..1000).map(|_| Box::new([1; 2048])).collect();
    exporter.reset();
    provider.force_flush().unwrap();
    let all = exporter.get_finished_metrics().unwrap();
    let mut metrics = all.iter().flat_map(|it| it.scope_metrics()).flat_map(|it| it.metrics());
    let metric = metrics.find(|metric| metric.name() == "strata_class_allocated_bytes").expect("it is there");
    assert!(samples(metric).1["size=2048"] >= 1000 * 2048);
    drop(more);
}
