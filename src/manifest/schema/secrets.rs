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
    if let Some(form) = node.and_then(Node::text).and_then(glued) {
        let message = format!("`{name}` is no reference to a secret: {}", no_blank(form));
        let help = format!("write `{name}: {{{form}: …}}`, with a blank behind `{form}:`");
        return Diagnostic::new(Code::TL702, message).at(span).help(help);
    }
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

/// The form of a reference whose blank behind the colon is missing, so that it is one text: `env:NAME`.
fn glued(text: &str) -> Option<&'static str> {
    let is_name = |text: &str| {
        let is_of_name =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        text.bytes().all(is_of_name) && text.starts_with(|c: char| !c.is_ascii_digit())
    };
    let is_good = |form: &str, text: &str| match form {
        "env" => is_name(text),
        "file" => secret_file_refusal(text).is_none() && !text.contains(' '),
        _ => age_refusal(text).is_none(),
    };
    FORMS.iter().copied().find(|form| {
        let value = text.strip_prefix(*form).and_then(|rest| rest.strip_prefix(':'));
        value.is_some_and(|value| is_good(form, value))
    })
}

fn no_blank(form: &str) -> String {
    format!("the blank behind `{form}:` is missing")
}

fn why_not(node: Option<&Node>) -> String {
    let Some(Value::Mapping(fields)) = node.map(|node| &node.value) else {
        return "it is not a mapping".to_owned();
    };
    let [field] = fields.as_slice() else {
        return format!("it has {} fields and not exactly one", fields.len());
    };
    if let Some(form) = glued(&field.key).filter(|_| field.value.text().is_none_or(str::is_empty)) {
        return no_blank(form);
    }
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
