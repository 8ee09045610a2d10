//! A fast reader of the YAML that manifests are made of: block mappings and lists, scalars and flow
//! collections of one line. It gives up on everything else and never reports: the full parser does.

mod cursor;
mod flow;
mod scalar;

use super::node::{Field, Meaning, Node, Scalar, Value};
use crate::diag::{FileId, Span};
use cursor::Cursor;
use scalar::Token;

/// Levels of nesting that are read here: half of [`super::yaml::MAX_DEPTH`], so that the limit
/// itself is the full parser's business.
const MAX_DEPTH: usize = 32;

/// Keys of one mapping that are compared pair by pair; more are sorted.
const FEW_KEYS: usize = 16;

/// The tree of the one document in `text`, which begins at byte `offset` of the file. `None` means
/// that the full parser has to look: the text is empty, faulty, or merely unusual.
pub fn scan(file: FileId, offset: usize, text: &str) -> Option<Node> {
    let mut scanner = Scanner { cursor: Cursor::new(text)?, file, offset };
    u32::try_from(offset.checked_add(text.len())?).ok()?;
    scanner.cursor.first_line()?;
    let column = scanner.cursor.line()?;
    let node = scanner.block(column, 0)?;
    scanner.cursor.line().is_none().then_some(node)
}

/// Reads one document. After a block node the cursor stands at the content of the next line.
struct Scanner<'a> {
    cursor: Cursor<'a>,
    file: FileId,
    offset: usize,
}

impl Scanner<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        // The whole text was found to fit.
        let byte = |at: usize| u32::try_from(self.offset + at).unwrap_or(u32::MAX);
        Span { file: self.file, start: byte(start), end: byte(end) }
    }

    fn scalar(&self, token: Token<'_>) -> Node {
        let meaning = if token.plain { Meaning::of_plain(&token.text) } else { Meaning::Text };
        let span = self.span(token.start, token.end);
        Node { span, value: Value::Scalar(Scalar { text: token.text.into(), meaning }) }
    }

    /// A mapping or a list whose first line is this one, at this column.
    fn block(&mut self, column: usize, depth: usize) -> Option<Node> {
        if self.cursor.at_dash() {
            self.sequence(column, depth, false)
        } else {
            self.mapping(column, depth)
        }
    }

    fn mapping(&mut self, column: usize, depth: usize) -> Option<Node> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let start = self.cursor.at();
        let mut fields = Vec::with_capacity(4);
        loop {
            let key = self.cursor.key()?;
            let key_span = self.span(key.start, key.end);
            let value = self.field_value(column, key_span, depth + 1)?;
            fields.push(Field { key: key.text.into(), key_span, value });
            match self.cursor.line() {
                Some(indent) if indent == column => {}
                Some(indent) if indent > column => return None,
                _ => break,
            }
        }
        let mut span = self.span(start, start);
        span.end = fields.last()?.value.span.end;
        unique(&fields).then_some(Node { span, value: Value::Mapping(fields) })
    }

    /// The value after a key's colon. One that is left out stands where its key stands.
    fn field_value(&mut self, column: usize, key_span: Span, depth: usize) -> Option<Node> {
        self.cursor.skip_spaces();
        if !self.cursor.at_line_end() {
            return self.inline(depth);
        }
        self.cursor.next_line()?;
        match self.cursor.line() {
            Some(indent) if indent > column => self.block(indent, depth),
            // A list may stand at the column of its key.
            Some(indent) if indent == column && self.cursor.at_dash() => {
                self.sequence(column, depth, true)
            }
            _ => {
                // The full parser writes an absent value so.
                let scalar = Scalar { text: "~".into(), meaning: Meaning::Null };
                Some(Node { span: key_span, value: Value::Scalar(scalar) })
            }
        }
    }

    /// A list whose dashes stand at `column`; `beside_keys` if its mapping's keys stand there too.
    fn sequence(&mut self, column: usize, depth: usize, beside_keys: bool) -> Option<Node> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let start = self.cursor.at();
        let mut items = Vec::with_capacity(4);
        loop {
            let dash = self.cursor.at();
            self.cursor.skip(1);
            self.cursor.skip_spaces();
            if self.cursor.at_line_end() {
                return None;
            }
            let inner = column + (self.cursor.at() - dash);
            items.push(self.item(inner, depth + 1)?);
            match self.cursor.line() {
                Some(indent) if indent == column && self.cursor.at_dash() => {}
                Some(indent) if indent > column || (indent == column && !beside_keys) => {
                    return None;
                }
                _ => break,
            }
        }
        let mut span = self.span(start, start);
        span.end = items.last()?.span.end;
        if beside_keys {
            // No collection of its own to the full parser, so its first dash is not in its span.
            span.start = items.first()?.span.start;
        }
        Some(Node { span, value: Value::Sequence(items) })
    }

    /// What stands after a dash, at this column.
    fn item(&mut self, column: usize, depth: usize) -> Option<Node> {
        if self.cursor.at_dash() {
            return self.sequence(column, depth, false);
        }
        if self.cursor.before_key() {
            return self.mapping(column, depth);
        }
        self.inline(depth)
    }

    /// A value that ends on this line, and the rest of the line.
    fn inline(&mut self, depth: usize) -> Option<Node> {
        let node = match self.cursor.byte()? {
            b'[' | b'{' => self.flow(depth)?,
            _ => {
                let token = self.cursor.scalar(false)?;
                self.scalar(token)
            }
        };
        self.cursor.next_line()?;
        Some(node)
    }
}

