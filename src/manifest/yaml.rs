//! Text to spanned trees. The parser's events are put together here under hard limits, so that no
//! input can exhaust the stack or the memory; scalars keep the text that was written.

use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle, Tag};
use smol_str::SmolStr;

use super::faults::{self, over_budget, too_deep};
use super::fences;
use super::hint::{self, Hint};
use super::node::{Field, Meaning, Node, Scalar, Value};
use super::scanner;
use super::segments;
pub use super::segments::{Segment, split};
pub(crate) use super::shown::{shown, shown_key};
use super::slips;
use crate::diag::{Code, Diagnostic, FileId, Span};

/// Levels of nesting in one document.
pub const MAX_DEPTH: usize = 64;

/// Anchors of a document that are told by their names: secrets are sought in the whole text for each.
const MAX_NAMED_ANCHORS: usize = 20;

/// Nodes that the aliases of one file may copy.
pub(super) const MAX_ALIAS_NODES: usize = 10_000;

/// Bytes of text that the aliases of one file may copy.
pub(super) const MAX_ALIAS_BYTES: usize = 1024 * 1024;

/// Duplicate keys and other faults beyond the syntax that are told for one document.
pub(super) const MAX_FAULTS: usize = 100;

const NO_MERGE: &str = "merge keys (`<<`) are not supported";

/// One document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its place; for a document that cannot be parsed, the fault's.
    pub span: Span,
    /// What it says.
    pub content: Content,
}

/// What a document says, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The tree.
    Tree(Node),
    /// The tree of a document with faults that have been told (a duplicate key): it declares its
    /// resource but is not used.
    Damaged(Node),
    /// It cannot be parsed, which has been told; what its lines seem to declare.
    Broken(Hint),
}

/// The documents of one file, without the empty ones, and what is wrong with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The documents in their order.
    pub documents: Vec<Document>,
    /// TL001, TL002 and TL003.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a file. A document that cannot be parsed does not hide the ones after it.
pub fn parse(file: FileId, text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for segment in split(text) {
        parse_segment(file, segment, &mut parsed);
    }
    parsed
}

/// Parses one segment of a file, see [`split`]: what [`parse`] does with every one of them, for
/// those who need not hold the trees of a whole file.
pub fn parse_segment(file: FileId, segment: Segment<'_>, parsed: &mut Parsed) {
    match scanner::scan(file, segment.offset, segment.text) {
        Some(node) => {
            let span = node.span;
            parsed.documents.push(Document { span, content: Content::Tree(node) });
        }
        None => parse_segment_in_full(file, segment, parsed),
    }
}

/// What [`parse`] says, always by the full parser: what the fast scanner is measured against.
pub fn parse_in_full(file: FileId, text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for segment in split(text) {
        parse_segment_in_full(file, segment, &mut parsed);
    }
    parsed
}

fn parse_segment_in_full(file: FileId, segment: Segment<'_>, parsed: &mut Parsed) {
    // A fence is told, and what stands in it is read.
    let fenced = fences::without(segment.text);
    let text = fenced.as_ref().map_or(segment.text, |(text, _)| text);
    let mut builder = Builder::new(file, Segment { offset: segment.offset, text });
    let fence = fenced.as_ref().map(|(_, at)| fences::tell(builder.span(at.start, at.end)));
    parsed.diagnostics.extend(fence);
    let result = match segments::control_character(text) {
        Some((at, found)) => {
            Err(slips::control_character(builder.span(at, at + found.len_utf8()), found))
        }
        None => builder.build(),
    };
    let result = result.map_err(|fault| builder.take_head(&fault).unwrap_or(fault));
    let faults = std::mem::take(&mut builder.faults);
    parsed.documents.append(&mut builder.documents);
    parsed.diagnostics.extend(faults);
    if let Err(fault) = result {
        // An alias of nothing behind `<<` is no second mistake.
        let told = builder.merging;
        let span = fault.span.unwrap_or_else(|| builder.span(0, 0));
        // What stands before the end of a sound document belongs to that one.
        let content = Content::Broken(hint::read(text.get(builder.read..).unwrap_or("")));
        parsed.documents.push(Document { span, content });
        parsed.diagnostics.extend((!told).then_some(*fault));
    }
}

