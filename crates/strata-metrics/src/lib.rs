#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "prometheus-client")]
mod collector;
#[cfg(feature = "tracing")]
mod crossings;
#[cfg(feature = "opentelemetry")]
mod observe;
#[cfg(feature = "metrics")]
mod reporter;
#[cfg(feature = "axum")]
mod routes;
mod scrape;

#[cfg(feature = "prometheus-client")]
pub use collector::Collector;
#[cfg(feature = "tracing")]
pub use crossings::trace_crossings;
#[cfg(feature = "opentelemetry")]
pub use observe::observe;
#[cfg(feature = "metrics")]
pub use reporter::Reporter;
#[cfg(feature = "axum")]
pub use routes::{debug_routes, metrics_route, routes};
pub use scrape::{Scrape, scrape};
pub use strata_inspect::{Label, METRICS, Metric, MetricKind, Sample};
#[cfg(feature = "axum")]
pub use strata_profile::recorder;

/// A dashboard for Grafana, as JSON: to be imported, or put where Grafana is provisioned from.
pub const DASHBOARD: &str = include_str!("../grafana/strata.json");

/// Rules for Prometheus, as YAML: alerts that make sense in most services.
pub const ALERTS: &str = include_str!("../prometheus/alerts.yml");
