//! Makes the generated schemas say what people understand: one branch at a time, no `null` that
//! nobody writes, no formats that other validators refuse.

use serde_json::{Map, Value, json};

use super::forms;
use super::publish::{LEAST, PUBLISHED};

/// Rewrites a schema in place, all the way down.
pub(super) fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(object) => {
            one_of_words(object);
            one_of_fields(object);
            no_null(object);
            integer_bounds(object);
            example(object);
            object
                .iter_mut()
                .filter(|(key, _)| *key != "default" && *key != PUBLISHED)
                .for_each(|(_, value)| tidy(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Rewrites the shared definitions, and marks those whose text has a form of its own.
pub(super) fn definitions(definitions: &mut Value) {
    tidy(definitions);
    let Some(object) = definitions.as_object_mut() else { return };
    for (name, schema) in object {
        if forms::is_form(name)
            && let Some(schema) = schema.as_object_mut()
        {
            schema.insert("format".to_owned(), name.as_str().into());
        }
    }
}

/// Takes away the patterns of texts that have a form, which is the stricter of the two: our own
/// validator need not ask twice.
pub(super) fn forms_alone(schema: &mut Value) {
    let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut);
    for schema in definitions.into_iter().flatten().filter_map(|(_, one)| one.as_object_mut()) {
        if schema.contains_key("format") {
            schema.remove("pattern");
        }
    }
}

/// Takes away what is published only: rules check it.
pub(super) fn without_published(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_published),
        Value::Object(object) => {
            object.remove(LEAST);
            object.remove(PUBLISHED);
            object.values_mut().for_each(without_published);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A choice of words, each with its description, becomes an `enum`.
fn one_of_words(object: &mut Map<String, Value>) {
    let Some(branches) = object.get("oneOf").and_then(Value::as_array) else { return };
    let words: Option<Vec<Value>> =
        branches.iter().map(|branch| branch.get("const").cloned()).collect();
    let Some(words) = words else { return };
    object.remove("oneOf");
    object.insert("type".to_owned(), "string".into());
    object.insert("enum".to_owned(), words.into());
}

/// A choice of objects with one field each becomes one object with exactly one of the fields.
fn one_of_fields(object: &mut Map<String, Value>) {
    let Some(branches) = object.get("oneOf").and_then(Value::as_array) else { return };
    let mut fields = Map::new();
    for branch in branches {
        let Some(Value::Object(properties)) = branch.get("properties") else { return };
        let required = branch.get("required").and_then(Value::as_array).map_or(0, Vec::len);
        if properties.len() != 1 || required != 1 {
            return;
        }
        for (name, schema) in properties {
            let mut schema = schema.clone();
            if let (Value::Object(schema), Some(text)) = (&mut schema, branch.get("description")) {
                schema.insert("description".to_owned(), text.clone());
            }
            fields.insert(name.clone(), schema);
        }
    }
    object.remove("oneOf");
    object.insert("type".to_owned(), "object".into());
    object.insert("properties".to_owned(), fields.into());
    object.insert("additionalProperties".to_owned(), false.into());
    object.insert("minProperties".to_owned(), 1.into());
    object.insert("maxProperties".to_owned(), 1.into());
}

/// A field that may be left out need not take `null`: an empty value is a mistake.
fn no_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(branches)) = object.get_mut("anyOf") else { return };
    branches.retain(|branch| branch.get("type").is_none_or(|one| one != "null"));
    if let [Value::Object(only)] = branches.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
}

/// `format: uint32` becomes bounds, which every validator understands.
fn integer_bounds(object: &mut Map<String, Value>) {
    let maximum: u64 = match object.get("format").and_then(Value::as_str) {
        Some("uint8") => u8::MAX.into(),
        Some("uint16") => u16::MAX.into(),
        Some("uint32") => u32::MAX.into(),
        _ => return,
    };
    object.remove("format");
    object.entry("minimum").or_insert(json!(0));
    object.entry("maximum").or_insert(json!(maximum));
}

/// The last words of a description, "Example: `x`.", become an example that editors can offer.
fn example(object: &mut Map<String, Value>) {
    let Some(Value::String(text)) = object.get_mut("description") else { return };
    *text = text.replace('\n', " ");
    let Some((before, rest)) = text.rsplit_once("Example: `") else { return };
    let Some(example) = rest.strip_suffix("`.") else { return };
    // Examples are written as in a manifest: most of them are JSON, the rest is plain text.
    let example: Value = serde_json::from_str(example).unwrap_or_else(|_| example.into());
    let before = before.trim_end().to_owned();
    object.insert("examples".to_owned(), json!([example]));
    object.insert("description".to_owned(), before.into());
}
