//! What is scraped is what parsers of others take: one of Rust always; Prometheus's own, and a strict one, where they are installed.

mod clients;

use std::collections::BTreeSet;
use std::process::Command;

use clients::{fed, said};
use prometheus_parse::{Scrape, Value};
use strata_metrics::{METRICS, MetricKind, scrape};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[test]
fn a_parser_finds_each_metric_with_its_help_and_type_and_no_line_beside() {
    let text = scrape("").body;
    let parsed = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(parsed.samples.len(), samples, "a line that is not a sample:\n{text}");
    for metric in METRICS {
        let name = format!("{}{}", metric.name(), metric.suffix());
        assert_eq!(parsed.docs.get(&name).map(String::as_str), Some(metric.help()), "{name}");
        let samples: Vec<_> = parsed.samples.iter().filter(|sample| sample.metric == name).collect();
        assert!(!samples.is_empty(), "{name} has no sample");
        for sample in samples {
            match sample.value {
                Value::Gauge(value) => assert!(metric.kind() == MetricKind::Gauge && value >= 0.0),
                Value::Counter(value) => assert!(metric.kind() == MetricKind::Counter && value >= 0.0),
                ref other => panic!("{name} is {other:?}"),
            }
        }
    }
    let known: BTreeSet<_> =
        METRICS.iter().map(|metric| format!("{}{}", metric.name(), metric.suffix())).collect();
    assert!(parsed.samples.iter().all(|sample| known.contains(&sample.metric)));
}

#[test]
fn the_gauges_that_dashboards_for_jemalloc_subtract_are_ordered_as_they_expect() {
    let kept: Vec<Box<[u8; 3000]>> = (0..1000).map(|_| Box::new([1; 3000])).collect();
    let text = scrape("").body;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("strata_{name}_bytes ")));
        line.unwrap_or_else(|| panic!("no {name}")).parse::<u64>().expect("a number")
    };
    assert!(value("allocated") >= 3_000_000);
    assert!(value("allocated") <= value("active") && value("active") <= value("mapped"), "{text}");
    assert!(
        value("metadata") > 0 && value("retained") > 0 && value("resident") >= value("allocated"),
        "{text}"
    );
    drop(kept);
}

#[test]
fn strict_parsers_of_python_take_both_dialects() {
    for (accept, parser) in [(OPEN, "prometheus_client.openmetrics.parser"), ("", "prometheus_client.parser")]
    {
        let script = format!(
            "import sys\ntry:\n  from {parser} import text_string_to_metric_families as parse\n\
             except ImportError: sys.exit('absent')\n\
             print(*sorted(s.name for f in parse(sys.stdin.read()) for s in f.samples if not s.labels))"
        );
        let text = scrape(accept).body;
        let output = match fed(Command::new("python3").args(["-c", &script]), &text) {
            Some(output) if !said(&output).contains("absent") => output,
            _ => return println!("skipped: python3 has no module prometheus_client"),
        };
        let mut plain: Vec<_> = text.lines().filter(|line| !line.contains(['#', '{'])).collect();
        plain.sort_unstable();
        let names: Vec<_> = plain.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(said(&output).trim(), names.join(" "), "{parser}");
    }
}

#[test]
fn promtool_has_nothing_to_say() {
    let text = scrape("").body;
    match fed(Command::new("promtool").args(["check", "metrics"]), &text) {
        Some(output) => assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output)),
        None => println!("skipped: there is no promtool here"),
    }
}
