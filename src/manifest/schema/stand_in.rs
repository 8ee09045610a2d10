//! By place what a schema refuses, and what may stand there instead.

use jsonschema::error::ValidationErrorKind as Finding;
use serde_json::{Map, Value as Json};

use super::check::{Compiled, compiled};
use super::{secrets, words};
use crate::manifest::node::{Node, segments};
use crate::model::Kind;

/// Findings of one document.
const MAX_FINDINGS: usize = 200;

/// Something that the schema of a kind refuses; places are JSON pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) enum Refusal {
    /// This value.
    Value(String),
    /// A field that does not exist there.
    Unknown { within: String, name: String },
    /// A field that is not there and must be.
    Missing { within: String, name: String },
    /// A field that exists, but not beside what stands there, too.
    Foreign(String),
}

/// Everything that the schema refuses in a document.
pub(in crate::manifest) fn refusals(kind: Kind, document: &Node) -> Vec<Refusal> {
    let Some(Compiled { schema, validator }) = compiled(kind) else { return Vec::new() };
    let mut refused = Vec::new();
    for error in validator.iter_errors(document).take(MAX_FINDINGS) {
        let (pointer, keyword) = (error.instance_path().as_str(), error.schema_path().as_str());
        let place = words::Place { kind, document, schema, pointer, keyword };
        refused.extend(of_finding(&place, error.kind()));
    }
    refused
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is found is about the value")]
fn of_finding(place: &words::Place<'_>, finding: &Finding) -> Vec<Refusal> {
    let within = || place.pointer.to_owned();
    if let Some(pointer) = secrets::field(place) {
        return vec![Refusal::Value(pointer.to_owned())];
    }
    match finding {
        Finding::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| Refusal::Unknown { within: within(), name: name.clone() })
            .collect(),
        Finding::Required { property } => {
            let name = property.as_str().unwrap_or_default().to_owned();
            vec![Refusal::Missing { within: within(), name }]
        }
        Finding::FalseSchema => vec![Refusal::Foreign(within())],
        // Each of the items may be right.
        Finding::MaxItems { .. } => Vec::new(),
        _ => vec![Refusal::Value(within())],
    }
}

/// A value that the type of a field takes; `None` for what is no field.
pub(in crate::manifest) fn stand_in(kind: Kind, pointer: &str) -> Option<Json> {
    let whole = &compiled(kind)?.schema;
    Some(example(whole, at(whole, pointer)?))
}

/// The fields of the mapping at a place.
pub(in crate::manifest) fn fields(kind: Kind, pointer: &str) -> Vec<String> {
    let schema = compiled(kind).map(|one| &one.schema);
    let properties = schema.and_then(|whole| properties(whole, at(whole, pointer)?));
    properties.map(|all| all.keys().cloned().collect()).unwrap_or_default()
}

/// Whether a field may stand at a place.
pub(in crate::manifest) fn has(kind: Kind, pointer: &str) -> bool {
    let no_tenant = kind.is_system_only() && pointer == "/metadata/tenant";
    let schema = compiled(kind).map(|one| &one.schema);
    !no_tenant && schema.and_then(|whole| at(whole, pointer)).is_some()
}

/// The fields that the mapping at a place has to have, whatever stands in it.
pub(in crate::manifest) fn required(kind: Kind, pointer: &str) -> Vec<String> {
    let schema = compiled(kind).map(|one| &one.schema);
    let all = schema.and_then(|whole| {
        let schema = at(whole, pointer)?;
        [schema, target(whole, schema)].into_iter().find_map(|one| one.get("required")?.as_array())
    });
    let names = all.into_iter().flatten().filter_map(Json::as_str);
    names.map(str::to_owned).collect()
}

/// The definition that a schema refers to, or itself.
pub(super) fn target<'s>(whole: &'s Json, schema: &'s Json) -> &'s Json {
    let reference = schema.get("$ref").and_then(Json::as_str);
    let name = reference.and_then(|reference| reference.strip_prefix("#/$defs/"));
    name.and_then(|name| whole.get("$defs")?.get(name)).unwrap_or(schema)
}

