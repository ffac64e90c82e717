//! The book's page on metrics says what the source says.

use strata_metrics::{ALERTS, METRICS, MetricKind};

const PAGE: &str = include_str!("../../../docs/metrics.md");

/// The cells of the table whose first cell is a metric, in backquotes.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `strata_"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn the_page_has_a_row_for_each_metric_in_the_order_of_the_list() {
    let expected: Vec<_> = METRICS
        .iter()
        .map(|metric| {
            let kind = if metric.kind() == MetricKind::Gauge { "gauge" } else { "counter" };
            (format!("`{}{}`", metric.name(), metric.suffix()), kind)
        })
        .collect();
    let rows = rows();
    let told: Vec<_> = rows.iter().map(|row| (row[0].to_owned(), row[1])).collect();
    assert_eq!(told, expected);
    assert!(rows.iter().all(|row| row.len() == 3 && row[2].len() > 20), "each says what it means");
}

#[test]
fn the_page_explains_each_alert() {
    let alerts: Vec<_> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty());
    for alert in alerts {
        assert!(PAGE.contains(&format!("`{alert}`")), "{alert} is not on the page");
    }
}
