//! A service that has the routes nested beside its own, as a service would.

#![allow(dead_code, reason = "each test uses some of it")]

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;

/// Starts the service on a thread of its own; where it listens.
pub(crate) fn serve() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            let operators = Router::new().nest("/operators", strata_metrics::debug_routes());
            let service = Router::new().route("/", get(async || "a service"));
            axum::serve(listener, service.merge(strata_metrics::routes()).merge(operators)).await
        })
    });
    address
}

/// An answer: status, headers, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// Asks for a path, with headers.
pub(crate) fn ask(address: SocketAddr, path: &str, headers: &[(&str, &str)], timeout: Duration) -> Answer {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(timeout)).build();
    let request = config.new_agent().get(format!("http://{address}{path}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let mut response = request.call().expect("an answer");
    let body = response.body_mut().with_config().limit(64 << 20).read_to_vec().expect("a body");
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
}
