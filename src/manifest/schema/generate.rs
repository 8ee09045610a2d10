//! The JSON Schemas, made from the Rust types: one for each kind, and one for any document.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{publish, tidy};
use crate::model::{
    API_VERSION, DidPool, Extension, InboundRule, Kind, Metadata, OutboundRule, Policy, RouteTest,
    Schedule, Tenant, Transport, Trunk,
};

/// Where the published schemas live; an identifier, nothing is fetched from there.
const BASE: &str = "https://trunkline.dev/schemas/v1";

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The published schemas: file name and content, sorted by name.
pub fn published() -> Vec<(String, Value)> {
    let mut files: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| (format!("{}.schema.json", kind.as_str().to_lowercase()), whole(*kind)))
        .chain([("any.schema.json".to_owned(), any())])
        .collect();
    for (name, schema) in &mut files {
        publish::publish(schema);
        if let Some(object) = schema.as_object_mut() {
            object.insert("$schema".to_owned(), DIALECT.into());
            object.insert("$id".to_owned(), format!("{BASE}/{name}").into());
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// The schema of one kind as the validator uses it: with the forms of our own values as formats, and
/// without the bounds that a rule tells better.
pub(super) fn kind_schema(kind: Kind) -> Value {
    let mut schema = whole(kind);
    tidy::without_published(&mut schema);
    schema
}

/// All that is known of one kind.
fn whole(kind: Kind) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let spec = match kind {
        Kind::Policy => generator.subschema_for::<Policy>(),
        Kind::Schedule => generator.subschema_for::<Schedule>(),
        Kind::RouteTest => generator.subschema_for::<RouteTest>(),
        Kind::Transport => generator.subschema_for::<Transport>(),
        Kind::Tenant => generator.subschema_for::<Tenant>(),
        Kind::Trunk => generator.subschema_for::<Trunk>(),
        Kind::DidPool => generator.subschema_for::<DidPool>(),
        Kind::Extension => generator.subschema_for::<Extension>(),
        Kind::InboundRule => generator.subschema_for::<InboundRule>(),
        Kind::OutboundRule => generator.subschema_for::<OutboundRule>(),
    };
    let metadata = generator.subschema_for::<Metadata>();
    let definitions = generator.take_definitions(true);
    let mut schema = document(kind, &metadata.to_value(), &spec.to_value());
    tidy::tidy(&mut schema);
    let mut definitions = Value::Object(definitions);
    tidy::definitions(&mut definitions);
    if let Some(object) = schema.as_object_mut() {
        object.insert("$defs".to_owned(), definitions);
    }
    schema
}

fn document(kind: Kind, metadata: &Value, spec: &Value) -> Value {
    let mut metadata = metadata.clone();
    if let Some(object) = metadata.as_object_mut() {
        if kind.is_tenant_only() {
            object.insert("required".to_owned(), json!(["tenant"]));
        }
        if kind.is_system_only() {
            object.insert("properties".to_owned(), json!({"tenant": false}));
        }
    }
    json!({
        "title": kind.as_str(),
        "type": "object",
        "properties": {
            "apiVersion": {"const": API_VERSION, "description": "The version of the language"},
            "kind": {"const": kind.as_str(), "description": "What this document declares"},
            "metadata": metadata,
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
    })
}

/// Any document: its `kind` chooses the schema, so that only that one's faults are told.
fn any() -> Value {
    let mut definitions = Map::new();
    let mut choices = Vec::new();
    for kind in Kind::ALL {
        let mut schema = whole(*kind);
        let own = schema.as_object_mut().and_then(|object| object.remove("$defs"));
        if let Some(Value::Object(own)) = own {
            definitions.extend(own);
        }
        let name = format!("{kind}Document");
        choices.push(json!({
            "if": {"properties": {"kind": {"const": kind.as_str()}}, "required": ["kind"]},
            "then": {"$ref": format!("#/$defs/{name}")},
        }));
        definitions.insert(name, schema);
    }
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    json!({
        "title": "Trunkline manifest",
        "type": "object",
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"enum": kinds},
        },
        "required": ["apiVersion", "kind"],
        "allOf": choices,
        "$defs": definitions,
    })
}
