//! The answer to a scrape, for any web framework.
//!
//! Does not know: HTTP, beyond what two of its headers say.

use stratalloc::{Dialect, Strata};

/// What a scraper gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// For the header `Content-Type`.
    pub content_type: &'static str,
    /// The text.
    pub body: String,
}

/// All metrics at this moment, in the dialect that the header `Accept` of a scraper asks for; an empty one is answered as
/// Prometheus's classic text.
///
/// ```
/// # #[global_allocator]
/// # static GLOBAL: stratalloc::Strata = stratalloc::Strata;
/// let scrape = strata_metrics::scrape("application/openmetrics-text; version=1.0.0");
/// assert!(scrape.body.contains("\nstrata_allocated_bytes ") && scrape.body.ends_with("# EOF\n"));
/// ```
pub fn scrape(accept: &str) -> Scrape {
    let dialect = Dialect::of_accept(accept);
    let mut body = String::with_capacity(16 << 10);
    let _infallible = Strata::stats().write_metrics(dialect, &mut body);
    Scrape { content_type: dialect.content_type(), body }
}
