//! Which Policies count: a Policy that a tenant's administrators may write says nothing of anybody's
//! rights, least of all of their own.

use std::collections::BTreeMap;

use super::reading::Found;
use super::scopes::Scopes;
use crate::diag::{Code, Diagnostic, SourceMap, Span};
use crate::model::value::Name;
use crate::model::{Kind, ResourceId, ResourceSet, ScopeOwner};

/// Policies that are compared with each other. One is right, and each further one an error.
const MAX_COMPARED: usize = 16;

/// Whose a file is where no Policy says it: a Policy in a tenant's never counts.
pub(super) fn tenant_of(path: &str) -> Option<Name> {
    match Scopes::default().owner(path) {
        ScopeOwner::Tenant(tenant) => Some(tenant),
        ScopeOwner::System => None,
    }
}

/// The documents with those last that are Policies in tenants' files: they take nobody's name.
pub(super) fn void_last(mut documents: Vec<Found>, sources: &SourceMap) -> Vec<Found> {
    let is_void = |one: &Found| {
        one.id.kind == Kind::Policy && tenant_of(sources.path(one.place.file())).is_some()
    };
    if documents.iter().any(is_void) {
        documents.sort_by_key(is_void);
    }
    documents
}

/// What is said of a Policy, or anything of the system's, in a file of a tenant.
pub(super) fn outside(id: &ResourceId, path: &str, whose: &str, tenant: &Name) -> Diagnostic {
    let message = format!("{id} belongs to {whose}, and `{path}` is a file of tenant `{tenant}`");
    Diagnostic::new(Code::TL601, message).of(id)
}

/// What to do with a Policy that does not count, with the place of the one that does.
pub(super) fn nothing_counts(told: Diagnostic, first: Option<Span>) -> Diagnostic {
    match first {
        Some(first) => told
            .related(first, "the Policy that counts")
            .help("nothing that it says counts here, and a repository has one Policy: remove it"),
        None => told.help("nothing that it says counts here, least of all its `scopes`: move it to a file of the system's scope, outside of `tenants/`"),
    }
}

/// Which of the Policies say whose files are whose.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The one that counts, where files are known.
    pub counts: Option<ResourceId>,
    /// Those that do not, each with the tenant whose file it stands in: by the scopes that hold where
    /// no Policy writes any, or by those of the Policy that counts.
    pub void: BTreeMap<ResourceId, Name>,
}

/// The standing of the Policies of a set; any further one that is not void is an error by itself (TL202).
pub(super) fn standing<'p>(
    set: &ResourceSet,
    paths: impl Iterator<Item = (&'p ResourceId, &'p str)>,
) -> Standing {
    let mut void = BTreeMap::new();
    let mut rest = Vec::new();
    // Sorted by kind, and this is the first one.
    for (id, path) in paths.take_while(|(id, _)| id.kind == Kind::Policy) {
        match tenant_of(path) {
            Some(tenant) => drop(void.insert(id.clone(), tenant)),
            None => rest.push((id, path)),
        }
    }
    let written = set.policies().filter_map(|(id, policy)| {
        let (_, path) = rest.iter().find(|(one, _)| *one == id)?;
        Some((id, *path, Scopes::of(Some(policy))))
    });
    let written: Vec<_> = written.take(MAX_COMPARED).collect();
    // One that gives its own file to a tenant says nothing of the files of others.
    let is_sane = |(_, path, scopes): &&(_, &str, Scopes)| scopes.owner(path) == ScopeOwner::System;
    let sane = || written.iter().filter(is_sane);
    // One that another gives to a tenant may have been written to take the other's place.
    let is_accused = |(id, path): (&ResourceId, &str)| {
        let mut others = sane().filter(|(other, ..)| *other != id);
        others.any(|(.., scopes)| scopes.owner(path) != ScopeOwner::System)
    };
    let counting = sane().find(|(id, path, _)| !is_accused((id, path)));
    let counting = counting.or_else(|| sane().next()).or_else(|| written.first());
    let Some((first, _, scopes)) = counting else { return Standing { counts: None, void } };
    for (id, path) in rest.into_iter().filter(|(id, _)| id != first) {
        if let ScopeOwner::Tenant(tenant) = scopes.owner(path) {
            void.insert(id.clone(), tenant);
        }
    }
    Standing { counts: Some((*first).clone()), void }
}
