//! The spanned tree: every value and every key knows its place, every scalar its text as written.

use smol_str::SmolStr;

use crate::diag::Span;

/// A value and where it stands. At most [`super::yaml::MAX_DEPTH`] levels deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its place; for a value that was left out, the place of its key.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, a number, a truth value or nothing.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with values, in the written order. Keys are unique.
    Mapping(Vec<Field>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The key.
    pub key: SmolStr,
    /// The place of the key.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// A scalar: its text as written (escapes resolved), and what the text means unquoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text.
    pub text: SmolStr,
    /// What it counts as.
    pub meaning: Meaning,
}

/// What a scalar counts as. Only few texts are special, so that no phone number ever changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A decimal integer of at least 0 without leading zero or sign.
    Unsigned(u64),
    /// A decimal integer below 0.
    Negative(i64),
    /// Everything else, and whatever is quoted.
    Text,
}

impl Meaning {
    /// The meaning of an unquoted text: YAML 1.2 core, minus everything that could change a number
    /// as the telephone world writes it. `0123`, `+1`, `1e3`, `0x1f`, `1.5`, `NO`, `12:30` and
    /// integers beyond 64 bits are texts.
    pub fn of_plain(text: &str) -> Self {
        match text.as_bytes().first() {
            None | Some(b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F') => {
                return Self::of_word(text);
            }
            Some(b'0'..=b'9' | b'-') => {}
            Some(_) => return Self::Text,
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = digits.starts_with('0') && text != "0";
        if !plain || leading_zero {
            return Self::Text;
        }
        let unsigned = text.parse().map(Self::Unsigned);
        unsigned.or_else(|_| text.parse().map(Self::Negative)).unwrap_or(Self::Text)
    }

    fn of_word(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            _ => Self::Text,
        }
    }
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.field(key).map(|field| &field.value)
    }

    /// The field of a key, if this is a mapping that has it.
    pub fn field(&self, key: &str) -> Option<&Field> {
        match &self.value {
            Value::Mapping(fields) => fields.iter().find(|field| *field.key == *key),
            Value::Scalar(_) | Value::Sequence(_) => None,
        }
    }

    /// The scalar's text, if this is a scalar other than null.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar { meaning: Meaning::Null, .. }) => None,
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The node under a key or an index.
    fn child(&self, segment: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(_) => self.get(segment),
            Value::Sequence(items) => items.get(segment.parse::<usize>().ok()?),
            Value::Scalar(_) => None,
        }
    }

    /// The node that a JSON pointer means (`""` is this one), if it is there.
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        segments(pointer).try_fold(self, |node, segment| node.child(&segment))
    }

    /// The place that a JSON pointer means, or that of its nearest ancestor that is there.
    pub fn nearest_span(&self, pointer: &str) -> Span {
        let mut node = self;
        for segment in segments(pointer) {
            let Some(child) = node.child(&segment) else { break };
            node = child;
        }
        node.span
    }

    /// The place of the last key or list item on the way of a JSON pointer; this node's own if there
    /// is none.
    pub fn nearest_key_span(&self, pointer: &str) -> Span {
        let mut node = self;
        let mut span = None;
        for segment in segments(pointer) {
            let Some(child) = node.child(&segment) else { break };
            span = Some(node.field(&segment).map_or(child.span, |field| field.key_span));
            node = child;
        }
        span.unwrap_or(self.span)
    }

    /// What to call it in a message.
    pub fn what(&self) -> &'static str {
        match &self.value {
            Value::Mapping(_) => "a mapping",
            Value::Sequence(_) => "a list",
            Value::Scalar(scalar) => match scalar.meaning {
                Meaning::Null => "nothing",
                Meaning::Bool(_) => "a truth value",
                Meaning::Unsigned(_) | Meaning::Negative(_) => "a number",
                Meaning::Text => "a text",
            },
        }
    }
}

/// The segments of a JSON pointer, unescaped (RFC 6901).
pub(super) fn segments(pointer: &str) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    pointer.split('/').skip(1).map(|segment| {
        if segment.contains('~') {
            segment.replace("~1", "/").replace("~0", "~").into()
        } else {
            segment.into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_few_texts_are_special() {
        assert_eq!(Meaning::of_plain("5060"), Meaning::Unsigned(5060));
        assert_eq!(Meaning::of_plain("0"), Meaning::Unsigned(0));
        assert_eq!(Meaning::of_plain("18446744073709551615"), Meaning::Unsigned(u64::MAX));
        assert_eq!(Meaning::of_plain("-5"), Meaning::Negative(-5));
        assert_eq!(Meaning::of_plain("~"), Meaning::Null);
        assert_eq!(Meaning::of_plain("True"), Meaning::Bool(true));
        for text in [
            "0123",
            "+14155550100",
            "1e3",
            "12:30",
            "NO",
            "no",
            "on",
            "yes",
            "1_000",
            "0x1f",
            "1.5",
            "18446744073709551616",
            "-0",
            "-",
            "00",
            "tRue",
            ".inf",
            "2026-11-23",
            "--1",
            "-9999999999999999999",
        ] {
            assert_eq!(Meaning::of_plain(text), Meaning::Text, "{text}");
        }
    }
}
