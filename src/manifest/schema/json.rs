//! The spanned tree as the JSON Schema validator reads it: no copy is made.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node as JsonNode, NodeIdentity, Object};
use serde_json::{Number, Value as JsonValue};

use crate::diag::{FileId, Span};
use crate::manifest::node::{Field, Meaning, Node, Scalar, Value};

/// The representation.
pub(super) struct Tree;

impl Json for Tree {
    type Node<'a> = &'a Node;
    type PreparedKey = Box<str>;
    type StringBuffer = Option<Node>;

    // A mapping is a list: one pass over its keys costs no more than one look-up.
    const KEYS_PER_LOOKUP: usize = 1;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(
        buffer: &mut Option<Node>,
        string: &str,
        f: impl FnOnce(&Node) -> T,
    ) -> T {
        let value = Value::Scalar(Scalar { text: string.into(), meaning: Meaning::Text });
        let span = Span { file: FileId(0), start: 0, end: 0 };
        f(buffer.insert(Node { span, value }))
    }
}

/// An integer: the only numbers that manifests have.
pub(super) struct Integer(Number);

impl JsonNumber for Integer {
    fn as_u64(&self) -> Option<u64> {
        self.0.as_u64()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.as_i64()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.as_f64()
    }

    fn as_str(&self) -> Cow<'_, str> {
        self.0.to_string().into()
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Borrowed(&self.0)
    }

    fn is_integer(&self) -> bool {
        true
    }

    fn is_written_as_integer(&self) -> bool {
        true
    }
}

impl<'a> JsonNode<'a, Tree> for &'a Node {
    type Object = &'a [Field];
    type Array = &'a [Node];
    type Number = Integer;

    fn as_object(&self) -> Option<&'a [Field]> {
        match &self.value {
            Value::Mapping(fields) => Some(fields),
            Value::Scalar(_) | Value::Sequence(_) => None,
        }
    }

    fn as_array(&self) -> Option<&'a [Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            Value::Scalar(_) | Value::Mapping(_) => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match &self.value {
            Value::Scalar(Scalar { text, meaning: Meaning::Text }) => Some(Cow::Borrowed(text)),
            Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    fn as_number(&self) -> Option<Integer> {
        match &self.value {
            Value::Scalar(Scalar { meaning: Meaning::Unsigned(value), .. }) => {
                Some(Integer((*value).into()))
            }
            Value::Scalar(Scalar { meaning: Meaning::Negative(value), .. }) => {
                Some(Integer((*value).into()))
            }
            Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar(Scalar { meaning: Meaning::Bool(value), .. }) => Some(*value),
            Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    fn is_null(&self) -> bool {
        self.json_type() == JsonType::Null
    }

    fn json_type(&self) -> JsonType {
        match &self.value {
            Value::Sequence(_) => JsonType::Array,
            Value::Mapping(_) => JsonType::Object,
            Value::Scalar(scalar) => match scalar.meaning {
                Meaning::Null => JsonType::Null,
                Meaning::Bool(_) => JsonType::Boolean,
                Meaning::Unsigned(_) | Meaning::Negative(_) => JsonType::Number,
                Meaning::Text => JsonType::String,
            },
        }
    }

    fn to_value(&self) -> Cow<'a, JsonValue> {
        // The validator asks for this to compare with constants and to describe an error; only
        // scalars matter for the former, and errors are described from the tree.
        Cow::Owned(match &self.value {
            Value::Sequence(items) => {
                items.iter().map(|item| item.to_value().into_owned()).collect()
            }
            Value::Mapping(fields) => fields
                .iter()
                .map(|field| (field.key.to_string(), (&field.value).to_value().into_owned()))
                .collect(),
            Value::Scalar(scalar) => match scalar.meaning {
                Meaning::Null => JsonValue::Null,
                Meaning::Bool(value) => value.into(),
                Meaning::Unsigned(value) => value.into(),
                Meaning::Negative(value) => value.into(),
                Meaning::Text => JsonValue::String(scalar.text.to_string()),
            },
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref::<Node>(*self).addr()))
    }
}

impl<'a> Object<'a, Tree> for &'a [Field] {
    type Node = &'a Node;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        <[Field]>::len(self)
    }

    fn get(&self, key: &Box<str>) -> Option<&'a Node> {
        self.iter().find(|field| *field.key == **key).map(|field| &field.value)
    }

    fn members(&self) -> Members<'a> {
        Members(self.iter())
    }
}

/// The members of a mapping in their order.
pub(super) struct Members<'a>(std::slice::Iter<'a, Field>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a Node);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|field| (&*field.key, &field.value))
    }
}

impl<'a> Array<'a, Tree> for &'a [Node] {
    type Node = &'a Node;
    type ElementsIter = std::slice::Iter<'a, Node>;

    fn len(&self) -> usize {
        <[Node]>::len(self)
    }

    fn elements(&self) -> std::slice::Iter<'a, Node> {
        self.iter()
    }
}
