//! Why a request gets no answer: a status, and a line that says what to do.
//!
//! Does not know: what was asked for.

use std::fmt::Write;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// An answer that is none: JSON for those who accept it, else a line of text.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    why: String,
    as_json: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, why: impl Into<String>, as_json: bool) -> Self {
        Self { status, why: why.into(), as_json }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (kind, body) = if self.as_json {
            ("application/json", format!("{{\"error\":\"{}\"}}\n", escaped(&self.why)))
        } else {
            ("text/plain; charset=utf-8", format!("{}\n", self.why))
        };
        (self.status, [(header::CONTENT_TYPE, kind), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], body)
            .into_response()
    }
}

/// A text that may stand between the quotation marks of JSON.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => _ = write!(out, "\\u{:04x}", u32::from(control)),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_in_a_line_is_still_json() {
        let why = "seconds=\"\\\u{1}\u{e9}";
        let json: serde_json::Value = serde_json::from_str(&format!("\"{}\"", escaped(why))).unwrap();
        assert_eq!(json, why);
    }
}
