//! Values of the model out of the text itself, as [`crate::manifest::de`] reads them from a tree,
//! under the rules of a [`Shape`].

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::manifest::node::Meaning;
use crate::manifest::scanner::{Cursor, Frame, Opened, Token};
use crate::manifest::schema::{Fields, Shape};

/// The text is not read here. Why is found by those who tell it.
#[derive(Debug)]
pub(super) struct Odd;

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the document is read in another way")
    }
}

impl std::error::Error for Odd {}

impl de::Error for Odd {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A value that stands in the text, and what it may be.
pub(super) struct Value<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    opened: Opened<'a>,
    shape: &'c Shape,
}

impl<'c, 'a> Value<'c, 'a> {
    /// Reads the value of the key that was read last.
    pub(super) fn read<T: DeserializeOwned>(
        cursor: &'c mut Cursor<'a>,
        frame: &Frame,
        shape: &'c Shape,
    ) -> Option<T> {
        let opened = cursor.value(frame)?;
        T::deserialize(Self { cursor, opened, shape }).ok()
    }

    /// A scalar that may stand here, with what it counts as.
    fn scalar(self) -> Result<(Token<'a>, Meaning), Odd> {
        match self.opened {
            Opened::Scalar(token) => {
                let meaning = token.meaning();
                let taken = self.shape.takes(&token.text, meaning);
                if taken { Ok((token, meaning)) } else { Err(Odd) }
            }
            Opened::Nothing | Opened::Mapping(_) | Opened::Sequence(_) => Err(Odd),
        }
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        match self.scalar()?.1 {
            Meaning::Unsigned(value) => visitor.visit_u64(value),
            Meaning::Negative(value) => visitor.visit_i64(value),
            Meaning::Null | Meaning::Bool(_) | Meaning::Text => Err(Odd),
        }
    }
}

/// Lets a visitor read a mapping, which has to end where the visitor does.
fn mapping<'c, 'a, T>(
    cursor: &'c mut Cursor<'a>,
    frame: Frame,
    shape: &'c Shape,
    visit: impl FnOnce(&mut Entries<'c, 'a>) -> Result<T, Odd>,
) -> Result<T, Odd> {
    let fields = shape.fields().ok_or(Odd)?;
    let mut entries = Entries { cursor, frame, fields, value: None, ended: false };
    let value = visit(&mut entries)?;
    if !entries.ended && entries.next()?.is_some() {
        return Err(Odd);
    }
    if entries.fields.end() { Ok(value) } else { Err(Odd) }
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
            self.integer(visitor)
        })*
    };
}

impl<'de> de::Deserializer<'de> for Value<'_, '_> {
    type Error = Odd;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        match self.opened {
            Opened::Nothing => Err(Odd),
            Opened::Scalar(_) => visitor.visit_str(&self.scalar()?.0.text),
            Opened::Mapping(frame) => {
                mapping(self.cursor, frame, self.shape, |entries| visitor.visit_map(entries))
            }
            Opened::Sequence(frame) => {
                let item = self.shape.item().ok_or(Odd)?;
                let mut items = Items { cursor: self.cursor, frame, item, count: 0, ended: false };
                let value = visitor.visit_seq(&mut items)?;
                let whole = items.ended && self.shape.takes_items(items.count);
                if whole { Ok(value) } else { Err(Odd) }
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        match self.scalar()?.1 {
            Meaning::Bool(value) => visitor.visit_bool(value),
            Meaning::Null | Meaning::Unsigned(_) | Meaning::Negative(_) | Meaning::Text => Err(Odd),
        }
    }

    integers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        // What has no value is a mistake.
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Odd> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Odd> {
        match self.opened {
            Opened::Scalar(_) => {
                let (token, _) = self.scalar()?;
                let variant: StrDeserializer<'_, Odd> = (&*token.text).into_deserializer();
                visitor.visit_enum(variant)
            }
            Opened::Mapping(frame) => mapping(self.cursor, frame, self.shape, |entries| {
                visitor.visit_enum(MapAccessDeserializer::new(entries))
            }),
            Opened::Nothing | Opened::Sequence(_) => Err(Odd),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Odd> {
        Err(Odd)
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier
    }
}

struct Items<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    frame: Frame,
    item: &'c Shape,
    count: usize,
    ended: bool,
}

impl<'de> de::SeqAccess<'de> for Items<'_, '_> {
    type Error = Odd;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Odd> {
        let Some(opened) = self.cursor.next_item(&mut self.frame).ok_or(Odd)? else {
            self.ended = true;
            return Ok(None);
        };
        self.count += 1;
        seed.deserialize(Value { cursor: self.cursor, opened, shape: self.item }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        // Most lists have one item, and there are many of them.
        Some(1)
    }
}

struct Entries<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    frame: Frame,
    fields: Fields<'c>,
    /// What the value of the last key may be.
    value: Option<&'c Shape>,
    ended: bool,
}

impl<'a> Entries<'_, 'a> {
    fn next(&mut self) -> Result<Option<Token<'a>>, Odd> {
        let key = self.cursor.next_key(&mut self.frame).ok_or(Odd)?;
        self.ended = key.is_none();
        Ok(key)
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_, '_> {
    type Error = Odd;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Odd> {
        let Some(key) = self.next()? else { return Ok(None) };
        self.value = Some(self.fields.key(&key.text).ok_or(Odd)?);
        let key: StrDeserializer<'_, Odd> = (&*key.text).into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Odd> {
        let shape = self.value.take().ok_or(Odd)?;
        let opened = self.cursor.value(&self.frame).ok_or(Odd)?;
        if self.fields.depend_on_values() {
            self.fields.value(match &opened {
                Opened::Scalar(token) => Some((&*token.text, token.meaning())),
                Opened::Nothing | Opened::Mapping(_) | Opened::Sequence(_) => None,
            });
        }
        seed.deserialize(Value { cursor: self.cursor, opened, shape })
    }
}
