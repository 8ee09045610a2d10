//! How a document is written: its block collections with the places of their keys, everything else
//! as a stretch of text, and all of its comments.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

/// More comments in one document than this are not followed.
const MAX_COMMENTS: usize = 1_000_000;

/// The outline of one document.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// What stands there; nothing in a document of comments only.
    pub(super) root: Option<Node>,
    /// The texts of its comments, in their order.
    pub(super) comments: Vec<String>,
}

/// A value as it is written.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it begins, in bytes.
    pub(super) start: usize,
    /// Whether an anchor or an alias stands in it.
    pub(super) refers: bool,
    /// How it is written.
    pub(super) shape: Shape,
}

/// How a value is written.
#[derive(Debug)]
pub(super) enum Shape {
    /// `key: value` lines.
    Mapping(Vec<Entry>),
    /// `- item` lines.
    Sequence(Vec<Node>),
    /// A scalar, an alias or a collection in brackets, up to this byte.
    Text(usize),
    /// A `|` or `>` text.
    Literal,
    /// Nothing at all.
    Nothing,
}

/// One key of a block mapping with its value.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where the key stands.
    pub(super) key: Range<usize>,
    /// The key.
    pub(super) name: String,
    /// Its value.
    pub(super) value: Node,
}

/// A block collection that is not finished yet.
struct Open {
    start: usize,
    refers: bool,
    children: Children,
}

enum Children {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, key: Option<(Range<usize>, String)> },
}

/// Reads the outline of a document that the parser has found to be good; `None` if it is written in
/// a way that an outline cannot show: several documents in one, a key that is no scalar.
pub(super) fn read(text: &str) -> Option<Outline> {
    let mut options = granit_parser::options! {
        strict_indentation: false,
        max_buffered_comment_events: MAX_COMMENTS
    };
    options.set_emit_comments(true);
    let mut reader = Reader::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.ok()?;
        reader.event(event, span.byte_range().unwrap_or(0..0))?;
    }
    Some(reader.outline)
}

#[derive(Default)]
struct Reader {
    outline: Outline,
    stack: Vec<Open>,
    /// Levels of brackets that are open, where the outermost begins, and whether it refers.
    flow: (usize, usize, bool),
    documents: usize,
}

impl Reader {
    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> Option<()> {
        match event {
            Event::Comment(text, _) => self.outline.comments.push(text.trim_end().to_owned()),
            Event::DocumentStart(..) => {
                self.documents += 1;
                return (self.documents == 1).then_some(());
            }
            Event::SequenceStart(style, anchor, _) => {
                self.open(style, span.start, anchor != 0, Children::Sequence(Vec::new()));
            }
            Event::MappingStart(style, anchor, _) => {
                let children = Children::Mapping { entries: Vec::new(), key: None };
                self.open(style, span.start, anchor != 0, children);
            }
            Event::SequenceEnd | Event::MappingEnd => return self.close(span.end),
            Event::Scalar(text, style, anchor, _) => {
                let shape = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => Shape::Literal,
                    ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                        match span.is_empty() {
                            true => Shape::Nothing,
                            false => Shape::Text(span.end),
                        }
                    }
                };
                let node = Node { start: span.start, refers: anchor != 0, shape };
                return self.leaf(node, Some(&text));
            }
            Event::Alias(_) => {
                let shape = Shape::Text(span.end);
                return self.leaf(Node { start: span.start, refers: true, shape }, None);
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_)
            | _ => {}
        }
        Some(())
    }

    fn open(&mut self, style: StructureStyle, start: usize, refers: bool, children: Children) {
        let (levels, begin, before) = self.flow;
        if levels > 0 {
            self.flow = (levels + 1, begin, before || refers);
        } else if style == StructureStyle::Flow {
            self.flow = (1, start, refers);
        } else {
            self.stack.push(Open { start, refers, children });
        }
    }

    fn close(&mut self, end: usize) -> Option<()> {
        let (levels, start, refers) = self.flow;
        if levels > 0 {
            self.flow.0 -= 1;
            let whole = Node { start, refers, shape: Shape::Text(end) };
            return if levels == 1 { self.add(whole, None) } else { Some(()) };
        }
        let open = self.stack.pop()?;
        let (refers, shape) = match open.children {
            Children::Sequence(items) => {
                (items.iter().any(|item| item.refers), Shape::Sequence(items))
            }
            Children::Mapping { entries, .. } => {
                (entries.iter().any(|entry| entry.value.refers), Shape::Mapping(entries))
            }
        };
        self.add(Node { start: open.start, refers: refers || open.refers, shape }, None)
    }

    fn leaf(&mut self, node: Node, text: Option<&str>) -> Option<()> {
        if self.flow.0 > 0 {
            self.flow.2 |= node.refers;
            return Some(());
        }
        self.add(node, text)
    }

    /// Puts a finished node where it belongs. `text` is that of a scalar, which may be a key.
    fn add(&mut self, node: Node, text: Option<&str>) -> Option<()> {
        let Some(open) = self.stack.last_mut() else {
            self.outline.root = Some(node);
            return Some(());
        };
        match &mut open.children {
            Children::Sequence(items) => items.push(node),
            Children::Mapping { entries, key } => match key.take() {
                Some((key, name)) => entries.push(Entry { key, name, value: node }),
                None => match node.shape {
                    Shape::Text(end) => *key = Some((node.start..end, text?.to_owned())),
                    Shape::Mapping(_) | Shape::Sequence(_) | Shape::Literal | Shape::Nothing => {
                        return None;
                    }
                },
            },
        }
        Some(())
    }
}
