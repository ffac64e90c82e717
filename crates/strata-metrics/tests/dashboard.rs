//! Each query of the dashboard and of the alerts asks for what is scraped, and has an answer.
//!
//! | what                                                       | where                          |
//! |------------------------------------------------------------|--------------------------------|
//! | parsed by a parser of PromQL; metrics and labels are there | always                         |
//! | those without a range are evaluated                        | always                         |
//! | rules are checked by Prometheus's own tool                 | where `promtool` is installed  |
//! | all are answered by a real server                          | `prometheus.rs`                |

mod clients;
mod promql;

use std::collections::BTreeSet;
use std::process::Command;

use clients::said;
use promql::{Scraped, evaluate, selectors};
use promql_parser::parser::parse;
use serde_json::Value;
use strata_metrics::{ALERTS, DASHBOARD, METRICS};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// The queries of a dashboard, with the variables of Grafana filled in.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    targets.map(|target| promql::filled_in(target["expr"].as_str().expect("a query"))).collect()
}

fn alerts() -> Vec<&'static str> {
    ALERTS.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect()
}

#[test]
fn each_query_names_metrics_and_labels_that_are_scraped() {
    let scraped = Scraped::now();
    let (queries, alerts) = (queries(), alerts());
    assert!(queries.len() > 30 && alerts.len() == 4, "{} and {}", queries.len(), alerts.len());
    for query in queries.iter().map(String::as_str).chain(alerts) {
        let parsed = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        let selectors = selectors(&parsed);
        assert!(!selectors.is_empty(), "{query} asks for nothing");
        for selector in selectors {
            assert!(!scraped.select(selector).is_empty(), "{selector} in {query} is not scraped");
        }
    }
}

#[test]
fn a_metric_that_is_not_scraped_is_found() {
    let scraped = Scraped::now();
    for wrong in [
        "strata_alocated_bytes",
        "strata_calls_total{call=\"brk\"}",
        "strata_purges",
        "strata_arenas{size=\"16\"}",
    ] {
        let parsed = parse(wrong).expect("it is PromQL");
        assert!(scraped.select(selectors(&parsed)[0]).is_empty(), "{wrong}");
    }
}

#[test]
fn each_metric_is_in_a_panel() {
    let queries = queries();
    let parsed: Vec<_> = queries.iter().map(|query| parse(query).expect("it is PromQL")).collect();
    let shown: BTreeSet<_> = parsed.iter().flat_map(selectors).filter_map(|it| it.name.clone()).collect();
    for metric in METRICS {
        let name = format!("{}{}", metric.name(), metric.suffix());
        assert!(shown.contains(&name), "{name} is in no panel");
    }
}

#[test]
fn queries_without_a_range_have_finite_answers() {
    let kept: Vec<Box<[u8; 3000]>> = (0..1000).map(|_| Box::new([1; 3000])).collect();
    let scraped = Scraped::now();
    let mut answered = 0;
    for query in queries() {
        let parsed = parse(&query).expect("it is PromQL");
        let Some(answer) = evaluate(&parsed, &scraped) else { continue };
        answered += 1;
        let values = answer.values();
        assert!(
            !answer.is_empty() && values.clone().all(|it| it.is_finite() && *it >= 0.0),
            "{query}: {answer:?}"
        );
    }
    assert!(answered > 25, "{answered}");
    let of = |query: &str| evaluate(&parse(query).unwrap(), &scraped).unwrap().into_values().next().unwrap();
    let free = of("strata_resident_bytes - strata_allocated_bytes");
    assert_eq!(free, of("strata_resident_bytes") - of("strata_allocated_bytes"));
    drop(kept);
}

#[test]
fn promtool_takes_the_rules() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/prometheus/alerts.yml");
    match Command::new("promtool").args(["check", "rules", file]).output() {
        Ok(output) => assert!(said(&output).contains("SUCCESS: 4 rules found"), "{}", said(&output)),
        Err(_) => println!("skipped: there is no promtool here"),
    }
}
