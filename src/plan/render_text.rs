//! A plan for a person at a terminal: changes, behaviour, impact, refusals, summary, digest.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::AnsiColor;
use serde_json::Value;

use super::{Action, Change, FieldChange, Plan};
use crate::diag::{HIDDEN, SourceMap, render_text as render_diagnostics, visible};
use crate::routing::diff::{RouteChange, count};

/// Lines of behaviour that are printed; the JSON has all.
const MAX_ROUTES: usize = 200;
/// Characters of one value that are printed.
const MAX_VALUE: usize = 120;

/// The plan as text, coloured or not.
pub fn render_text(plan: &Plan, sources: &SourceMap, colored: bool) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        push_change(&mut text, change, sources, colored);
    }
    push_behaviour(&mut text, plan, colored);
    push_impact(&mut text, plan, colored);
    if plan.is_refused() {
        push_title(&mut text, "Refused", colored);
        text.push_str(&render_diagnostics(&plan.refusals, sources, colored));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    writeln!(text, "{}", summary_line(plan)).ok();
    writeln!(text, "digest {}", plan.digest).ok();
    text
}

/// The counts in one line.
pub fn summary_line(plan: &Plan) -> String {
    let summary = &plan.summary;
    let counts = [
        (summary.create, "to create"),
        (summary.change, "to change"),
        (summary.replace, "to replace"),
        (summary.delete, "to delete"),
        (summary.refusals, "refused"),
    ];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let mut parts: Vec<_> = told.map(|(count, words)| format!("{count} {words}")).collect();
    if parts.is_empty() {
        return "No changes.".to_owned();
    }
    let routes = count(&plan.behaviour);
    match routes.get("inbound") {
        Some(1) => parts.push("1 number changes its route".to_owned()),
        Some(numbers) => parts.push(format!("{numbers} numbers change their route")),
        None => {}
    }
    match routes.get("outbound") {
        Some(1) => parts.push("1 dialled prefix changes its route".to_owned()),
        Some(prefixes) => parts.push(format!("{prefixes} dialled prefixes change their route")),
        None => {}
    }
    format!("Plan: {}.", parts.join(", "))
}

/// A value on one line; text without quotes.
pub(super) fn value_text(value: Option<&Value>) -> String {
    let text = match value {
        None => return "(none)".to_owned(),
        Some(Value::String(text)) => harmless(text),
        Some(value) => value.to_string(),
    };
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A text of a manifest as a terminal may get it: it steers nothing and breaks no line.
pub(super) fn harmless(text: &str) -> String {
    visible(text).into_owned()
}

fn push_title(text: &mut String, title: &str, colored: bool) {
    if !text.is_empty() {
        text.push('\n');
    }
    let bold = anstyle::Style::new().bold();
    if colored {
        writeln!(text, "{bold}{title}{bold:#}").ok();
    } else {
        writeln!(text, "{title}").ok();
    }
}

fn push_change(text: &mut String, change: &Change, sources: &SourceMap, colored: bool) {
    let color = match change.action {
        Action::Create => AnsiColor::Green,
        Action::Change => AnsiColor::Yellow,
        Action::Replace | Action::Delete => AnsiColor::Red,
    };
    let head =
        format!("{:>3} {:<7} {}", change.action.sign(), change.action.as_str(), change.resource);
    let place = change.span.map(|span| format!("  {}", sources.file_line(span)));
    let place = place.unwrap_or_default();
    if colored {
        let style = color.on_default();
        writeln!(text, "{style}{head}{style:#}{place}").ok();
    } else {
        writeln!(text, "{head}{place}").ok();
    }
    if let Some(reason) = &change.reason {
        writeln!(text, "        because {reason}").ok();
    }
    for field in &change.fields {
        push_field(text, field, sources);
    }
}

fn push_field(text: &mut String, field: &FieldChange, sources: &SourceMap) {
    let (old, new) = (value_text(field.old.as_ref()), value_text(field.new.as_ref()));
    let place = field.span.map(|span| format!("  {}", sources.file_line(span)));
    let place = place.unwrap_or_default();
    let hidden =
        [&field.old, &field.new].iter().any(|one| one.as_ref().is_some_and(|it| it == HIDDEN));
    if hidden {
        writeln!(text, "        {}: (changed){place}", field.path).ok();
    } else {
        writeln!(text, "        {}: {old} → {new}{place}", field.path).ok();
    }
}

fn push_behaviour(text: &mut String, plan: &Plan, colored: bool) {
    if plan.behaviour.is_empty() {
        return;
    }
    push_title(text, "Behaviour: which numbers change their route", colored);
    for change in plan.behaviour.iter().take(MAX_ROUTES) {
        push_route(text, change);
    }
    let more = plan.behaviour.len().saturating_sub(MAX_ROUTES);
    if more > 0 {
        writeln!(text, "  and {more} more stretches; `-o json` has all").ok();
    }
}

fn push_route(text: &mut String, change: &RouteChange) {
    let numbers = numbers_text(change);
    let from = match (&change.trunk, &change.tenant) {
        (Some(trunk), Some(tenant)) => format!("from {trunk} to {tenant}"),
        (Some(trunk), None) => format!("from {trunk}"),
        (None, Some(tenant)) => format!("dialled by {tenant}"),
        (None, None) => String::new(),
    };
    writeln!(text, "  {:<8} {numbers} {from}", change.direction.as_str()).ok();
    writeln!(text, "           {} → {}", change.before, change.after).ok();
}

/// `100`, `100-199` or `00*`.
pub(super) fn numbers_text(change: &RouteChange) -> String {
    if change.from == change.to {
        return change.from.clone();
    }
    format!("{}-{}", change.from, change.to)
}

fn push_impact(text: &mut String, plan: &Plan, colored: bool) {
    let impacts: BTreeSet<_> = plan
        .changes
        .iter()
        .filter_map(|change| Some((change.resource.to_string(), change.impact.as_ref()?)))
        .collect();
    if impacts.is_empty() {
        return;
    }
    push_title(text, "Impact on calls in progress", colored);
    for (resource, impact) in impacts {
        writeln!(text, "  {resource}: {impact}").ok();
    }
}
