//! An order service: axum, serde_json, a `DashMap` of orders and a moka cache. Its memory is the question.
//!
//! | file    | what                                     |
//! |---------|------------------------------------------|
//! | `order` | an order, and samples of it              |
//! | `shop`  | all orders, and answers that are ready   |
//! | here    | routes, and the runtime                  |
//!
//! Does not know: which allocator serves it.

pub mod order;
pub mod shop;

use std::io;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use order::Order;
use shop::Shop;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Workers of the runtime: as on a container with two processors.
pub const WORKERS: usize = 2;

/// The routes.
pub fn router(shop: Arc<Shop>) -> Router {
    Router::new()
        .route("/orders/{id}", post(add).get(answer))
        .route("/count", get(count))
        .route("/clear", post(clear))
        .with_state(shop)
}

async fn add(State(shop): State<Arc<Shop>>, Path(id): Path<u64>, Json(order): Json<Order>) -> String {
    shop.add(id, order).to_string()
}

async fn answer(State(shop): State<Arc<Shop>>, Path(id): Path<u64>) -> Response {
    match shop.answer(id) {
        Some(answer) => ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn count(State(shop): State<Arc<Shop>>) -> String {
    shop.count().to_string()
}

async fn clear(State(shop): State<Arc<Shop>>) {
    shop.clear();
}

/// Serves on a listener, on this thread and [`WORKERS`] others, until `end` is sent or dropped.
///
/// # Errors
/// If the system refuses a thread or the listener.
pub fn serve(listener: std::net::TcpListener, shop: Arc<Shop>, end: oneshot::Receiver<()>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let ended = async {
        let _ = end.await;
    };
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        axum::serve(listener, router(shop)).with_graceful_shutdown(ended).await
    })
}
