//! The schemas as others read them: editors, which complete and explain by them, and validators, some
//! of which take no keyword on trust. What they say is what the internal ones and the rules say, as far
//! as a schema can.

use serde_json::{Map, Value, json};

use super::{examples, forms};
use crate::model::block_of;

/// What a type says in the published schema and not in ours, where a form or a rule says it with better
/// words: these keywords take the place of its own, and `null` takes one away.
pub(super) const PUBLISHED: &str = "x-published";

/// The keyword of a least value that a rule checks, with better words: of durations in either form.
pub(super) const LEAST: &str = "x-least";

/// Rewrites a schema with its definitions in place.
pub(super) fn publish(schema: &mut Value) {
    numbers_of_texts(schema);
    keywords(schema);
    examples::fill(schema);
    least_durations(schema);
    one_of_blocks(schema);
    let definitions = schema.get("$defs").cloned().unwrap_or_default();
    narrowed(schema, &definitions);
    typed(schema);
}

/// Changes a schema and every one within it, from the inside out.
fn each(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    let Some(object) = schema.as_object_mut() else { return };
    for (keyword, value) in object.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "$defs", Value::Object(named)) => {
                named.values_mut().for_each(|one| each(one, change));
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(all)) => {
                all.iter_mut().for_each(|one| each(one, change));
            }
            ("items" | "additionalProperties" | "if" | "then", one) => each(one, change),
            _ => {}
        }
    }
    change(object);
}

/// A text that may look like a whole number may look like another one, too: YAML has `1.5` for one.
fn numbers_of_texts(schema: &mut Value) {
    each(schema, &mut |object| {
        let format = object.get("format").and_then(Value::as_str);
        let is_taken = !object.contains_key("enum")
            && format.is_none_or(|form| forms::why_not(form, "1.5").is_none())
            && object.get("pattern").is_none_or(|pattern| {
                jsonschema::is_valid(&json!({"pattern": pattern}), &json!("1.5"))
            });
        let Some(Value::Array(types)) = object.get_mut("type").filter(|_| is_taken) else { return };
        let has = |name: &str| types.iter().any(|one| one == name);
        if has("string") && !has("array") {
            types
                .iter_mut()
                .filter(|one| **one == "integer")
                .for_each(|one| *one = "number".into());
        }
    });
}

/// Takes away what only our own validator understands, and says what it leaves to forms and rules.
fn keywords(schema: &mut Value) {
    each(schema, &mut |object| {
        if object.get("format").is_some_and(Value::is_string) {
            object.remove("format");
        }
        if let Some(Value::Object(own)) = object.remove(PUBLISHED) {
            for (keyword, value) in own {
                object.remove(&keyword);
                if !value.is_null() {
                    object.insert(keyword, value);
                }
            }
        }
    });
}

/// A duration that is at least so long has a definition of its own: editors forget the description of a
/// field that refers to a definition and narrows it.
fn least_durations(schema: &mut Value) {
    let mut made = Map::new();
    let all = schema.get("$defs").cloned().unwrap_or_default();
    each(schema, &mut |object| {
        let Some(least) = object.remove(LEAST) else { return };
        let name = object.get("$ref").and_then(Value::as_str).and_then(|it| it.rsplit('/').next());
        let base = name.and_then(|name| Some((name, all.get(name)?.as_object()?)));
        let Some((name, base)) = base else { return };
        let (name, mut base) = (format!("{name}From{least}"), base.clone());
        if least == json!(1) {
            base.insert("pattern".to_owned(), "^[1-9][0-9]{0,8}[smh]?$".into());
        }
        base.insert("minimum".to_owned(), least);
        object.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
        made.insert(name, base.into());
    });
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        definitions.extend(made);
    }
}

/// A block with exactly one of its fields becomes a choice of blocks with one field: editors complete
/// nothing in a block that may have one field and begins to have it.
fn one_of_blocks(schema: &mut Value) {
    each(schema, &mut |object| {
        let limit = |name: &str| object.get(name).and_then(Value::as_u64);
        if (limit("minProperties"), limit("maxProperties")) != (Some(1), Some(1)) {
            return;
        }
        let Some(Value::Object(fields)) = object.remove("properties") else { return };
        for keyword in ["minProperties", "maxProperties", "additionalProperties"] {
            object.remove(keyword);
        }
        // The one of the example is what validators name where there is none.
        let example = object.get("examples").and_then(|all| all.get(0)?.as_object()).cloned();
        let is_first = |name: &str| example.as_ref().is_some_and(|one| one.contains_key(name));
        let mut fields: Vec<_> = fields.iter().collect();
        fields.sort_by_key(|(name, _)| !is_first(name));
        let branches = fields.into_iter().map(|(name, field)| block_of(name, field));
        let branches: Vec<Value> = branches.collect();
        object.insert("oneOf".to_owned(), branches.into());
    });
}

/// What refers to a block and narrows its fields is that block, narrowed.
fn narrowed(schema: &mut Value, definitions: &Value) {
    each(schema, &mut |object| {
        if !["properties", "required"].iter().any(|keyword| object.contains_key(*keyword)) {
            return;
        }
        let name = object.get("$ref").and_then(Value::as_str);
        let base = name.and_then(|name| definitions.get(name.strip_prefix("#/$defs/")?));
        let Some(mut base) = base.and_then(Value::as_object).cloned() else { return };
        let title = name.and_then(|name| name.rsplit('/').next()).unwrap_or_default();
        base.entry("title").or_insert(title.into());
        object.remove("$ref");
        for (keyword, own) in std::mem::take(object) {
            match (base.get_mut(&keyword), own) {
                (Some(Value::Object(all)), Value::Object(own)) => all.extend(own),
                (Some(Value::Array(all)), Value::Array(own)) if keyword == "required" => {
                    all.extend(own);
                }
                (_, own) => drop(base.insert(keyword, own)),
            }
        }
        if let Some(Value::Object(fields)) = base.get_mut("properties") {
            fields.retain(|_, field| *field != Value::Bool(false));
        }
        *object = base;
    });
}

/// What speaks of fields says that it speaks of a mapping, and knows each field that it asks for: strict
/// validators take a slip for one otherwise.
fn typed(schema: &mut Value) {
    each(schema, &mut |object| {
        if object.get("required").is_some_and(|all| all.as_array().is_some_and(Vec::is_empty)) {
            object.remove("required");
        }
        let is_condition = matches!(object.get("properties"), Some(Value::Object(_)))
            || matches!(object.get("required"), Some(Value::Array(_)));
        if !is_condition || object.contains_key("$ref") {
            return;
        }
        object.entry("type").or_insert("object".into());
        let required = object.get("required").and_then(Value::as_array).cloned();
        let fields = object.entry("properties").or_insert(json!({}));
        let Some(fields) = fields.as_object_mut() else { return };
        for name in required.iter().flatten().filter_map(Value::as_str) {
            fields.entry(name).or_insert(true.into());
        }
    });
}
