//! Flow collections of one line: `[1, 2]`, `{name: x}`.

use super::{MAX_DEPTH, Scanner, unique};
use crate::manifest::node::{Field, Node, Value};

impl Scanner<'_> {
    /// The collection whose bracket stands here.
    pub(super) fn flow(&mut self, depth: usize) -> Option<Node> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let start = self.cursor.at();
        let mapping = self.cursor.byte()? == b'{';
        self.cursor.skip(1);
        let value = if mapping {
            Value::Mapping(self.flow_fields(depth + 1)?)
        } else {
            Value::Sequence(self.flow_items(depth + 1)?)
        };
        Some(Node { span: self.span(start, self.cursor.at()), value })
    }

    fn flow_items(&mut self, depth: usize) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        if self.flow_ends_at_once(b']') {
            return Some(items);
        }
        loop {
            items.push(self.flow_value(depth)?);
            if self.flow_ends(b']')? {
                return Some(items);
            }
        }
    }

    fn flow_fields(&mut self, depth: usize) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        if self.flow_ends_at_once(b'}') {
            return Some(fields);
        }
        loop {
            let key = self.cursor.flow_key()?;
            self.cursor.skip_spaces();
            let key_span = self.span(key.start, key.end);
            let value = self.flow_value(depth)?;
            fields.push(Field { key: key.text.into(), key_span, value });
            if self.flow_ends(b'}')? {
                return unique(&fields).then_some(fields);
            }
        }
    }

    fn flow_value(&mut self, depth: usize) -> Option<Node> {
        if matches!(self.cursor.byte()?, b'[' | b'{') {
            return self.flow(depth);
        }
        let token = self.cursor.scalar(true)?;
        Some(self.scalar(token))
    }

    /// Passes the bracket that ends an empty collection, if it is empty.
    fn flow_ends_at_once(&mut self, bracket: u8) -> bool {
        self.cursor.skip_spaces();
        let empty = self.cursor.byte() == Some(bracket);
        self.cursor.skip(usize::from(empty));
        empty
    }

    /// Passes a comma, or the bracket that ends the collection.
    fn flow_ends(&mut self, bracket: u8) -> Option<bool> {
        self.cursor.skip_spaces();
        let found = self.cursor.byte()?;
        self.cursor.skip(1);
        if found == b',' {
            self.cursor.skip_spaces();
            return Some(false);
        }
        (found == bracket).then_some(true)
    }
}
