//! What refused documents declare: a reference to one of them is not dangling, and a rule that
//! would need one is skipped, so that one mistake makes one error.

use std::collections::BTreeSet;

use crate::manifest::decode::Declares;
use crate::model::value::Name;
use crate::model::{Kind, ResourceId};

/// What exists besides the resources that could be decoded.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// Resources whose documents are refused.
    refused: BTreeSet<ResourceId>,
    /// Kinds of documents whose name or tenant cannot be read.
    unnamed: BTreeSet<Kind>,
    /// Whether something could not be read at all.
    anything: bool,
}

impl Declared {
    /// Remembers what a refused document declares.
    pub(super) fn refuse(&mut self, declares: Declares) {
        match declares {
            Declares::Resource(id) => drop(self.refused.insert(id)),
            Declares::Some(kind) => drop(self.unnamed.insert(kind)),
            Declares::Anything => self.anything = true,
            Declares::Nothing => {}
        }
    }

    /// What refused documents declare by name.
    pub(super) fn refused(&self) -> impl Iterator<Item = &ResourceId> {
        self.refused.iter()
    }

    /// Whether a refused document declares this resource, or may declare it.
    pub(super) fn may_be(&self, id: &ResourceId) -> bool {
        self.refused.contains(id) || self.may_be_unnamed(id.kind)
    }

    /// Whether a refused document declares, or may declare, a resource of this kind and owner.
    pub(super) fn may_have(&self, kind: Kind, tenant: Option<&Name>) -> bool {
        if self.refused.is_empty() {
            return self.may_be_unnamed(kind);
        }
        let least = ResourceId { kind, tenant: tenant.cloned(), name: Name::least() };
        let next = || self.refused.range(least..).next();
        self.may_be_unnamed(kind)
            || next().is_some_and(|id| id.kind == kind && id.tenant.as_ref() == tenant)
    }

    /// Whether a refused document declares, or may declare, a resource of this kind.
    pub(super) fn may_have_any(&self, kind: Kind) -> bool {
        if self.refused.is_empty() {
            return self.may_be_unnamed(kind);
        }
        let least = ResourceId::system(kind, Name::least());
        let next = || self.refused.range(least..).next();
        self.may_be_unnamed(kind) || next().is_some_and(|id| id.kind == kind)
    }

    fn may_be_unnamed(&self, kind: Kind) -> bool {
        self.anything || self.unnamed.contains(&kind)
    }
}
