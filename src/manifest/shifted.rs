//! Lines that stand further right than the document they belong to, or as far left as the key of their
//! block and even above it. They are told once and taken there, before anything else is sought a place for.

use std::collections::BTreeSet;

use super::misplaced::{belongs_further_out, is_empty, not_indented, of};
use super::node::{Field, Node, Value};
use super::salvage::{below, slot};
use super::schema;
use crate::diag::{Code, Diagnostic};
use crate::model::Kind;

/// Mappings of one document that are looked into.
const MAX_LOOKED: usize = 1000;

/// Fields of a mapping that is looked into.
const MAX_FIELDS: usize = 200;

/// Blocks of one document that get their lines back.
const MAX_BLOCKS: usize = 20;

/// What was told of a document, and the places of the blocks that have got back their lines.
#[derive(Debug, Default)]
pub(super) struct Shifted {
    pub told: Vec<Diagnostic>,
    pub blocks: BTreeSet<String>,
}

/// Whether such lines stand where any name may, so that none of them is told as strange.
pub(super) fn is_unseen(document: &Node) -> bool {
    let scopes = document.pointer("/spec/scopes").map(|scopes| &scopes.value);
    let is_split =
        matches!(scopes, Some(Value::Mapping(scopes)) if scopes.windows(2).any(is_split));
    is_split
        || has_spec_in_scopes(document)
        || document.get("spec").is_none() && labelled_spec(document).is_some()
}

/// Takes such lines to where they belong.
pub(super) fn mend(kind: Kind, document: &mut Node) -> Shifted {
    let mut shifted = Shifted::default();
    shifted.told.extend(lift_spec(kind, document));
    if kind == Kind::Policy {
        shifted.told.extend(lift_of_scopes(document));
        shifted.told.extend(indent_scopes(document));
    }
    let mut open = vec![String::new()];
    for _ in 0..MAX_LOOKED {
        let Some(place) = open.pop() else { break };
        let Some(node) = slot(document, &place) else { continue };
        match &mut node.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => {
                open.extend((0..items.len()).map(|index| format!("{place}/{index}")));
            }
            Value::Mapping(fields) => {
                if fields.len() <= MAX_FIELDS {
                    gather(kind, &place, fields, &mut shifted);
                }
                let inner = fields.iter().filter(|it| !matches!(it.value.value, Value::Scalar(_)));
                open.extend(inner.map(|field| below(&place, &field.key)));
            }
        }
    }
    shifted
}

/// The fields of the mapping at a place.
fn fields_at<'n>(document: &'n mut Node, place: &str) -> Option<&'n mut Vec<Field>> {
    match &mut slot(document, place)?.value {
        Value::Mapping(fields) => Some(fields),
        Value::Scalar(_) | Value::Sequence(_) => None,
    }
}

/// The labels or annotations in which there is a `spec` that is none of them.
fn labelled_spec(document: &Node) -> Option<&'static str> {
    const PLACES: [&str; 2] = ["/metadata/labels", "/metadata/annotations"];
    PLACES.into_iter().find(|place| {
        let label = document.pointer(place).and_then(|labels| labels.get("spec"));
        label.is_some_and(|label| label.text().is_none())
    })
}

/// `spec` behind labels or annotations, which take any name; but their values are texts.
fn lift_spec(kind: Kind, document: &mut Node) -> Option<Diagnostic> {
    if document.get("spec").is_some() {
        return None;
    }
    let within = labelled_spec(document)?;
    let mut spec = document.pointer(within)?.field("spec")?.clone();
    if is_empty(&spec.value) {
        // Its lines stand where they did, below `metadata` now.
        let metadata = fields_at(document, "/metadata")?;
        let is_own = |field: &Field| schema::has(kind, &below("/metadata", &field.key));
        let before = metadata.iter().position(|field| below("/metadata", &field.key) == within)?;
        let first = before.saturating_add(1);
        let lines = metadata.iter().skip(first).take_while(|field| !is_own(field)).count();
        let lines: Vec<Field> = metadata.drain(first..first.saturating_add(lines)).collect();
        spec.value.span.end = of(lines.last()?).end;
        spec.value.value = Value::Mapping(lines);
    }
    fields_at(document, within)?.retain(|label| &*label.key != "spec");
    let told = belongs_further_out(within, &spec, "");
    fields_at(document, "")?.push(spec);
    Some(told)
}

/// Whether of two lines of scopes the second belongs to the first.
fn is_split(lines: &[Field]) -> bool {
    let [glob, line] = lines else { return false };
    is_empty(&glob.value) && &*line.key == "tenant" && line.value.text().is_some()
}

