//! Where resources stand. Spans are asked for by diagnostics and plans only, of few documents out of
//! many: a document's tree is not kept but read again from the text, and then remembered for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::diag::{FileId, SourceMap, Span};
use crate::manifest::node::Node;
use crate::manifest::numbers;
use crate::manifest::yaml::{self, Content, Parsed, Segment};
use crate::model::ResourceId;

/// Bytes of text whose trees are remembered; a tree takes some ten times its text.
const MAX_REMEMBERED_BYTES: usize = 16 * 1024 * 1024;

/// Where a document stands: a segment of a file, and which of its documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    file: FileId,
    start: u32,
    end: u32,
    index: u32,
}

impl Place {
    /// The file.
    pub(super) fn file(&self) -> FileId {
        self.file
    }

    /// The document of that index in a segment.
    pub(super) fn new(file: FileId, segment: Segment<'_>, index: usize) -> Self {
        // Files are at most 8 MiB, and a segment has no more documents than bytes.
        let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
        let (start, end) = (segment.offset, segment.offset + segment.text.len());
        Self { file, start: number(start), end: number(end), index: number(index) }
    }
}

/// The documents that resources come from.
#[derive(Debug, Default)]
pub(super) struct Places {
    sources: Arc<SourceMap>,
    /// Sorted by identity.
    documents: Vec<(ResourceId, Place)>,
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    trees: BTreeMap<Place, Arc<Node>>,
    bytes: usize,
}

impl Places {
    /// These places in these texts; `documents` are sorted by their identities, each once.
    pub(super) fn new(sources: Arc<SourceMap>, documents: Vec<(ResourceId, Place)>) -> Self {
        Self { sources, documents, remembered: Mutex::default() }
    }

    /// How many documents there are.
    pub(super) fn len(&self) -> usize {
        self.documents.len()
    }

    /// Every resource with its file, by identity.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&ResourceId, &str)> {
        self.documents.iter().map(|(id, place)| (id, self.sources.path(place.file)))
    }

    /// The place of a field; see [`super::Desired::span`].
    pub(super) fn span(&self, id: &ResourceId, field: &str) -> Option<Span> {
        self.tree(id).map(|document| document.nearest_span(field))
    }

    /// The place of a field's key; falls back like [`Places::span`].
    pub(super) fn key_span(&self, id: &ResourceId, field: &str) -> Option<Span> {
        self.tree(id).map(|document| document.nearest_key_span(field))
    }

    /// The place of an item of a pool's numbers.
    pub(super) fn item_span(&self, pool: &ResourceId, index: usize) -> Option<Span> {
        let document = self.tree(pool)?;
        let numbers = document.pointer("/spec/numbers")?;
        let source = self.sources.text(numbers.span.file);
        Some(numbers::item_span(numbers, index, source))
    }

    fn tree(&self, id: &ResourceId) -> Option<Arc<Node>> {
        let at = self.documents.binary_search_by(|(one, _)| one.cmp(id)).ok()?;
        self.tree_at(self.documents.get(at)?.1)
    }

    /// The tree of the document at a place.
    pub(super) fn tree_at(&self, place: Place) -> Option<Arc<Node>> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = remembered.trees.get(&place) {
            return Some(Arc::clone(tree));
        }
        let text = self.sources.text(place.file).get(place.start as usize..place.end as usize)?;
        let mut parsed = Parsed::default();
        let segment = Segment { offset: place.start as usize, text };
        yaml::parse_segment(place.file, segment, &mut parsed);
        let document = parsed.documents.into_iter().nth(place.index as usize)?;
        let tree = match document.content {
            Content::Tree(node) | Content::Damaged(node) => Arc::new(node),
            // The declaration of a broken document is read from its lines; it has no fields.
            Content::Broken(_) => return None,
        };
        if remembered.bytes + text.len() > MAX_REMEMBERED_BYTES {
            *remembered = Remembered::default();
        }
        remembered.bytes += text.len();
        remembered.trees.insert(place, Arc::clone(&tree));
        Some(tree)
    }
}
