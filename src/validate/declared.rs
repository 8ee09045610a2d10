//! What refused documents declare: a reference to one of them is not dangling, and a rule that
//! would need one is skipped, so that one mistake makes one error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::policies::{Standing, standing};
use super::scopes::Scopes;
use crate::manifest::decode::Declares;
use crate::manifest::salvage::Rest;
use crate::manifest::suggest::Suggestions;
use crate::model::value::Name;
use crate::model::{Kind, Policy, ResourceId, ResourceSet, ScopeOwner};

/// Names of fewer letters are not taken for misspelt ones.
const SHORTEST: usize = 3;

/// Documents that name a tenant which does not exist, up to which it is taken for another one's name.
const MAX_MISSPELT: usize = 3;

/// What exists besides the resources that could be decoded.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// Resources whose documents are refused.
    refused: BTreeSet<ResourceId>,
    /// Kinds of documents whose name or tenant cannot be read.
    unnamed: BTreeSet<Kind>,
    /// Whether something could not be read at all.
    anything: bool,
    /// Kinds of resources of tenants that do not exist and are named so rarely that they are misspelt:
    /// they may be any tenant's.
    homeless: BTreeSet<Kind>,
    /// Kinds of all resources of tenants that do not exist: they may be those of a tenant without any.
    lost: BTreeSet<Kind>,
    /// Which Policies count.
    policies: Standing,
    /// Resources of tenants in the files of others.
    strays: BTreeSet<ResourceId>,
    /// What is left of refused documents. Nothing refers to it; its own references are checked.
    rests: ResourceSet,
    /// What is refused in each of them.
    values: BTreeMap<ResourceId, Rest>,
}

impl Declared {
    /// Remembers what a refused document declares.
    pub(super) fn refuse(&mut self, declares: Declares) {
        match declares {
            Declares::Resource(id) => drop(self.refused.insert(id)),
            Declares::Either(id, other) => self.refused.extend([id, other]),
            Declares::Some(kind) => drop(self.unnamed.insert(kind)),
            Declares::Anything => self.anything = true,
            Declares::Nothing => {}
        }
    }

    /// Keeps what is left of a refused document.
    pub(super) fn keep(&mut self, rest: Rest) {
        let id = rest.resource.id();
        self.rests.insert(Arc::new(rest.resource.clone()));
        self.values.insert(id, rest);
    }

    /// Notes the resources of tenants that do not exist as those of the tenants that their names are
    /// near to: nobody misses them there.
    pub(super) fn note_misspelt_tenants(&mut self, set: &ResourceSet) {
        let refused = std::mem::take(&mut self.refused);
        let tenants: Vec<&Name> = set.tenants().map(|(id, _)| &id.name).collect();
        let is_refused = |tenant: &Name| {
            !refused.is_empty()
                && refused.contains(&ResourceId::system(Kind::Tenant, tenant.clone()))
        };
        let exists = |tenant: &Name| tenants.binary_search(&tenant).is_ok() || is_refused(tenant);
        let mut suggestions = Suggestions::new();
        let mut lost: BTreeMap<&Name, Vec<&ResourceId>> = BTreeMap::new();
        let (mut last, mut meant) = (None, None);
        let unsound = refused.iter().filter(|id| !set.contains(id));
        for id in set.iter().map(|(id, _)| id).chain(unsound) {
            let Some(tenant) = &id.tenant else { continue };
            // Resources of one tenant and kind stand together.
            if last != Some(tenant) {
                last = Some(tenant);
                let known = || tenants.iter().map(|name| name.as_str());
                // Short names are near to each other without being meant.
                let near = match exists(tenant) || tenant.as_str().len() < SHORTEST {
                    true => None,
                    false => suggestions.nearest((), tenant.as_str(), known()),
                };
                meant = near.and_then(|name| name.parse::<Name>().ok());
            }
            if let Some(tenant) = &meant {
                self.refused.insert(ResourceId { tenant: Some(tenant.clone()), ..id.clone() });
            } else if !exists(tenant) {
                lost.entry(tenant).or_default().push(id);
            }
        }
        self.lost = lost.values().flatten().map(|id| id.kind).collect();
        // What more documents name was a tenant, and is gone or has another name.
        let few = lost.into_values().filter(|all| all.len() <= MAX_MISSPELT);
        self.homeless.extend(few.flatten().map(|id| id.kind));
        self.refused.extend(refused);
    }

