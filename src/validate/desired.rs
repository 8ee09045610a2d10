//! The proof of validation: what is wanted, without errors, with the place of every field.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{SourceMap, Span};
use crate::manifest::node::Node;
use crate::manifest::numbers;
use crate::model::{ResourceId, ResourceSet};

/// A set of resources that has no errors. Only [`super::validate`] makes one. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Desired {
    pub(super) resources: Arc<ResourceSet>,
    pub(super) sources: Arc<SourceMap>,
    pub(super) places: Arc<Places>,
}

impl Desired {
    /// The resources.
    pub fn resources(&self) -> &Arc<ResourceSet> {
        &self.resources
    }

    /// The texts that they come from.
    pub fn sources(&self) -> &Arc<SourceMap> {
        &self.sources
    }

    /// The place of a field of a resource, as a JSON pointer inside its document: `""` is the
    /// document, `/spec/did` a field. Falls back to the nearest ancestor that is written down.
    pub fn span(&self, id: &ResourceId, field: &str) -> Option<Span> {
        self.places.span(id, field)
    }
}

/// The documents that resources come from.
#[derive(Debug, Clone)]
pub(super) struct Places {
    sources: Arc<SourceMap>,
    documents: BTreeMap<ResourceId, Node>,
}

impl Places {
    /// No places yet, in these texts.
    pub(super) fn new(sources: Arc<SourceMap>) -> Self {
        Self { sources, documents: BTreeMap::new() }
    }

    /// Remembers the document of a resource; the first one counts.
    pub(super) fn insert(&mut self, id: ResourceId, document: Node) {
        self.documents.entry(id).or_insert(document);
    }

    /// The file of a resource.
    pub(super) fn path(&self, id: &ResourceId) -> Option<&str> {
        self.documents.get(id).map(|document| self.sources.path(document.span.file))
    }

    /// See [`Desired::span`].
    pub(super) fn span(&self, id: &ResourceId, field: &str) -> Option<Span> {
        self.documents.get(id).map(|document| document.nearest_span(field))
    }

    /// The place of an item of a pool's numbers.
    pub(super) fn item_span(&self, pool: &ResourceId, index: usize) -> Option<Span> {
        let document = self.documents.get(pool)?;
        let numbers = document.pointer("/spec/numbers")?;
        let source = self.sources.text(numbers.span.file);
        Some(numbers::item_span(numbers, index, source))
    }

    /// The place of a field's key; falls back like [`Places::span`].
    pub(super) fn key_span(&self, id: &ResourceId, field: &str) -> Option<Span> {
        self.documents.get(id).map(|document| document.nearest_key_span(field))
    }
}