/// Whether a line of scopes is a field of `spec` that stands too far right: its name is one, and its value
/// is no scope.
fn is_of_spec(spec: &Node, line: &Field) -> bool {
    let is_scope = line.value.text() == Some("system") || line.value.get("tenant").is_some();
    !is_scope
        && spec.get(&line.key).is_none()
        && schema::has(Kind::Policy, &below("/spec", &line.key))
}

fn has_spec_in_scopes(document: &Node) -> bool {
    let Some(spec) = document.get("spec") else { return false };
    let scopes = spec.get("scopes").map(|scopes| &scopes.value);
    matches!(scopes, Some(Value::Mapping(all)) if all.iter().any(|line| is_of_spec(spec, line)))
}

/// Takes fields of `spec` out of the scopes above them, which take any name.
fn lift_of_scopes(document: &mut Node) -> Vec<Diagnostic> {
    let mut told = Vec::new();
    for _ in 0..MAX_BLOCKS {
        let Some(spec) = document.get("spec") else { break };
        let Some(Value::Mapping(all)) = spec.get("scopes").map(|scopes| &scopes.value) else {
            break;
        };
        let Some(at) = all.iter().position(|line| is_of_spec(spec, line)) else { break };
        let Some(scopes) = fields_at(document, "/spec/scopes") else { break };
        let mut field = scopes.remove(at);
        if is_empty(&field.value) {
            // Its lines were shifted with it, or less far.
            let inner = schema::fields(Kind::Policy, &below("/spec", &field.key));
            let is_its = |line: &&Field| inner.iter().any(|name| **name == *line.key);
            let count = scopes.iter().skip(at).take_while(is_its).count();
            let lines: Vec<Field> = scopes.drain(at..at.saturating_add(count)).collect();
            if let Some(last) = lines.last() {
                field.value.span.end = of(last).end;
                field.value.value = Value::Mapping(lines);
            }
        }
        if told.is_empty() {
            told.push(belongs_further_out("/spec/scopes", &field, "/spec"));
        }
        let Some(spec) = fields_at(document, "/spec") else { break };
        spec.push(field);
    }
    told
}

/// `tenant:` as far left as the glob that it says something of: the globs may be any names, but no glob
/// is without a value.
fn indent_scopes(document: &mut Node) -> Vec<Diagnostic> {
    let Some(scopes) = fields_at(document, "/spec/scopes") else { return Vec::new() };
    let mut told = Vec::new();
    let mut at = 0;
    while at + 1 < scopes.len() {
        let is_split = scopes.get(at..at + 2).is_some_and(is_split);
        at += 1;
        if !is_split {
            continue;
        }
        let line = scopes.remove(at);
        if let Some(glob) = scopes.get_mut(at - 1) {
            told.push(not_indented(&glob.key, &line, line.key_span));
            glob.value.span.end = of(&line).end;
            glob.value.value = Value::Mapping(vec![line]);
        }
    }
    told
}

/// Takes the lines directly above a key without a value below it, where they may stand nowhere else in
/// their mapping.
fn gather(kind: Kind, place: &str, fields: &mut Vec<Field>, shifted: &mut Shifted) {
    let mut at = 0;
    while let Some(owner) = fields.get(at) {
        let target = below(place, &owner.key);
        at += 1;
        if !is_empty(&owner.value) || shifted.told.len() >= MAX_BLOCKS {
            continue;
        }
        let inner = schema::fields(kind, &target);
        let is_its = |line: &Field| {
            inner.iter().any(|name| **name == *line.key)
                && !schema::has(kind, &below(place, &line.key))
        };
        let before = fields.get(..at - 1).unwrap_or_default();
        let count = before.iter().rev().take_while(|line| is_its(line)).count();
        if count == 0 {
            continue;
        }
        let lines: Vec<Field> = fields.drain(at - 1 - count..at - 1).collect();
        at -= count;
        let Some(owner) = fields.get_mut(at - 1) else { continue };
        let (which, those, verb) = match count {
            1 => ("line", "it", "belongs"),
            _ => ("lines", "them", "belong"),
        };
        let key = &owner.key;
        let message = format!("the {which} above `{key}:` {verb} below it");
        let help = format!("write `{key}:` above {those}, and {those} two blanks further right");
        let first = lines.first().map(|line| line.key_span);
        shifted.told.push(Diagnostic::new(Code::TL103, message).at(first).help(help));
        shifted.blocks.insert(target);
        owner.value.value = Value::Mapping(lines);
    }
}
