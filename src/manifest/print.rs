//! A resource as a manifest: block YAML with every text quoted, so that reading it back gives the
//! same resource whatever its texts look like.

use serde_json::Value;

use crate::model::{API_VERSION, Resource};

/// The document of a resource, beginning with `---`.
pub fn print(resource: &Resource) -> String {
    let mut text = format!("---\napiVersion: {API_VERSION}\nkind: {}\n", resource.spec.kind());
    // A resource serialises as `{metadata, kind, spec}`; it holds nothing that JSON cannot.
    let value = serde_json::to_value(resource).unwrap_or_default();
    for field in ["metadata", "spec"] {
        if let Some(value) = value.get(field) {
            text.push_str(field);
            text.push(':');
            block(value, 1, &mut text);
        }
    }
    text
}

/// What follows a `key:` or a `-`. Resources nest a handful of levels.
fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            for item in items {
                text.extend([&"  ".repeat(depth), "-"]);
                block(item, depth + 1, text);
            }
        }
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            for (key, value) in fields {
                text.extend([&"  ".repeat(depth), &quoted(key), ":"]);
                block(value, depth + 1, text);
            }
        }
        Value::Array(_) => text.push_str(" []\n"),
        Value::Object(_) => text.push_str(" {}\n"),
        Value::String(string) => text.extend([" ", &quoted(string), "\n"]),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            text.extend([" ", &value.to_string(), "\n"]);
        }
    }
}

/// A text in double quotes, with everything escaped that an editor or parser might change.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ if c.is_alphanumeric() => quoted.push(c),
            _ => quoted.extend(format!("\\U{:08X}", u32::from(c)).chars()),
        }
    }
    quoted.push('"');
    quoted
}
