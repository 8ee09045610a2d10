//! An example for every field of the published schemas: editors offer it, and `explain` shows it.

use serde_json::{Map, Value, json};

use super::stand_in::target;

/// Levels of values within values; the schemas nest a handful.
const MAX_DEPTH: usize = 8;

/// Adds an example to each field of a schema that has none of its own. What is only a condition on
/// other fields describes none.
pub(super) fn fill(schema: &mut Value) {
    let whole = schema.clone();
    fill_below(&whole, schema);
}

fn fill_below(whole: &Value, schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for (keyword, value) in object.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(fields)) => {
                for field in fields.values_mut() {
                    fill_below(whole, field);
                    let example = Some(&*field).filter(|field| !has_own(field)).and_then(|field| {
                        let is_open = field.as_object().is_some_and(|field| !field.is_empty());
                        is_open.then(|| example(whole, field, 0)).flatten()
                    });
                    if let (Some(example), Some(field)) = (example, field.as_object_mut()) {
                        field.insert("examples".to_owned(), json!([example]));
                    }
                }
            }
            ("$defs", Value::Object(definitions)) => {
                definitions.values_mut().for_each(|one| fill_below(whole, one));
            }
            ("items" | "additionalProperties", value) => fill_below(whole, value),
            _ => {}
        }
    }
}

fn has_own(field: &Value) -> bool {
    field.get("examples").is_some()
}

/// A value that somebody could write: one that changes something.
fn example(whole: &Value, schema: &Value, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let base = target(whole, schema);
    let of_either = |keyword: &str| schema.get(keyword).or_else(|| base.get(keyword));
    let first = |keyword: &str| of_either(keyword)?.get(0).cloned();
    let documented = first("examples").or_else(|| base.get("const").cloned());
    let default = of_either("default").filter(|value| !value.is_null());
    if let Some(documented) = documented {
        return Some(documented);
    }
    if let Some(words) = base.get("enum").and_then(Value::as_array) {
        return words.iter().find(|word| Some(*word) != default).cloned();
    }
    let types = base.get("type");
    let least = types.and_then(|one| one.get(0)).or(types).and_then(Value::as_str)?;
    match least {
        "boolean" => Some((default != Some(&Value::Bool(true))).into()),
        "array" => match default.filter(|all| all.as_array().is_some_and(|all| !all.is_empty())) {
            Some(default) => Some(default.clone()),
            None => Some(json!([example(whole, base.get("items")?, depth + 1)?])),
        },
        "object" => object(whole, [schema, base], depth),
        _ => default.cloned(),
    }
}

/// What has to stand in a mapping, or the first things that may. `schemas` are those of the field and
/// of what it refers to.
fn object(whole: &Value, schemas: [&Value; 2], depth: usize) -> Option<Value> {
    let required = schemas.into_iter().filter_map(|one| one.get("required")?.as_array());
    let required: Vec<_> = required.flatten().filter_map(Value::as_str).collect();
    let mut made = Map::new();
    let [_, schema] = schemas;
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
        let value = example(whole, schema.get("additionalProperties")?, depth + 1)?;
        return Some(json!({"name": value}));
    };
    for name in &required {
        made.insert((*name).to_owned(), example(whole, fields.get(*name)?, depth + 1)?);
    }
    let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(1);
    for (name, field) in fields {
        if made.len() as u64 >= least {
            break;
        }
        if let Some(value) = example(whole, field, depth + 1) {
            made.entry(name.as_str()).or_insert(value);
        }
    }
    (!made.is_empty()).then(|| made.into())
}
