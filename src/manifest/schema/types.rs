//! Values of another type than the schema wants.

use jsonschema::error::TypeKind;
use jsonschema::{JsonType, JsonTypeSet};

use super::words::Place;
use super::{meant, stand_in};
use crate::diag::{Code, Diagnostic};
use crate::manifest::node::{Meaning, Scalar, Value};
use crate::manifest::yaml::shown;

impl Place<'_> {
    /// A number with a fraction, where only whole ones count something.
    fn fraction(&self, expected: &str, text: &str) -> Option<Diagnostic> {
        let (whole, rest) = text.split_once('.').filter(|_| expected == "a number")?;
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if rest.is_empty() || !is_digits(whole) || !is_digits(rest) {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let message = format!("`{}` must be a whole number, found {}", self.field(), shown(text));
        let help = match rest.trim_end_matches('0').is_empty() {
            true => format!("write {whole}"),
            false => format!("write {whole} or {}", whole.checked_add(1)?),
        };
        Some(self.at_value(Code::TL104, message).help(help))
    }

    pub(super) fn wrong_type(&self, expected: &TypeKind) -> Diagnostic {
        let Some(node) = self.value() else {
            return self.at_value(Code::TL104, format!("`{}` has the wrong type", self.field()));
        };
        let expected = expected_words(expected);
        if let Value::Scalar(Scalar { meaning: Meaning::Null, text }) = &node.value {
            if text.starts_with('&') {
                return self.anchor_alone(text);
            }
            let message = format!("`{}` has no value: it must be {expected}", self.field());
            let (parent, name) = self.pointer.rsplit_once('/').unwrap_or_default();
            let required = stand_in::required(self.kind, parent).iter().any(|one| one == name);
            let help = match required || self.pointer == "/metadata/tenant" {
                true => "write a value",
                false => "write a value, or remove the field",
            };
            return self.at_value(Code::TL104, message).help(help);
        }
        if let Some(told) = self.fraction(&expected, node.text().unwrap_or_default()) {
            return told;
        }
        let message = format!("`{}` must be {expected}, found {}", self.field(), node.what());
        let diagnostic = self.at_value(Code::TL104, message);
        let text = node.text().map(shown).unwrap_or_default();
        let words = || meant::words(self.schema_of_keyword()?);
        let several = || meant::several_numbers(self.pointer, &text);
        let several = || several().filter(|_| expected == "a number");
        let items = meant::items(self.pointer, &text, &expected);
        if let Some(better) = items.or_else(several).or_else(words) {
            return diagnostic.help(better);
        }
        if self.pointer == "/spec/did" && matches!(node.value, Value::Sequence(_)) {
            return diagnostic.help(
                "a rule has one number, one range or `\"*\"`: write a rule for each, or one range",
            );
        }
        let listed = meant::listed(&text).join(", ");
        let of_list = || meant::item(self.kind, &format!("{}/0", self.pointer), &text);
        if let Some(item) = of_list().filter(|_| !text.is_empty() && expected == "a list") {
            return diagnostic.help(format!("write `- {item}` on the line below"));
        }
        let ends = || meant::two_ends(node).filter(|_| expected == "a text");
        let block =
            || meant::block(self.kind, self.pointer, node).filter(|_| expected == "a mapping");
        if let Some(right) = ends().or_else(block) {
            return diagnostic.help(right);
        }
        let like = meant::line(self.kind, self.pointer).unwrap_or_else(|| "key: value".to_owned());
        match expected.as_str() {
            "a number" => diagnostic.help(meant::number(&text)),
            "a truth value" => diagnostic.help("write `true` or `false`"),
            "a text" if !text.is_empty() => {
                diagnostic.help(format!("write it in quotes: \"{text}\""))
            }
            "a list" if !listed.is_empty() => {
                diagnostic.help(format!("write it as a list: `[{listed}]`"))
            }
            "a list" => diagnostic.help("write `[…]`, or one item on each line after `- `"),
            "a mapping" if matches!(node.value, Value::Sequence(_)) => {
                diagnostic.help(format!("write `{like}` on the lines below, without `-` in front"))
            }
            "a mapping" => diagnostic.help(format!("write `{like}` on the lines below, indented")),
            _ => diagnostic.help(format!("write {expected}")),
        }
    }

    /// An anchor behind which there is no value.
    fn anchor_alone(&self, anchor: &str) -> Diagnostic {
        let anchor = shown(anchor);
        let message = match anchor.as_str() {
            "&" => format!("`{}` has no value: it is an anchor without one", self.field()),
            _ => format!("`{}` has no value: `{anchor}` is an anchor without one", self.field()),
        };
        let help =
            "write the value behind the anchor; a text that begins with `&` stands in quotes";
        self.at_value(Code::TL104, message).help(help)
    }
}

/// What a type is called.
pub(super) fn expected_words(expected: &TypeKind) -> String {
    let types = match expected {
        TypeKind::Single(one) => JsonTypeSet::from(*one),
        TypeKind::Multiple(set) => *set,
    };
    if types.contains(JsonType::String) {
        // A number is a text to whoever reads it as it was written.
        let list = types.contains(JsonType::Array);
        return if list { "a text or a list" } else { "a text" }.to_owned();
    }
    let words = types.iter().map(|one| match one {
        JsonType::Array => "a list",
        JsonType::Boolean => "a truth value",
        JsonType::Integer | JsonType::Number => "a number",
        JsonType::Null => "nothing",
        JsonType::Object => "a mapping",
        JsonType::String => "a text",
    });
    words.collect::<Vec<_>>().join(" or ")
}
