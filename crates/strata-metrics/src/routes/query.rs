//! What a request asks for beside its path.
//!
//! Does not know: how it is answered.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

use super::refusal::Refusal;

/// The longest time that a request may ask for.
pub(super) const MOST_SECONDS: u64 = 600;

/// Parameters, and whether the one who asks wants JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    parameters: HashMap<String, String>,
    accepts_json: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let Query(parameters) = Query::try_from_uri(&parts.uri).unwrap_or_default();
        let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        Ok(Self {
            parameters,
            accepts_json: accept.is_some_and(|accept| accept.contains("application/json")),
        })
    }
}

impl Request {
    /// Whether the answer is to be JSON: by `?format=`, or else by the header `Accept`.
    pub(super) fn wants_json(&self) -> Result<bool, Refusal> {
        match self.parameters.get("format").map(String::as_str) {
            None => Ok(self.accepts_json),
            Some("json") => Ok(true),
            Some("text") => Ok(false),
            Some(other) => {
                let why = format!("format={other} is not known: give format=json or format=text");
                Err(self.refuse(StatusCode::BAD_REQUEST, why))
            }
        }
    }

    /// How long to record: `?seconds=N`. `None`: what was recorded since the start.
    pub(super) fn seconds(&self) -> Result<Option<Duration>, Refusal> {
        let Some(text) = self.parameters.get("seconds") else { return Ok(None) };
        match text.parse() {
            Ok(seconds @ 1..=MOST_SECONDS) => Ok(Some(Duration::from_secs(seconds))),
            _ => {
                let why = format!("seconds={text} is out of range: give 1 to {MOST_SECONDS}");
                Err(self.refuse(StatusCode::BAD_REQUEST, why))
            }
        }
    }

    /// An answer that says why there is none.
    pub(super) fn refuse(&self, status: StatusCode, why: impl Into<String>) -> Refusal {
        Refusal::new(status, why, self.accepts_json)
    }

    pub(super) fn refuse_as_not_global(&self) -> Refusal {
        self.refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "Strata is not this program's allocator: name stratalloc::Strata as its #[global_allocator]",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(uri: &str, accept: &str) -> Request {
        let request = axum::http::Request::builder().uri(uri).header(header::ACCEPT, accept);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let Ok(request) = Request::from_request_parts(&mut parts, &()).await;
        request
    }

    #[tokio::test]
    async fn the_parameter_outdoes_the_header() {
        assert!(of("/x", "text/html, application/json;q=0.9").await.wants_json().unwrap());
        assert!(!of("/x?format=text", "application/json").await.wants_json().unwrap());
        assert!(of("/x?format=json", "*/*").await.wants_json().unwrap());
        assert!(!of("/x", "*/*").await.wants_json().unwrap());
        assert!(of("/x?format=xml", "*/*").await.wants_json().is_err());
    }

    #[tokio::test]
    async fn seconds_are_within_their_range_or_refused() {
        assert_eq!(of("/x?gc=1", "*/*").await.seconds().unwrap(), None);
        assert_eq!(of("/x?seconds=14", "*/*").await.seconds().unwrap(), Some(Duration::from_secs(14)));
        for wrong in ["0", "601", "-1", "1.5", "", "ten", "99999999999999999999"] {
            assert!(of(&format!("/x?seconds={wrong}"), "*/*").await.seconds().is_err(), "{wrong}");
        }
    }
}