/// The fields of a mapping's schema.
pub(super) fn properties<'s>(whole: &'s Json, schema: &'s Json) -> Option<&'s Map<String, Json>> {
    target(whole, schema).get("properties")?.as_object()
}

/// The schema of the value at a place.
fn at<'s>(whole: &'s Json, pointer: &str) -> Option<&'s Json> {
    segments(pointer).try_fold(whole, |schema, segment| {
        if let Some(field) = properties(whole, schema).and_then(|all| all.get(&*segment)) {
            return Some(field);
        }
        let schema = target(whole, schema);
        let is_index = segment.bytes().all(|byte| byte.is_ascii_digit());
        let items = schema.get("items").filter(|_| is_index);
        items.or_else(|| schema.get("additionalProperties").filter(|one| one.is_object()))
    })
}

/// The documented example of a value, else the least that its type takes. Schemas nest a handful of
/// levels and refer to none above them.
fn example(whole: &Json, schema: &Json) -> Json {
    let base = target(whole, schema);
    let first = |schema: &Json, list: &str| schema.get(list).and_then(|all| all.get(0)).cloned();
    let documented = first(schema, "examples").or_else(|| first(base, "examples"));
    let fixed = || base.get("const").cloned().or_else(|| first(base, "enum"));
    if let Some(value) = documented.or_else(fixed) {
        return value;
    }
    let types = base.get("type");
    let least = types.and_then(|one| one.get(0)).or(types).and_then(Json::as_str);
    match least {
        Some("boolean") => true.into(),
        Some("integer") => base.get("minimum").cloned().unwrap_or_else(|| 0.into()),
        Some("array") => Vec::<Json>::new().into(),
        Some("object") => least_object(whole, base),
        _ => "x".into(),
    }
}

fn least_object(whole: &Json, schema: &Json) -> Json {
    let required = schema.get("required").and_then(Json::as_array);
    let required: Vec<_> = required.into_iter().flatten().filter_map(Json::as_str).collect();
    let count = schema.get("minProperties").and_then(Json::as_u64).unwrap_or(0);
    let mut object = Map::new();
    let all = schema.get("properties").and_then(Json::as_object);
    for (name, field) in
        all.into_iter().flatten().filter(|(name, _)| required.contains(&name.as_str()))
    {
        object.insert(name.clone(), example(whole, field));
    }
    for (name, field) in all.into_iter().flatten() {
        if object.len() as u64 >= count {
            break;
        }
        if !object.contains_key(name) {
            object.insert(name.clone(), example(whole, field));
        }
    }
    object.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pointer of every field below a place, also inside the first item of a list.
    fn pointers(whole: &Json, schema: &Json, pointer: &str, found: &mut Vec<String>) {
        found.push(pointer.to_owned());
        for (name, field) in properties(whole, schema).into_iter().flatten() {
            pointers(whole, field, &format!("{pointer}/{name}"), found);
        }
        if let Some(items) = target(whole, schema).get("items") {
            pointers(whole, items, &format!("{pointer}/0"), found);
        }
    }

    #[test]
    fn something_can_stand_for_every_field() {
        for kind in Kind::ALL {
            let whole = &compiled(*kind).unwrap().schema;
            let mut all = Vec::new();
            pointers(whole, &whole["properties"]["spec"], "/spec", &mut all);
            for pointer in all {
                let value = stand_in(*kind, &pointer).unwrap_or_else(|| panic!("{kind} {pointer}"));
                let schema = at(whole, &pointer).unwrap();
                let types = &target(whole, schema)["type"];
                let is_text = value.is_string();
                assert!(
                    !is_text || types.to_string().contains("string"),
                    "{kind} {pointer} {value}"
                );
            }
        }
    }
}
