//! Schemas of texts that a type of their own would not make clearer.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// What is published of a type that is a word or a block: branches that editors can offer, in the place
/// of one schema with better messages.
pub(super) fn choice(branches: &[Value]) -> Value {
    json!({
        "anyOf": branches, "type": null, "pattern": null,
        "properties": null, "required": null, "additionalProperties": null
    })
}

/// A block with one field, as a branch of what is published. It has no description: editors would show
/// that in the place of the one of the field that the block is the value of.
pub fn block_of(field: &str, schema: &Value) -> Value {
    json!({
        "title": format!("{{{field}: …}}"), "type": "object",
        "properties": {field: schema}, "required": [field], "additionalProperties": false
    })
}

/// Exactly one of these fields, which a rule tells better than a schema.
pub(super) fn one_of(fields: &[&str]) -> Value {
    let branch = |field: &&str| json!({"title": field, "required": [field]});
    fields.iter().map(branch).collect()
}

pub(super) fn country_code(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer"], "pattern": "^[1-9][0-9]{0,3}$", "minimum": 1, "maximum": 9999
    })
}

pub(super) fn country_codes(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": country_code(generator)})
}

/// Digits, or nothing; what a dialled number may begin with.
pub(super) fn digits(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "integer"], "pattern": "^[0-9]{0,15}$", "minimum": 0})
}

pub(super) fn dialled(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "integer"], "pattern": "^[0-9+*#]{1,64}$", "minimum": 0})
}

/// Numbers and beginnings of numbers as they are dialled.
pub(super) fn dialled_list(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": dialled(generator)})
}

pub(super) fn prepend(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "integer"], "pattern": "^[0-9+*#]{0,32}$", "minimum": 0})
}

pub(super) fn username(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer"], "pattern": "^[!-~]{1,64}$", "minimum": 0
    })
}

/// A text for people, which may become part of a SIP header: on one line, without control characters.
fn free_text(most: u32) -> Schema {
    json_schema!({
        "type": ["string", "integer"], "minLength": 1, "maxLength": most, "format": "FreeText"
    })
}

pub(super) fn text_of_63(_: &mut SchemaGenerator) -> Schema {
    free_text(63)
}

pub(super) fn text_of_64(_: &mut SchemaGenerator) -> Schema {
    free_text(64)
}

pub(super) fn text_of_128(_: &mut SchemaGenerator) -> Schema {
    free_text(128)
}

pub(super) fn text_of_1024(_: &mut SchemaGenerator) -> Schema {
    free_text(1024)
}

/// An opaque text that is often all digits.
pub(super) fn opaque(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "integer"], "pattern": "^[!-~]{1,128}$", "minimum": 0})
}

/// Who calls or is called, as a SIP message names them: a number or the user of a URI, and neither has
/// other characters than those of ASCII.
pub(super) fn presented(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "integer"], "pattern": "^[ -~]{1,256}$", "minimum": 0})
}

/// A text as somebody writes it, which may look like a number.
pub(super) fn text(_: &mut SchemaGenerator) -> Schema {
    free_text(256)
}