    /// Notes which Policy counts, and which do not, because they stand in the files of tenants.
    pub(super) fn note_policies<'p>(
        &mut self,
        set: &ResourceSet,
        paths: impl Iterator<Item = (&'p ResourceId, &'p str)>,
    ) {
        self.policies = standing(set, paths);
    }

    /// The Policies that do not count, each with the tenant whose file it stands in.
    pub(super) fn void_policies(&self) -> &BTreeMap<ResourceId, Name> {
        &self.policies.void
    }

    /// The Policy of a set that counts; the first one where files are not known.
    pub(super) fn policy<'a>(&self, set: &'a ResourceSet) -> Option<(&'a ResourceId, &'a Policy)> {
        let counts = |id| self.policies.counts.as_ref().is_none_or(|one| one == id);
        set.policies().find(|(id, _)| counts(*id) && !self.policies.void.contains_key(id))
    }

    /// Whether a refused document declares, or may declare, a Policy that counts.
    pub(super) fn may_have_policy(&self) -> bool {
        let mut policies = self.refused.range(ResourceId::system(Kind::Policy, Name::least())..);
        let is_policy = |id: &&ResourceId| id.kind == Kind::Policy;
        self.may_be_unnamed(Kind::Policy)
            || policies
                .by_ref()
                .take_while(is_policy)
                .any(|id| !self.policies.void.contains_key(id))
    }

    /// Notes the resources of tenants that stand in the files of others (TL601) as those of the files'
    /// owners too: whether the tenant is wrong or the file is not known, and nobody misses them there.
    pub(super) fn note_strays<'p>(
        &mut self,
        set: &ResourceSet,
        paths: impl Iterator<Item = (&'p ResourceId, &'p str)>,
    ) {
        if self.may_have_policy() {
            return;
        }
        let scopes = Scopes::of(self.policy(set).map(|(_, policy)| policy));
        let mut refused = BTreeSet::new();
        let exists = |tenant: &Name| {
            let id = ResourceId::system(Kind::Tenant, tenant.clone());
            set.contains(&id) || self.refused.contains(&id)
        };
        for (id, _, owner) in scopes.owners(paths) {
            let (Some(tenant), ScopeOwner::Tenant(owner)) = (&id.tenant, owner) else { continue };
            if owner == *tenant || !exists(&owner) {
                continue;
            }
            if exists(tenant) {
                self.strays.insert(id.clone());
            }
            refused.insert(ResourceId::owned(id.kind, owner, id.name.clone()));
        }
        self.refused.append(&mut refused);
    }

    /// Whether a resource stands in the file of another tenant, which is told: what else is wrong with
    /// its tenant follows.
    pub(super) fn is_stray(&self, id: &ResourceId) -> bool {
        self.strays.contains(id)
    }

    /// Whether something of this kind may be any tenant's, so that what a tenant lacks follows.
    pub(super) fn has_homeless(&self, kind: Kind) -> bool {
        self.homeless.contains(&kind)
    }

    /// Whether there is something of this kind whose tenant does not exist.
    pub(super) fn has_lost(&self, kind: Kind) -> bool {
        self.lost.contains(&kind)
    }

    /// What is left of refused documents.
    pub(super) fn rests(&self) -> &ResourceSet {
        &self.rests
    }

    /// Whether nothing that a resource says is refused.
    pub(super) fn knows_all(&self, id: &ResourceId) -> bool {
        self.values.is_empty() || !self.values.contains_key(id)
    }

    /// Whether nothing that these fields of a resource say is refused.
    pub(super) fn knows(&self, id: &ResourceId, fields: &[&str]) -> bool {
        self.knows_all(id)
            || self.values.get(id).is_none_or(|rest| fields.iter().all(|field| rest.knows(field)))
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

    /// Whether a refused document declares a resource of this kind and name, whoever owns it.
    pub(super) fn may_be_anybodys(&self, kind: Kind, name: &Name) -> bool {
        let of_kind = self.refused.range(ResourceId::system(kind, Name::least())..);
        self.may_be_unnamed(kind)
            || of_kind.take_while(|id| id.kind == kind).any(|id| id.name == *name)
    }

    fn may_be_unnamed(&self, kind: Kind) -> bool {
        self.anything || self.unnamed.contains(&kind)
    }
}
