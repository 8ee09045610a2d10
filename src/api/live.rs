//! What is in force and in progress.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::dto;
use super::problem::Problem;
use crate::model::Observed;
use crate::reconcile::Handle;

/// Lines of history per answer.
const MAX_HISTORY_LINES: usize = 1000;

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(handle): State<Handle>) -> Result<&'static str, Problem> {
    if handle.standing().is_ready() {
        return Ok("ready\n");
    }
    let words = "nothing is in force yet: see /api/v1/status";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", words))
}

pub(super) async fn status(State(handle): State<Handle>) -> Result<Json<Value>, Problem> {
    let observed = observe(handle.clone()).await?;
    Ok(Json(dto::status(&handle.standing(), &observed)))
}

pub(super) async fn calls(State(handle): State<Handle>) -> Result<Json<Value>, Problem> {
    let observed = observe(handle).await?;
    Ok(Json(json!({"activeCalls": observed.active_calls, "calls": observed.calls})))
}

/// The engine's own word, as it is; what `plan` tells the impact from.
pub(super) async fn observed(State(handle): State<Handle>) -> Result<Json<Observed>, Problem> {
    Ok(Json(observe(handle).await?))
}

/// The live resources as stored; what `plan` compares with.
pub(super) async fn resources(State(handle): State<Handle>) -> Result<Json<Value>, Problem> {
    let standing = handle.standing();
    blocking(move || {
        let applied = standing.applied.as_ref();
        let resources: Vec<_> = applied
            .iter()
            .flat_map(|applied| applied.resources.iter())
            .map(|(_, resource)| resource.as_ref())
            .collect();
        Json(json!({
            "generation": applied.map(|applied| applied.generation),
            "revision": applied.map(|applied| &applied.revision),
            "resources": resources,
        }))
    })
    .await
}

#[derive(Debug, Deserialize)]
pub(super) struct HistoryQuery {
    limit: Option<usize>,
}

pub(super) async fn history(
    State(handle): State<Handle>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<Value>, Problem> {
    let limit = query.limit.unwrap_or(MAX_HISTORY_LINES).min(MAX_HISTORY_LINES);
    let read = blocking(move || handle.history(limit)).await?;
    let entries = read.map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store", error.to_string())
    })?;
    let lines: Vec<Value> = entries.iter().map(dto::history_entry).collect();
    Ok(Json(json!({"history": lines})))
}

/// The engine's own word; asking it may wait for its thread.
async fn observe(handle: Handle) -> Result<Observed, Problem> {
    let observed = blocking(move || handle.observe()).await?;
    observed
        .map_err(|error| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "engine", error.to_string()))
}

/// Runs what may take long apart from the tasks that answer requests.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        let words = "the request could not be carried out; the log says more";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", words)
    })
}