fn unique(fields: &[Field]) -> bool {
    if fields.len() <= FEW_KEYS {
        let mut rest = fields;
        while let Some((first, others)) = rest.split_first() {
            if others.iter().any(|other| other.key == first.key) {
                return false;
            }
            rest = others;
        }
        return true;
    }
    let mut keys: Vec<&str> = fields.iter().map(|field| &*field.key).collect();
    keys.sort_unstable();
    keys.is_sorted_by(|left, right| left < right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(text: &str) -> bool {
        scan(FileId(0), 0, text).is_some()
    }

    #[test]
    fn what_manifests_are_made_of_is_read() {
        for text in [
            "a: 1",
            "# head\n---\na: 1 # x\n\n# y\nb:\n  - c: 'd''e'\n    f: \"g\"\n  -   - 1\n",
            "a:\n- 1\n- b: {}\nc: [1, 'x', {y: z}] # end\nd:\n",
            "--- # x\n+49: -5\n'a b': é, x\nsip: sip:a@b:5060#c\n",
        ] {
            assert!(accepts(text), "{text:?}");
        }
    }

    #[test]
    fn everything_unusual_is_left_to_the_full_parser() {
        for text in [
            "",
            "---\n",
            "# x\n",
            "a",
            "- ",
            "-",
            "- a\n- ",
            "a:\n  - ",
            "a: \"x\"#c",
            "a: [1]#c",
            "a: 1\na: 2",
            "a: &x 1",
            "a: *x",
            "a: !t x",
            "a: |\n  x",
            "a: >\n  x",
            "a:\tb",
            "a: 1\r\n",
            "\u{feff}a: 1",
            "a: \u{85}",
            "a: \u{2028}",
            "%YAML 1.2\n---\na: 1",
            "? a\n: b",
            "a: b: c",
            "a: b\n  c",
            "a: 'b\n  c'",
            "a: \"\\n\"",
            "a: [1,\n  2]",
            "a: {b}",
            "a: [b: c]",
            "a: [,]",
            "<<: a",
            "~: a",
            ": a",
            "a : b",
            "a:\n   b: 1\n  c: 2",
            "  a: 1\nb: 2",
            "- a\nb: 1",
            "a: 1\n- b",
            "a: 1\n...\n",
            "... \n",
            "{a: 1}",
            "a: - b",
            "a: @",
            "a: `x",
            "a: \0",
            "--- a: 1",
            "a:\n  b",
            "a: 1]\n b",
            "- a: 1\n b: 2",
            "a: [1] [2]",
            "a: {b: 1, b: 2}",
        ] {
            assert!(!accepts(text), "{text:?}");
        }
    }

    #[test]
    fn depth_ends_far_from_the_limit() {
        let nested = |levels: usize| -> String {
            (0..levels).map(|level| format!("{}a:\n", " ".repeat(level))).collect()
        };
        assert!(accepts(&nested(MAX_DEPTH)));
        assert!(!accepts(&nested(MAX_DEPTH + 1)));
        assert!(!accepts(&format!("a: {}", "[".repeat(100_000))));
        assert!(!accepts(&"- ".repeat(100_000)));
    }

    #[test]
    fn a_wide_mapping_keeps_its_keys_unique() {
        let wide: String = (0..1000).map(|id| format!("k{id}: 1\n")).collect();
        assert!(accepts(&wide));
        assert!(!accepts(&format!("{wide}k500: 1\n")));
    }
}
