//! The encoder of `prometheus-client` writes of the collector what Strata writes itself, line by line.

use std::collections::BTreeSet;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use strata_metrics::{Collector, scrape};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// A class that this test has blocks of; others come and go.
const CLASS: &str = "{size=\"6144\"}";

/// The lines without values, which change from one moment to the next.
fn lines(text: &str) -> BTreeSet<String> {
    let without_value = |line: &str| match line.rsplit_once(' ') {
        Some((name, _)) if !line.starts_with('#') => name.to_owned(),
        _ => line.to_owned(),
    };
    let lasting = |line: &&str| !line.contains("{size=") || line.contains(CLASS);
    text.lines().filter(lasting).map(without_value).collect()
}

#[test]
fn both_write_the_same_openmetrics() {
    let kept = std::hint::black_box(Box::new([1_u8; 6144]));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Collector));
    let mut theirs = String::new();
    encode(&mut theirs, &registry).unwrap();
    let ours = scrape("application/openmetrics-text").body;
    assert!(theirs.ends_with("# EOF\n"));
    assert_eq!(lines(&theirs), lines(&ours));
    assert!(ours.contains(&format!("strata_class_allocated_bytes{CLASS} 6144\n")), "{ours}");
    drop(kept);
}
