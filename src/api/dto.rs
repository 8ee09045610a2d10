//! What goes over the wire: shapes of requests and answers, apart from what others own.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::time::rfc3339;
use crate::diag::{Code, Diagnostic, render_json};
use crate::model::{Condition, Observed, ObservedWaiting};
use crate::port::{HistoryEntry, Outcome};
use crate::reconcile::{ConditionLine, Standing};

/// Manifests to plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PlanRequest {
    files: Vec<PlanFile>,
}

/// One manifest file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlanFile {
    /// Relative to the root, `/` separators.
    path: String,
    /// The text.
    content: String,
}

impl PlanRequest {
    /// The files as path and text.
    pub(super) fn into_files(self) -> Vec<(String, String)> {
        self.files.into_iter().map(|file| (file.path, file.content)).collect()
    }
}

/// Diagnostics in a status; `problemCount` says how many there are.
const MAX_DIAGNOSTICS: usize = 100;

/// Other places of one diagnostic in a status.
const MAX_PLACES: usize = 100;

/// Everything that `status` shows.
pub(super) fn status(standing: &Standing, observed: &Observed) -> Value {
    let applied = standing.applied.as_ref();
    let revision = applied.map(|applied| &applied.revision);
    // Applied is not converged.
    let transports = &observed.transports;
    // A listener may be unable to bind, a trunk may wait for its password.
    let all_ready = observed.waiting.is_empty()
        && transports.iter().all(|transport| transport.condition == Condition::Ready);
    let problems = standing.problems.as_ref();
    json!({
        "source": standing.source,
        "revision": {
            "source": standing.seen,
            "wanted": standing.wanted,
            "applied": revision,
            "converged": revision.filter(|_| all_ready),
        },
        "generation": applied.map(|applied| applied.generation),
        "resources": applied.map_or(0, |applied| applied.resources.len()),
        "ready": standing.is_ready(),
        "condition": overall(standing, all_ready),
        "conditions": standing.conditions().map(condition),
        "problemCount": problems.map_or(0, |problems| problems.diagnostics.len()),
        "diagnostics": problems.map_or_else(|| json!([]), |problems| {
            render_json(&first(&problems.diagnostics), &problems.sources)
        }),
        "transports": transports,
        "trunks": observed.trunks,
        "waiting": observed.waiting.iter().map(waiting).collect::<Vec<_>>(),
        "bindings": observed.bindings,
        "activeBindings": observed.active_bindings,
        "activeCalls": observed.active_calls,
        "calls": observed.calls,
        "refusals": observed.refusals,
        "endings": observed.endings,
        "strangers": observed.strangers,
    })
}

/// The first problems, each with its first places.
fn first(all: &[Diagnostic]) -> Vec<Diagnostic> {
    let first = all.iter().take(MAX_DIAGNOSTICS).cloned();
    let cut = first.map(|mut one| {
        one.related.truncate(MAX_PLACES);
        one
    });
    cut.collect()
}

fn overall(standing: &Standing, all_ready: bool) -> Condition {
    if standing.is_stalled() || !all_ready {
        Condition::Stalled
    } else if standing.busy || !standing.is_ready() {
        Condition::Reconciling
    } else {
        Condition::Ready
    }
}

fn condition(line: &ConditionLine) -> Value {
    let status = match line.holds {
        None => "Unknown",
        Some(true) => "True",
        Some(false) => "False",
    };
    json!({
        "type": line.name,
        "status": status,
        "reason": line.reason,
        "message": line.message,
        "since": rfc3339(line.since_unix_ms),
    })
}

/// One condition for each resource that waits for a secret.
fn waiting(one: &ObservedWaiting) -> Value {
    json!({
        "resource": one.resource,
        "condition": Condition::Stalled,
        "code": Code::TL703.as_str(),
        "message": one.message,
    })
}

/// One line of the history.
pub(super) fn history_entry(entry: &HistoryEntry) -> Value {
    let (outcome, detail) = match &entry.outcome {
        Outcome::Applied => ("applied", None),
        Outcome::Interrupted => ("interrupted", None),
        Outcome::Failed(why) => ("failed", Some(why)),
    };
    json!({
        "generation": entry.generation,
        "revision": entry.revision,
        "summary": entry.summary,
        "began": rfc3339(entry.began_unix_ms),
        "outcome": outcome,
        "detail": detail,
    })
}
