//! The canonical form of manifests: the same documents, values and comments, written the same way.
//!
//! What is written is read again and compared before anyone sees it. A document that cannot be
//! rewritten so that it says the same stays as it stands.

mod layout;
mod lines;
mod order;
mod outline;
mod same;

use std::borrow::Cow;

use crate::diag::FileId;

use super::node::Node;
use super::yaml::{self, Content, Document, Parsed};
use super::{decode, numbers, segments};
use outline::Outline;

/// A file in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formatted {
    /// The whole text.
    pub text: String,
    /// The lines at which documents begin that stay as they were written, because they cannot be
    /// rewritten safely.
    pub kept: Vec<usize>,
}

/// Formats a file. The text of one with faults in its YAML, which [`yaml::parse`] tells, is
/// returned as it is.
pub fn format(file: FileId, text: &str) -> Formatted {
    let plain = plain_lines(text);
    let mut written = String::with_capacity(plain.len() + 64);
    let mut kept = Vec::new();
    let mut line = 1;
    for segment in segments::split(&plain) {
        match document(file, segment.text) {
            Some(text) => written.push_str(&text),
            None => {
                kept.push(line);
                written.push_str(segment.text);
            }
        }
        line += memchr::memchr_iter(b'\n', segment.text.as_bytes()).count();
    }
    if !written.is_empty() && !written.ends_with('\n') {
        written.push('\n');
    }
    let before = yaml::parse(file, text);
    let is_sound = before.diagnostics.is_empty();
    if is_sound && (written == text || is_same(&before, &yaml::parse(file, &written))) {
        return Formatted { text: written, kept };
    }
    Formatted { text: text.to_owned(), kept: vec![1] }
}

fn is_same(before: &Parsed, after: &Parsed) -> bool {
    after.diagnostics.is_empty() && same::documents(&before.documents, &after.documents)
}

/// A text without a byte order mark, its lines ended by a line feed alone.
fn plain_lines(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        text.into()
    }
}

/// What a document says, to be compared with what is made of it.
struct Meaning<'a> {
    text: &'a str,
    documents: Vec<Document>,
    comments: Vec<String>,
}

/// One document in canonical form, or nothing if it cannot be brought there safely.
fn document(file: FileId, text: &str) -> Option<String> {
    let parsed = yaml::parse(file, text);
    if !parsed.diagnostics.is_empty() {
        return None;
    }
    let node = parsed.documents.first().and_then(tree);
    let dashed = node.map_or(Cow::Borrowed(text), |node| with_plain_dashes(node, text));
    let mut outline = outline::read(text)?;
    let comments = std::mem::take(&mut outline.comments);
    if let Cow::Owned(dashed) = &dashed {
        outline = outline::read(dashed)?;
    }
    let mut before = Meaning { text, documents: parsed.documents, comments };
    before.comments.sort_unstable();
    [true, false].into_iter().find_map(|reorder| {
        let written = layout::write(&dashed, &outline, reorder)?;
        // Most documents are in canonical form already.
        (written == text || says(file, &before, &written)).then_some(written)
    })
}

fn tree(document: &Document) -> Option<&Node> {
    match &document.content {
        Content::Tree(node) => Some(node),
        Content::Damaged(_) | Content::Broken(_) => None,
    }
}

/// Number ranges with `-` in place of an en dash or a minus sign (TL304).
fn with_plain_dashes<'a>(node: &Node, text: &'a str) -> Cow<'a, str> {
    let Some(kind) = node.get("kind").and_then(Node::text).and_then(|kind| kind.parse().ok())
    else {
        return text.into();
    };
    let mut places = numbers::with_foreign_dashes(kind, node, text);
    places.sort_unstable_by_key(|span| span.start);
    let mut written = String::new();
    let mut at = 0;
    for span in places {
        let (start, end) = (span.start as usize, span.end as usize);
        let (Some(before), Some(number)) = (text.get(at..start), text.get(start..end)) else {
            continue;
        };
        written.extend([before, &numbers::plain_dashes(number)]);
        at = end;
    }
    if at == 0 {
        return text.into();
    }
    written.push_str(text.get(at..).unwrap_or_default());
    written.into()
}

/// Whether a new text of a document says the same, with the same comments.
fn says(file: FileId, before: &Meaning<'_>, text: &str) -> bool {
    let after = yaml::parse(file, text);
    let Some(Outline { mut comments, .. }) = outline::read(text) else { return false };
    comments.sort_unstable();
    let resource = |document: &Document, text: &str| decode::decode(document, text).resource;
    after.diagnostics.is_empty()
        && comments == before.comments
        && same::documents(&before.documents, &after.documents)
        && before.documents.iter().zip(&after.documents).all(|(old, new)| {
            let old = resource(old, before.text);
            old.is_none() || old == resource(new, text)
        })
}
