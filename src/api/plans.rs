//! Plans: made from posted manifests, approved by digest.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::dto::PlanRequest;
use super::live::blocking;
use super::problem::Problem;
use crate::diag::render_json;
use crate::reconcile::state::Verdict;
use crate::reconcile::{ApproveError, Handle, Weighed};

/// The largest body of manifests, in bytes.
pub const MAX_PLAN_BYTES: usize = 256 * 1024 * 1024;

/// A body of manifests that takes longer than this is given up.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// The place among those who plan is taken before the body is read: bodies are large.
pub(super) async fn create(
    State(handle): State<Handle>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let _place = handle.planning().await;
    let body = timeout(BODY_TIMEOUT, Json::<PlanRequest>::from_request(request, &())).await;
    let body = body.map_err(|_| {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", "the body did not come in time")
    })?;
    let Json(request) =
        body.map_err(|error| Problem::new(error.status(), "bad-request", error.body_text()))?;
    let files = request.into_files();
    let weighed = blocking(move || handle.submit(files)).await?;
    let weighed = weighed.map_err(|path| {
        let words = format!("the file `{path}` stands twice");
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", words)
    })?;
    answer(&weighed)
}

fn answer(weighed: &Weighed) -> Result<(StatusCode, Json<Value>), Problem> {
    let diagnostics = render_json(&weighed.diagnostics, &weighed.sources);
    let Some(plan) = &weighed.plan else {
        let (kind, words) = match weighed.verdict {
            Verdict::Refused => ("refused", "a deletion is refused: what it deletes is in use"),
            Verdict::Invalid | Verdict::Same | Verdict::Change => {
                ("invalid", "the manifests have errors")
            }
        };
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, words)
            .with("diagnostics", diagnostics));
    };
    let summary = plan.summary;
    let answer = json!({
        "revision": weighed.revision,
        "digest": plan.digest,
        "changes": plan.changes.len(),
        "diagnostics": diagnostics,
        "refused": plan.is_refused(),
        "summary": {
            "create": summary.create,
            "change": summary.change,
            "replace": summary.replace,
            "delete": summary.delete,
            "refusals": summary.refusals,
        },
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn approve(
    State(handle): State<Handle>,
    Path(digest): Path<String>,
) -> Result<Json<Value>, Problem> {
    let approved = handle.approve(&digest).await.map_err(problem)?;
    Ok(Json(json!({
        "generation": approved.generation,
        "revision": approved.revision,
        "changes": approved.changes,
    })))
}

fn problem(error: ApproveError) -> Problem {
    let words = error.to_string();
    match error {
        ApproveError::Unknown(_) => Problem::new(StatusCode::NOT_FOUND, "unknown-plan", words),
        ApproveError::Stale { found, .. } => {
            Problem::new(StatusCode::CONFLICT, "stale", words).with("digest", json!(found))
        }
        ApproveError::Refused(_) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", words)
        }
        ApproveError::Busy => Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", words),
        ApproveError::Failed(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", words),
        ApproveError::Stopped => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopped", words),
    }
}
