//! A fast reader of the YAML that manifests are made of: block mappings and lists, scalars and flow
//! collections of one line. It gives up on everything else and never reports: the full parser does.

mod cursor;
mod scalar;
mod walk;

use super::node::{Field, Meaning, Node, Scalar, Value};
use crate::diag::{FileId, Span};
pub(super) use cursor::Cursor;
pub(super) use scalar::Token;
pub(super) use walk::{Frame, Opened};

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
    let opened = scanner.cursor.document()?;
    let node = scanner.node(opened, scanner.span(0, 0), 0)?;
    scanner.cursor.line().is_none().then_some(node)
}

/// Makes a tree of one document.
struct Scanner<'a> {
    cursor: Cursor<'a>,
    file: FileId,
    offset: usize,
}

impl<'a> Scanner<'a> {
    fn span(&self, start: usize, end: usize) -> Span {
        // The whole text was found to fit.
        let byte = |at: usize| u32::try_from(self.offset + at).unwrap_or(u32::MAX);
        Span { file: self.file, start: byte(start), end: byte(end) }
    }

    /// The value that was met. One that is left out stands where its key stands.
    fn node(&mut self, opened: Opened<'a>, key_span: Span, depth: usize) -> Option<Node> {
        match opened {
            Opened::Scalar(token) => {
                let span = self.span(token.start, token.end);
                let meaning = token.meaning();
                Some(Node {
                    span,
                    value: Value::Scalar(Scalar { text: token.text.into(), meaning }),
                })
            }
            Opened::Nothing => {
                // The full parser writes an absent value so.
                let scalar = Scalar { text: "~".into(), meaning: Meaning::Null };
                Some(Node { span: key_span, value: Value::Scalar(scalar) })
            }
            _ if depth >= MAX_DEPTH => None,
            Opened::Mapping(frame) => self.mapping(frame, depth),
            Opened::Sequence(frame) => self.sequence(frame, depth),
        }
    }

    fn mapping(&mut self, mut frame: Frame, depth: usize) -> Option<Node> {
        let mut fields = Vec::with_capacity(4);
        while let Some(key) = self.cursor.next_key(&mut frame)? {
            let key_span = self.span(key.start, key.end);
            let opened = self.cursor.value(&frame)?;
            let value = self.node(opened, key_span, depth + 1)?;
            fields.push(Field { key: key.text.into(), key_span, value });
        }
        let mut span = self.span(frame.start, frame.end);
        if !frame.is_flow() {
            span.end = fields.last()?.value.span.end;
        }
        let keys = fields.iter().map(|field| &*field.key);
        unique(keys).then_some(Node { span, value: Value::Mapping(fields) })
    }

    fn sequence(&mut self, mut frame: Frame, depth: usize) -> Option<Node> {
        let mut items = Vec::with_capacity(4);
        let nowhere = self.span(frame.start, frame.start);
        while let Some(opened) = self.cursor.next_item(&mut frame)? {
            items.push(self.node(opened, nowhere, depth + 1)?);
        }
        let mut span = self.span(frame.start, frame.end);
        if !frame.is_flow() {
            span.end = items.last()?.span.end;
        }
        if frame.is_beside_keys() {
            // No collection of its own to the full parser, so its first dash is not in its span.
            span.start = items.first()?.span.start;
        }
        Some(Node { span, value: Value::Sequence(items) })
    }
}

/// Whether the keys of a mapping differ.
pub(super) fn unique<'k>(keys: impl ExactSizeIterator<Item = &'k str> + Clone) -> bool {
    if keys.len() <= FEW_KEYS {
        let mut rest = keys;
        while let Some(first) = rest.next() {
            if rest.clone().any(|other| other == first) {
                return false;
            }
        }
        return true;
    }
    let mut keys: Vec<&str> = keys.collect();
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
