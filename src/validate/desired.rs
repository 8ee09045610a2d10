//! The proof of validation: what is wanted, without errors, with the place of every field.

use std::sync::Arc;

use super::places::Places;
use crate::diag::{SourceMap, Span};
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
