//! What the service answers to.
//!
//! | request                      | answer                             |
//! |------------------------------|------------------------------------|
//! | `GET /page/{number}/{bytes}` | the page of this number, that long |
//! | `GET /state`                 | a [`State`] as JSON                |
//!
//! Does not know: where it listens, when it ends.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{self, Path};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use crate::cache::{Amount, Cache};

/// No page is larger.
const MOST_PAGE_BYTES: usize = 1 << 20;

/// One process of the service.
#[derive(Debug, Clone)]
pub struct Service {
    /// What it remembers.
    pub cache: Arc<Cache>,
    /// 1 for the first process, and one more for each that took over.
    pub generation: u32,
}

/// What a process says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The process.
    pub process: u32,
    /// Which one it is.
    pub generation: u32,
    /// What its cache has.
    pub amount: Amount,
}

/// The routes over one process's memory.
pub fn router(service: Service) -> Router {
    Router::new().route("/page/{number}/{bytes}", get(page)).route("/state", get(state)).with_state(service)
}

async fn page(
    Path((number, bytes)): Path<(u64, usize)>,
    extract::State(service): extract::State<Service>,
) -> impl IntoResponse {
    if bytes > MOST_PAGE_BYTES {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    service.cache.visit(number);
    let page = service.cache.page(number, bytes);
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], Bytes::from_owner(page)))
}

async fn state(extract::State(service): extract::State<Service>) -> impl IntoResponse {
    let state =
        State { process: std::process::id(), generation: service.generation, amount: service.cache.amount() };
    let json = serde_json::to_string(&state).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR);
    json.map(|json| ([(header::CONTENT_TYPE, "application/json")], json))
}
