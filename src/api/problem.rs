//! Errors as problem documents (RFC 9457).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// A problem document: a status, a stable type, words, and further members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem whose type is `urn:trunkline:problem:<kind>`.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), members: Map::new() }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = self.members;
        document.insert("type".to_owned(), json!(format!("urn:trunkline:problem:{}", self.kind)));
        document.insert("title".to_owned(), json!(self.kind.replace('-', " ")));
        document.insert("status".to_owned(), json!(self.status.as_u16()));
        document.insert("detail".to_owned(), json!(self.detail));
        let body = Value::Object(document).to_string();
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

pub(super) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path")
}

pub(super) async fn method_not_allowed() -> Problem {
    let words = "this path does not take that method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", words)
}
