//! What is left of a document with refused values, so that the rest of it is checked in the same run:
//! what is refused gives way to something that stands for it, and its place is remembered.

use super::decode::typed;
use super::node::{Field, Meaning, Node, Scalar, Value, segments};
use super::schema::{self, Refusal};
use crate::diag::{Diagnostic, Severity, Span};
use crate::model::{Kind, Resource, TYPE_BLOCKS};

/// Values that give way in one document; one with more is only declared.
const MAX_REFUSED: usize = 200;

/// Unknown fields that are taken out of one document; one with more is only declared.
const MAX_UNKNOWN: usize = 200;

/// Further values that give way because the type does not take them.
const MAX_ROUNDS: usize = 8;

/// A document with refused values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// The resource; in the place of what is refused stands something of its type.
    pub resource: Resource,
    /// The JSON pointers of what is refused.
    pub refused: Vec<String>,
}

impl Rest {
    /// Whether a field says what its writer meant: neither it is refused, nor anything that it is in,
    /// nor anything in it.
    pub fn knows(&self, field: &str) -> bool {
        !self.refused.iter().any(|one| is_within(one, field) || is_within(field, one))
    }
}

fn is_within(pointer: &str, other: &str) -> bool {
    pointer.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What is left of a document; `faults` are those of its numbers, which the schema does not know.
pub(super) fn rest(kind: Kind, document: &Node, faults: &[Diagnostic]) -> Option<Rest> {
    let mut mend = Mend { kind, node: document.clone(), refused: Vec::new() };
    let refusals = schema::refusals(kind, document);
    let unknown = refusals.iter().filter(|one| matches!(one, Refusal::Unknown { .. }));
    if unknown.count() > MAX_UNKNOWN {
        return None;
    }
    for refusal in refusals {
        mend.refuse(refusal)?;
    }
    for fault in faults.iter().filter(|one| one.severity() == Severity::Error) {
        let pointer = pointer_of(document, fault.span?);
        mend.refuse(Refusal::Value(pointer))?;
    }
    for _ in 0..MAX_ROUNDS {
        match typed(kind, &mend.node) {
            Ok(resource) => return Some(Rest { resource, refused: mend.refused }),
            Err(fault) => {
                let pointer = pointer_of(&mend.node, fault.span?);
                mend.refuse(Refusal::Value(pointer))?;
            }
        }
    }
    None
}

/// A document while its refused values give way.
struct Mend {
    kind: Kind,
    node: Node,
    refused: Vec<String>,
}

impl Mend {
    /// Lets one refused value give way. `None`: nothing of the document can be read.
    fn refuse(&mut self, refusal: Refusal) -> Option<()> {
        match refusal {
            Refusal::Value(pointer) => self.replace(pointer)?,
            Refusal::Missing { within, name } => {
                let pointer = below(&within, &name);
                let value = schema::stand_in(self.kind, &pointer)?;
                // Of a mapping without anything, nobody knows what else was meant to be there.
                let empty = slot(&mut self.node, &within).is_some_and(
                    |node| matches!(&node.value, Value::Mapping(all) if all.is_empty()),
                );
                if empty {
                    self.refused.push(within.clone());
                }
                // What it is missing from may have given way itself.
                if let Some(node) = slot(&mut self.node, &within)
                    && node.get(&name).is_none()
                    && let Value::Mapping(fields) = &mut node.value
                {
                    let (key_span, value) = (node.span, stand_in_node(&value, node.span));
                    fields.push(Field { key: name.into(), key_span, value });
                }
                self.refused.push(pointer);
            }
            Refusal::Unknown { within, name } => self.unknown(&within, &name),
            Refusal::Foreign(pointer) => self.foreign(pointer),
        }
        (self.refused.len() <= MAX_REFUSED).then_some(())
    }

    fn replace(&mut self, mut pointer: String) -> Option<()> {
        // Whatever has no place of its own in the schema goes with what it is in.
        let value = loop {
            match schema::stand_in(self.kind, &pointer) {
                Some(value) => break value,
                None => pointer.truncate(pointer.rfind('/').filter(|at| *at > 0)?),
            }
        };
        if let Some(node) = slot(&mut self.node, &pointer) {
            *node = stand_in_node(&value, node.span);
        }
        self.refused.push(pointer);
        Some(())
    }

    /// An unknown field may be meant as one that is absent beside it.
    fn unknown(&mut self, within: &str, name: &str) {
        let Some(node) = slot(&mut self.node, within) else { return };
        if let Value::Mapping(fields) = &mut node.value {
            fields.retain(|field| *field.key != *name);
        }
        let known = schema::fields(self.kind, within);
        let absent = schema::absent(node, known.iter().map(String::as_str));
        let meant = schema::meant(name, &absent);
        let may_be = absent.iter().filter(|field| meant.as_ref().is_none_or(|it| it == *field));
        let may_be: Vec<_> = may_be.map(|field| below(within, field)).collect();
        self.refused.extend(may_be);
    }

    /// Of a block of another type of trunk, nobody knows whether it or the type is meant.
    fn foreign(&mut self, pointer: String) {
        let (within, name) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(node) = slot(&mut self.node, within)
            && let Value::Mapping(fields) = &mut node.value
        {
            fields.retain(|field| *field.key != *name);
        }
        if self.kind == Kind::Trunk && TYPE_BLOCKS.iter().any(|(block, _)| *block == name) {
            self.refused.push("/spec/type".to_owned());
        }
        self.refused.push(pointer);
    }
}

/// The JSON pointer of a field below a place.
pub(super) fn below(within: &str, name: &str) -> String {
    format!("{within}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The node that a JSON pointer means.
pub(super) fn slot<'n>(node: &'n mut Node, pointer: &str) -> Option<&'n mut Node> {
    segments(pointer).try_fold(node, |node, segment| match &mut node.value {
        Value::Mapping(fields) => {
            let field = fields.iter_mut().find(|field| *field.key == *segment);
            field.map(|field| &mut field.value)
        }
        Value::Sequence(items) => items.get_mut(segment.parse::<usize>().ok()?),
        Value::Scalar(_) => None,
    })
}

/// The JSON pointer of the innermost value that a place is in.
fn pointer_of(node: &Node, place: Span) -> String {
    let holds = |span: Span| span.start <= place.start && place.end <= span.end;
    let child = match &node.value {
        Value::Mapping(fields) => fields
            .iter()
            .find(|field| holds(field.value.span) || holds(field.key_span))
            .map(|field| (below("", &field.key), &field.value)),
        Value::Sequence(items) => {
            let item = items.iter().enumerate().find(|(_, item)| holds(item.span));
            item.map(|(index, item)| (format!("/{index}"), item))
        }
        Value::Scalar(_) => None,
    };
    child.map_or_else(String::new, |(step, child)| step + &pointer_of(child, place))
}

/// A value of the schema as a node, at the place of what it stands for.
fn stand_in_node(value: &serde_json::Value, span: Span) -> Node {
    use serde_json::Value as Json;
    let scalar = |text: String, meaning| Value::Scalar(Scalar { text: text.into(), meaning });
    let value = match value {
        Json::Null => scalar(String::new(), Meaning::Null),
        Json::Bool(value) => scalar(value.to_string(), Meaning::Bool(*value)),
        Json::Number(number) => {
            let text = number.to_string();
            let meaning = Meaning::of_plain(&text);
            scalar(text, meaning)
        }
        Json::String(text) => scalar(text.clone(), Meaning::Text),
        Json::Array(items) => {
            Value::Sequence(items.iter().map(|item| stand_in_node(item, span)).collect())
        }
        Json::Object(fields) => {
            let field = |(key, value): (&String, &Json)| Field {
                key: key.as_str().into(),
                key_span: span,
                value: stand_in_node(value, span),
            };
            Value::Mapping(fields.iter().map(field).collect())
        }
    };
    Node { span, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::FileId;
    use crate::manifest::decode::decode;
    use crate::manifest::yaml::parse;

    fn rest_of(spec: &str) -> Rest {
        let text = format!(
            "apiVersion: trunkline.dev/v1\nkind: InboundRule\nmetadata: {{name: a, tenant: b}}\nspec:\n{spec}"
        );
        let parsed = parse(FileId(0), &text);
        decode(&parsed.documents[0], &text).rest.unwrap()
    }

    #[test]
    fn what_is_refused_gives_way_and_is_remembered() {
        let rest = rest_of(
            "  trunk: t\n  did: +44\n  usag: call\n  destination: {extension: 1, reject: 99}\n  advanced:\n  - {when: {days: [40]}, number: 1}\n",
        );
        let expected =
            ["/spec/usage", "/spec/destination", "/spec/advanced/0/when/days/0", "/spec/did"];
        let refused: std::collections::BTreeSet<_> =
            rest.refused.iter().map(String::as_str).collect();
        assert!(expected.iter().all(|one| refused.contains(one)), "{refused:?}");
        assert!(rest.knows("/spec/trunk") && rest.knows("/spec/advanced/0/number"));
        assert!(!rest.knows("/spec/destination/extension") && !rest.knows("/spec/advanced"));
    }

    #[test]
    fn of_a_document_with_very_many_unknown_fields_nothing_is_left() {
        for (count, is_left) in [(MAX_UNKNOWN, true), (MAX_UNKNOWN + 1, false), (100_000, false)] {
            let mut text = "apiVersion: trunkline.dev/v1\nkind: Tenant\nmetadata: {name: a}\nspec: {timezone: x}\n".to_owned();
            text.extend((0..count).map(|field| format!("k{field}: 1\n")));
            let parsed = parse(FileId(0), &text);
            let rest = decode(&parsed.documents[0], &text).rest;
            assert_eq!(rest.is_some(), is_left, "{count}");
        }
    }

    #[test]
    fn an_unknown_field_that_is_near_nothing_may_be_any_that_is_absent() {
        let rest = rest_of("  trunk: t\n  did: 44\n  xyzzy: 1\n  destination: {reject: 480}\n");
        assert!(rest.knows("/spec/did") && !rest.knows("/spec/schedule"));
    }
}
