//! By way of the facade `metrics` and its exporter, a scraper gets the same names, kinds and labels as without.

use std::collections::BTreeSet;

use metrics_exporter_prometheus::PrometheusBuilder;
use prometheus_parse::{Sample, Scrape, Value};
use strata_metrics::{Reporter, scrape};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

fn samples(text: &str) -> Vec<Sample> {
    Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap().samples
}

fn name(sample: &Sample) -> String {
    let kind = if matches!(sample.value, Value::Counter(_)) { "counter" } else { "gauge" };
    format!("{kind} {}{{{}}}", sample.metric, sample.labels)
}

/// All but the samples of size classes, which come and go.
fn lasting(text: &str) -> BTreeSet<String> {
    samples(text).iter().filter(|sample| sample.labels.get("size").is_none()).map(name).collect()
}

fn live_bytes(text: &str, size: &str) -> Option<f64> {
    let all = samples(text);
    let sample = all
        .iter()
        .find(|it| it.metric == "strata_class_allocated_bytes" && it.labels.get("size") == Some(size))?;
    match sample.value {
        Value::Gauge(bytes) => Some(bytes),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn an_exporter_of_the_facade_shows_what_a_scrape_shows() {
    for by_recommendation in [false, true] {
        let recorder = PrometheusBuilder::new().with_recommended_naming(by_recommendation).build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let mut reporter = Reporter::new();
            reporter.report();
            assert_eq!(lasting(&handle.render()), lasting(&scrape("").body));
            let help = "# HELP strata_purges_total Calls that gave memory of free pools back.";
            assert!(handle.render().contains(help), "{}", handle.render());

            let kept: Vec<Box<[u8; 196_608]>> = (0..10).map(|_| Box::new([1; 196_608])).collect();
            reporter.report();
            assert_eq!(live_bytes(&handle.render(), "196608"), Some(10.0 * 196_608.0));
            drop(kept);
            Strata::trim();
            assert_eq!(live_bytes(&scrape("").body, "196608"), None, "the class has pools");
            reporter.report();
            assert_eq!(live_bytes(&handle.render(), "196608"), Some(0.0));
        });
    }
}
