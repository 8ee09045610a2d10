//! What is wrong with a reference to a secret: told without a word of the secret itself.

use super::words::Place;
use crate::diag::{Code, Diagnostic};
use crate::manifest::node::{Node, Value};
use crate::model::value::{age_refusal, secret_file_refusal};

/// Where the schema of references to secrets stands.
const SECRET: &str = "/$defs/SecretRef/";

/// The ways to refer to a secret.
const FORMS: &[&str] = &["env", "file", "age"];

/// The one fault of the secret field at a place, whatever the schema finds in it.
pub(super) fn tell(place: &Place<'_>, pointer: &str) -> Diagnostic {
    let span = place.document.nearest_key_span(pointer);
    let name = pointer.rsplit('/').next().unwrap_or_default();
    let node = place.document.pointer(pointer);
    if let Some(Value::Scalar(_)) = node.map(|node| &node.value)
        && node.and_then(Node::text).is_some()
    {
        let message = format!("`{name}` is a plain secret");
        let help = format!(
            "change the secret, it is known to everybody who can read this; then write `{name}: {{env: NAME}}`, `{{file: PATH}}` or `{{age: …}}`"
        );
        return Diagnostic::new(Code::TL701, message).at(span).help(help);
    }
    let message = format!("`{name}` is no reference to a secret: {}", why_not(node));
    let help = format!("write `{name}: {{env: NAME}}`, `{{file: PATH}}` or `{{age: …}}`");
    Diagnostic::new(Code::TL702, message).at(span).help(help)
}

/// The pointer of the secret field that a finding is about, if it is about one.
pub(super) fn field<'a>(place: &Place<'a>) -> Option<&'a str> {
    place.keyword.starts_with(SECRET).then(|| field_of(place))
}

fn field_of<'a>(place: &Place<'a>) -> &'a str {
    let inside = FORMS.iter().find_map(|form| {
        let parent = place.pointer.strip_suffix(form)?.strip_suffix('/')?;
        place.keyword.contains("/properties/").then_some(parent)
    });
    inside.unwrap_or(place.pointer)
}

fn why_not(node: Option<&Node>) -> String {
    let Some(Value::Mapping(fields)) = node.map(|node| &node.value) else {
        return "it is not a mapping".to_owned();
    };
    let [field] = fields.as_slice() else {
        return format!("it has {} fields and not exactly one", fields.len());
    };
    if !FORMS.contains(&&*field.key) {
        return "its field is none of `env`, `file` and `age`".to_owned();
    }
    let why = match (&*field.key, field.value.text()) {
        (_, None) => None,
        ("file", Some(text)) => secret_file_refusal(text),
        ("age", Some(text)) => age_refusal(text),
        _ => Some("its `env` is not the name of an environment variable".to_owned()),
    };
    why.unwrap_or_else(|| format!("its `{}` is not a text", field.key))
}
