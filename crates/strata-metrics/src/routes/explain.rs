//! `/debug/strata/explain`: why the process is as big as it is.
//!
//! Does not know: how that is found out.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use stratalloc::{Explanation, Strata};

use super::query::Request;
use super::refusal::Refusal;

/// The page of `strata explain`, or its JSON.
pub(super) async fn explain(request: Request) -> Result<Response, Refusal> {
    let as_json = request.wants_json()?;
    if !Strata::is_global() {
        return Err(request.refuse_as_not_global());
    }
    // The kernel walks page tables meanwhile: some 50 ms for a GiB in small pages.
    let text = tokio::task::spawn_blocking(move || stratalloc::explain().map(|it| written(&it, as_json)));
    let (kind, text) = text.await.ok().flatten().ok_or_else(|| {
        request.refuse(
            StatusCode::NOT_IMPLEMENTED,
            "the kernel does not say what is in memory: /proc/self is not there, or may not be read",
        )
    })?;
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

fn written(explanation: &Explanation, as_json: bool) -> (&'static str, String) {
    if !as_json {
        return ("text/plain; charset=utf-8", format!("{explanation}\n"));
    }
    let mut text = String::new();
    let _infallible = explanation.write_json(&mut text);
    text.push('\n');
    ("application/json", text)
}