/// What stops the reading of a document.
pub(super) type Fatal = Box<Diagnostic>;

/// A collection that is not finished yet.
struct Open {
    start: usize,
    anchor: usize,
    flow: bool,
    children: Children,
}

/// How a node stands in the file, as far as its place in the tree depends on it.
#[derive(Clone, Copy)]
struct Written {
    anchored: bool,
    plain: bool,
}

enum Children {
    Sequence(Vec<Node>),
    Mapping { fields: Vec<Field>, key: Option<(SmolStr, Span)> },
}

/// What an anchor stands for, with the cost of one copy.
struct Anchored {
    node: Node,
    nodes: usize,
    bytes: usize,
    depth: usize,
}

struct Builder<'t> {
    text: &'t str,
    file: FileId,
    offset: usize,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    alias_nodes: usize,
    alias_bytes: usize,
    anchor_nodes: usize,
    anchor_bytes: usize,
    root: Option<Node>,
    damaged: bool,
    /// The document is several, with no line between them.
    glued: bool,
    faults: Vec<Diagnostic>,
    documents: Vec<Document>,
    /// Where the last finished document ends.
    read: usize,
    /// A merge key has been told whose value has not come yet.
    merging: bool,
}

impl<'t> Builder<'t> {
    fn new(file: FileId, Segment { offset, text }: Segment<'t>) -> Self {
        Self {
            text,
            file,
            offset,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            alias_nodes: 0,
            alias_bytes: 0,
            anchor_nodes: 0,
            anchor_bytes: 0,
            root: None,
            damaged: false,
            glued: false,
            faults: Vec::new(),
            documents: Vec::new(),
            read: 0,
            merging: false,
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let byte = |at: usize| u32::try_from(self.offset + at).unwrap_or(u32::MAX);
        Span { file: self.file, start: byte(start), end: byte(end.max(start)) }
    }

    fn build(&mut self) -> Result<(), Fatal> {
        let mut options = granit_parser::options! { strict_indentation: false };
        options.set_emit_comments(false);
        for event in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            let range = span.byte_range().unwrap_or(0..0);
            self.event(event, range)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, Range { start, end }: Range<usize>) -> Result<(), Fatal> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.as_deref(), start);
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let meaning = if plain { Meaning::of_plain(&text) } else { Meaning::Text };
                let value = Value::Scalar(Scalar { text: text.into(), meaning });
                let mut node = Node { span: self.span(start, end), value };
                if anchor != 0 && start == end && !self.stack.is_empty() {
                    self.name_anchor(&mut node, start);
                }
                self.anchor(anchor, &node);
                self.add(node, Written { anchored: anchor != 0, plain });
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), start);
                self.open(start, anchor, style, Children::Sequence(Vec::new()))?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), start);
                let children = Children::Mapping { fields: Vec::new(), key: None };
                self.open(start, anchor, style, children)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(end),
            Event::Alias(anchor) => self.alias(anchor, start, end)?,
            Event::DocumentEnd => {
                self.read = end;
                self.finish();
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_)
            | Event::Comment(..)
            | _ => {}
        }
        Ok(())
    }

    fn syntax(&self, error: &ScanError) -> Fatal {
        let text = self.text;
        let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
        let span = self.span(at, at);
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return too_deep(span);
        }
        faults::syntax(text, at, &error.info(), &|start, end| self.span(start, end))
    }

    /// To the parser a first line that is indented further than the others is a document of its own.
    fn take_head(&mut self, fault: &Diagnostic) -> Option<Fatal> {
        let head = self.documents.last()?.span;
        let local = |at: u32| (at as usize).checked_sub(self.offset);
        let (begin, end) = (local(head.start)?, local(fault.span?.start)?);
        if !slips::is_indented_head(self.text, begin, end) {
            return None;
        }
        self.documents.pop();
        self.read = 0;
        let (message, help) = slips::indented_head(self.text, begin);
        Some(Box::new(Diagnostic::new(Code::TL001, message).at(head).help(help)))
    }

    fn fault(&mut self, diagnostic: Diagnostic) {
        self.damaged = true;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(diagnostic);
        }
    }

    fn tag(&mut self, tag: Option<&Tag>, at: usize) {
        let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema_tag("str")) else { return };
        let original = tag.original();
        // A secret may begin with `!`, too.
        let message = match slips::may_show(self.text, &original) {
            true => format!("the tag `{original}` is not supported"),
            false => "a tag, which begins with `!`, is not supported".to_owned(),
        };
        let help =
            "remove the tag: manifests need none; a text that begins with `!` stands in quotes";
        // The parser stands behind it, where its value begins or would.
        let before = self.text.get(..at).unwrap_or_default();
        let begin = before.rfind(&original).or_else(|| before.rfind('!')).unwrap_or(at);
        let span = self.span(begin, begin);
        self.fault(Diagnostic::new(Code::TL001, message).at(span).help(help));
    }

    fn open(
        &mut self,
        start: usize,
        anchor: usize,
        style: StructureStyle,
        children: Children,
    ) -> Result<(), Fatal> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep(self.span(start, start)));
        }
        let flow = style == StructureStyle::Flow;
        self.stack.push(Open { start, anchor, flow, children });
        Ok(())
    }

    fn close(&mut self, end: usize) {
        let Some(open) = self.stack.pop() else { return };
        let (value, last) = match open.children {
            Children::Sequence(items) => {
                let last = items.last().map(|item| item.span.end);
                (Value::Sequence(items), last)
            }
            Children::Mapping { fields, .. } => {
                self.duplicates(&fields);
                let last = fields.last().map(|field| field.value.span.end);
                (Value::Mapping(fields), last)
            }
        };
        let mut span = self.span(open.start, end);
        // The end of a block collection is the beginning of what follows it: show its last value.
        if let Some(last) = last.filter(|_| !open.flow) {
            span.end = last.max(span.start);
        }
        let node = Node { span, value };
        self.anchor(open.anchor, &node);
        self.add(node, Written { anchored: open.anchor != 0, plain: false });
    }

    fn duplicates(&mut self, fields: &[Field]) {
        // Documents without a line between them are one mistake, not one for each of their keys.
        let glued = self.stack.is_empty() && faults::are_glued(fields);
        self.glued |= glued;
        faults::duplicates(fields, glued).into_iter().for_each(|fault| self.fault(fault));
    }

    /// Puts a finished node where it belongs: a list, a key's value, a key, or the root.
    fn add(&mut self, node: Node, written: Written) {
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        self.merging = false;
        match &mut open.children {
            Children::Sequence(items) => items.push(node),
            Children::Mapping { fields, key } => match key.take() {
                None => self.key(node, written),
                Some((key, key_span)) => {
                    let mut value = node;
                    if value.span.start == value.span.end && !written.anchored {
                        value.span = key_span;
                    }
                    fields.push(Field { key, key_span, value });
                }
            },
        }
    }

    fn key(&mut self, node: Node, written: Written) {
        let span = node.span;
        let fault = match &node.value {
            Value::Scalar(scalar) if scalar.meaning == Meaning::Null => Some("a key is missing"),
            Value::Scalar(scalar) if written.plain && &*scalar.text == "<<" => Some(NO_MERGE),
            Value::Scalar(_) if written.anchored => Some("an anchor on a key is not supported"),
            Value::Scalar(_) => None,
            Value::Mapping(_) if slips::is_template(node.span, self.offset, self.text) => {
                Some(slips::TEMPLATE)
            }
            Value::Sequence(_) | Value::Mapping(_) => Some("a key is a list or a mapping"),
        };
        self.merging = fault.is_some_and(|fault| fault == NO_MERGE);
        if let Some(message) = fault {
            let help = match message {
                slips::TEMPLATE => slips::RENDER,
                NO_MERGE => "write the fields themselves, without `<<`",
                _ => "write each field as `key: value`",
            };
            self.fault(Diagnostic::new(Code::TL001, message).at(span).help(help));
        }
        let text = match node.value {
            Value::Scalar(scalar) => scalar.text,
            Value::Sequence(_) | Value::Mapping(_) => "".into(),
        };
        if let Some(Open { children: Children::Mapping { key, .. }, .. }) = self.stack.last_mut() {
            *key = Some((text, span));
        }
    }

    /// Lets a value that was left out behind an anchor stand at the anchor, and have its text: somebody may
    /// have meant a text that begins with `&`.
    fn name_anchor(&self, node: &mut Node, at: usize) {
        let before = self.text.get(..at).unwrap_or_default().trim_end();
        let Some(begin) = before.rfind('&') else { return };
        node.span = self.span(begin, before.len());
        let Value::Scalar(scalar) = &mut node.value else { return };
        if scalar.meaning == Meaning::Null {
            // A secret may begin with `&`, too.
            let word = before.get(begin..).unwrap_or_default();
            let is_named = self.anchors.len() < MAX_NAMED_ANCHORS;
            let may_show = is_named && slips::may_show(self.text, word);
            scalar.text = if may_show { word } else { "&" }.into();
        }
    }

    /// Remembers what an anchor stands for, as long as the copies fit the budget.
    fn anchor(&mut self, id: usize, node: &Node) {
        if id == 0 {
            return;
        }
        let (nodes, bytes, depth) = cost(node);
        let fits = self.anchor_nodes + nodes <= MAX_ALIAS_NODES
            && self.anchor_bytes + bytes <= MAX_ALIAS_BYTES;
        if fits {
            self.anchor_nodes += nodes;
            self.anchor_bytes += bytes;
            self.anchors.insert(id, Anchored { node: node.clone(), nodes, bytes, depth });
        }
    }

    fn alias(&mut self, id: usize, start: usize, end: usize) -> Result<(), Fatal> {
        let span = self.span(start, end);
        let Some(anchored) = self.anchors.get(&id) else {
            let message = "the alias stands for itself or for more than an alias may copy";
            return Err(over_budget(message, span));
        };
        self.alias_nodes += anchored.nodes;
        self.alias_bytes += anchored.bytes;
        if self.alias_nodes > MAX_ALIAS_NODES || self.alias_bytes > MAX_ALIAS_BYTES {
            return Err(over_budget("the aliases of this document copy too much", span));
        }
        if self.stack.len() + anchored.depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        let mut node = anchored.node.clone();
        node.span = span;
        self.add(node, Written { anchored: false, plain: false });
        Ok(())
    }

    fn finish(&mut self) {
        self.stack.clear();
        self.anchors.clear();
        let damaged = std::mem::take(&mut self.damaged);
        let glued = std::mem::take(&mut self.glued);
        let Some(node) = self.root.take() else { return };
        let empty = node.span.start == node.span.end
            && matches!(&node.value, Value::Scalar(scalar) if scalar.meaning == Meaning::Null);
        if !empty {
            let span = node.span;
            let content = match damaged {
                _ if glued => Content::Broken(Hint::Unknown),
                true => Content::Damaged(node),
                false => Content::Tree(node),
            };
            self.documents.push(Document { span, content });
        }
    }
}

/// Nodes, bytes of text and levels of a tree. The recursion is bounded by [`MAX_DEPTH`].
fn cost(node: &Node) -> (usize, usize, usize) {
    let add = |(nodes, bytes, depth): (usize, usize, usize), key: usize, child: &Node| {
        let inner = cost(child);
        (nodes + inner.0, bytes + inner.1 + key, depth.max(inner.2 + 1))
    };
    match &node.value {
        Value::Scalar(scalar) => (1, scalar.text.len(), 0),
        Value::Sequence(items) => items.iter().fold((1, 0, 1), |sum, item| add(sum, 0, item)),
        Value::Mapping(fields) => {
            fields.iter().fold((1, 0, 1), |sum, field| add(sum, field.key.len(), &field.value))
        }
    }
}
