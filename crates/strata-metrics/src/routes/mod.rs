//! Routes for a router of axum. They tell what a program does with its memory, so keep them from the public.
//!
//! | route                                    | answer                                                          |
//! |------------------------------------------|-----------------------------------------------------------------|
//! | `GET /metrics`                           | all metrics, in the dialect that the scraper accepts            |
//! | `GET /debug/strata/explain`              | why the process is this big: text, or JSON (`?format=json`)     |
//! | `GET /debug/pprof/heap`                  | what lives, by stack: gzipped pprof                             |
//! | `GET /debug/pprof/allocs`                | the same profile, which shows first what was allocated          |
//! | both with `?seconds=N`                   | what changed within the next N seconds                          |
//!
//! | file      | what                                                |
//! |-----------|-----------------------------------------------------|
//! | `explain` | the waterfall and its causes                        |
//! | `profile` | heap profiles                                       |
//! | `query`   | what a request asks for                             |
//! | `refusal` | why it does not get it, as text or JSON             |
//!
//! Parameters that are not known are ignored, as Go's `net/http/pprof` does: scrapers send `gc=1`.
//!
//! Does not know: where it is served.

mod explain;
mod profile;
mod query;
mod refusal;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use stratalloc::Strata;

use query::Request;
use refusal::Refusal;

/// All routes: [`metrics_route`] and [`debug_routes`].
///
/// ```no_run
/// # async fn serve() -> std::io::Result<()> {
/// // On an address of its own, which the public does not reach.
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9090").await?;
/// axum::serve(listener, strata_metrics::routes()).await
/// # }
/// ```
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    metrics_route().merge(debug_routes())
}

/// `/metrics` alone. A service that has such a route already gets the same metrics into it by one of the crate's other features.
pub fn metrics_route<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/metrics", get(metrics))
}

/// The routes below `/debug`.
pub fn debug_routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/debug/strata/explain", get(explain::explain))
        .route("/debug/pprof/heap", get(profile::heap))
        .route("/debug/pprof/allocs", get(profile::allocs))
}

async fn metrics(headers: HeaderMap, request: Request) -> Result<Response, Refusal> {
    if !Strata::is_global() {
        return Err(request.refuse_as_not_global());
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scrape = crate::scrape(accept);
    Ok(([(header::CONTENT_TYPE, scrape.content_type)], scrape.body).into_response())
}
