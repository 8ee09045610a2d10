//! A plan for programs: the fields that every JSON output of a plan has.

use serde_json::{Map, Value, json};

use super::{Change, Plan, Summary};
use crate::diag::{SourceMap, Span, render_json as render_diagnostics};
use crate::routing::diff::RouteChange;

/// `changes`, `steps`, `behaviour`, `refusals`, `digest` and `summary`; files are those of `sources`.
pub fn render_json(plan: &Plan, sources: &SourceMap) -> Map<String, Value> {
    let changes: Vec<_> = plan.changes.iter().map(|change| change_json(change, sources)).collect();
    let steps = plan.steps.iter().map(|step| {
        json!({
            "action": step.action.as_str(),
            "resource": step.resource.to_string(),
            "reason": step.reason,
        })
    });
    let behaviour: Vec<_> = plan.behaviour.iter().map(route_json).collect();
    let mut fields = Map::new();
    fields.insert("changes".into(), changes.into());
    fields.insert("steps".into(), steps.collect::<Vec<_>>().into());
    fields.insert("behaviour".into(), behaviour.into());
    fields.insert("refusals".into(), render_diagnostics(&plan.refusals, sources));
    fields.insert("digest".into(), plan.digest.clone().into());
    fields.insert("summary".into(), summary_json(&plan.summary));
    fields
}

/// The counts.
pub fn summary_json(summary: &Summary) -> Value {
    json!({
        "create": summary.create,
        "change": summary.change,
        "replace": summary.replace,
        "delete": summary.delete,
        "refusals": summary.refusals,
    })
}

fn change_json(change: &Change, sources: &SourceMap) -> Value {
    let fields: Vec<_> = change
        .fields
        .iter()
        .map(|field| {
            let (file, line) = place(field.span, sources);
            json!({"path": field.path, "old": field.old, "new": field.new, "file": file, "line": line})
        })
        .collect();
    let (file, line) = place(change.span, sources);
    json!({
        "action": change.action.as_str(),
        "resource": change.resource.to_string(),
        "file": file,
        "line": line,
        "fields": fields,
        "reason": change.reason,
        "impact": change.impact,
    })
}

fn place(span: Option<Span>, sources: &SourceMap) -> (Option<&str>, Option<u32>) {
    (span.map(|span| sources.path(span.file)), span.map(|span| sources.start(span).line))
}

fn route_json(change: &RouteChange) -> Value {
    json!({
        "direction": change.direction.as_str(),
        "tenant": change.tenant,
        "trunk": change.trunk,
        "from": change.from,
        "to": change.to,
        "before": change.before,
        "after": change.after,
        "witness": change.witness,
    })
}
