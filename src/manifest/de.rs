//! Reads typed values out of spanned trees. A text is asked for as it was written, whatever it
//! would mean unquoted; a fault keeps the place of the value that it is about.

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::node::{Field, Meaning, Node, Scalar, Value};
use crate::diag::Span;

/// Why a tree is not a value of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// Where, once a node has put its place in.
    pub span: Option<Span>,
}

impl Fault {
    fn at(mut self, span: Span) -> Self {
        self.span = self.span.or(Some(span));
        self
    }
}

impl de::Error for Fault {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: None }
    }
}

/// Reads a value of a type.
pub fn from_node<'de, T: de::Deserialize<'de>>(node: &'de Node) -> Result<T, Fault> {
    T::deserialize(node)
}

impl<'de> IntoDeserializer<'de, Fault> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Node {
    fn mismatch(&self, expected: &dyn de::Expected) -> Fault {
        let message = format!("expected {expected}, found {}", self.what());
        Fault { message, span: Some(self.span) }
    }

    fn integer<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        let Value::Scalar(scalar) = &self.value else { return Err(self.mismatch(&visitor)) };
        let result = match scalar.meaning {
            Meaning::Unsigned(value) => visitor.visit_u64(value),
            Meaning::Negative(value) => visitor.visit_i64(value),
            Meaning::Null | Meaning::Bool(_) | Meaning::Text => {
                return Err(self.mismatch(&visitor));
            }
        };
        result.map_err(|fault: Fault| fault.at(self.span))
    }
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.integer(visitor)
        })*
    };
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.value {
            Value::Scalar(Scalar { meaning: Meaning::Null, .. }) => visitor.visit_unit(),
            Value::Scalar(scalar) => visitor.visit_str(&scalar.text),
            Value::Sequence(items) => visitor.visit_seq(Items(items.iter())),
            Value::Mapping(fields) => visitor.visit_map(Entries::new(fields)),
        };
        result.map_err(|fault| fault.at(self.span))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Scalar(Scalar { meaning: Meaning::Bool(value), .. }) => {
                visitor.visit_bool(*value).map_err(|fault: Fault| fault.at(self.span))
            }
            Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => {
                Err(self.mismatch(&visitor))
            }
        }
    }

    integers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Scalar(Scalar { meaning: Meaning::Null, .. }) => visitor.visit_none(),
            Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match &self.value {
            Value::Scalar(scalar) if scalar.meaning != Meaning::Null => {
                let variant: StrDeserializer<'_, Fault> = scalar.text.as_str().into_deserializer();
                visitor.visit_enum(variant)
            }
            Value::Mapping(fields) => {
                visitor.visit_enum(MapAccessDeserializer::new(Entries::new(fields)))
            }
            Value::Scalar(_) | Value::Sequence(_) => return Err(self.mismatch(&visitor)),
        };
        result.map_err(|fault: Fault| fault.at(self.span))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.0.next() else { return Ok(None) };
        seed.deserialize(node).map(Some).map_err(|fault| fault.at(node.span))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'de> {
    fields: std::slice::Iter<'de, Field>,
    current: Option<&'de Field>,
}

impl<'de> Entries<'de> {
    fn new(fields: &'de [Field]) -> Self {
        Self { fields: fields.iter(), current: None }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.current = self.fields.next();
        let Some(field) = self.current else { return Ok(None) };
        let key: StrDeserializer<'_, Fault> = field.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|fault| fault.at(field.key_span))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let field = self.current.ok_or_else(|| de::Error::custom("a value without a key"))?;
        seed.deserialize(&field.value).map_err(|fault| fault.at(field.value.span))
    }
}
