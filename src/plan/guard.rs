//! What may not be deleted: things that are live, that this change would take away, and that what
//! stays still uses (TL801). `validate` knows only the tree and calls it a dangling reference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Code, Diagnostic, Severity};
use crate::model::{Destination, Kind, Resource, ResourceId, ResourceSet, Spec};
use crate::validate::{Checked, check_resources};

/// Missing things that are looked into; a tree with more of them is told without TL801.
const MAX_MISSING: usize = 64;

/// A check of a tree, seen against the live state.
#[derive(Debug, Clone, Default)]
pub struct Guarded {
    /// Deletions that are refused, by what they would delete (TL801).
    pub refusals: Vec<Diagnostic>,
    /// What else was found; without the errors that a refused deletion explains.
    pub diagnostics: Vec<Diagnostic>,
}

impl Guarded {
    /// Whether refused deletions are all that is wrong.
    pub fn only_refuses(&self) -> bool {
        let is_error = |one: &Diagnostic| one.severity() == Severity::Error;
        !self.refusals.is_empty() && !self.diagnostics.iter().any(is_error)
    }
}

/// Finds the errors of a tree that are deletions of something live and in use. A missing thing is
/// the cause of an error when the error is gone once the thing is put back as it is live.
pub fn deletions_in_use(checked: &Checked, live: &ResourceSet) -> Guarded {
    let mut diagnostics = checked.diagnostics.clone();
    let missing = missing(checked, live);
    if missing.is_empty() || missing.len() > MAX_MISSING {
        return Guarded { refusals: Vec::new(), diagnostics };
    }
    let before = keys(&check_resources(&checked.resources));
    let mut explained = BTreeSet::new();
    let mut refusals = Vec::new();
    for (id, resource) in missing {
        let mut restored = (*checked.resources).clone();
        restored.insert(Arc::clone(resource));
        let after = keys(&check_resources(&restored));
        let gone: BTreeSet<_> = before.difference(&after).cloned().collect();
        let users: Vec<&Diagnostic> =
            checked.diagnostics.iter().filter(|one| gone.contains(&key(one))).collect();
        if !users.is_empty() {
            refusals.push(refusal(&id, checked.resources.contains(&id), &users));
            explained.extend(gone);
        }
    }
    diagnostics.retain(|one| !explained.contains(&key(one)));
    Guarded { refusals, diagnostics }
}

type Key = (Code, Option<String>, String);

fn key(diagnostic: &Diagnostic) -> Key {
    (diagnostic.code, diagnostic.resource.clone(), diagnostic.message.clone())
}

fn keys(diagnostics: &[Diagnostic]) -> BTreeSet<Key> {
    diagnostics.iter().map(key).collect()
}

/// What is live, used by something that has an error now, and gone or no longer the same.
fn missing<'a>(
    checked: &Checked,
    live: &'a ResourceSet,
) -> BTreeMap<ResourceId, &'a Arc<Resource>> {
    let errors = checked.diagnostics.iter().filter(|one| one.severity() == Severity::Error);
    let troubled: BTreeSet<&str> = errors.filter_map(|one| one.resource.as_deref()).collect();
    if troubled.is_empty() {
        return BTreeMap::new();
    }
    let users = checked.resources.iter().filter(|(id, _)| troubled.contains(&*id.to_string()));
    let used = users.flat_map(|(id, resource)| used_by(id, resource, live));
    used.filter(|id| checked.resources.get(id) != live.get(id))
        .filter_map(|id| live.get(&id).map(|resource| (id, resource)))
        .collect()
}

/// Everything live that a resource may lean on.
fn used_by(id: &ResourceId, resource: &Resource, live: &ResourceSet) -> Vec<ResourceId> {
    let tenant = id.tenant.as_ref();
    let mut used: Vec<ResourceId> =
        tenant.map(|name| ResourceId::system(Kind::Tenant, name.clone())).into_iter().collect();
    let mut trunks = Vec::new();
    match &resource.spec {
        Spec::Trunk(trunk) => match &trunk.transport {
            Some(name) => used.push(ResourceId::system(Kind::Transport, name.clone())),
            None => used.extend(live.transports().map(|(id, _)| id.clone())),
        },
        Spec::DidPool(pool) => trunks.push(&pool.trunk),
        Spec::InboundRule(rule) => {
            trunks.push(&rule.trunk);
            if let Destination::Extension(range) = rule.destination {
                let theirs = live.extensions().filter(|(id, _)| id.tenant.as_ref() == tenant);
                let meant = theirs.filter(|(_, one)| one.numbers.intersection(range).is_some());
                used.extend(meant.map(|(id, _)| id.clone()));
            }
        }
        Spec::OutboundRule(rule) => trunks.extend(rule.routes.iter().map(|route| &route.trunk)),
        Spec::Transport(_)
        | Spec::Tenant(_)
        | Spec::Extension(_)
        | Spec::Schedule(_)
        | Spec::RouteTest(_)
        | Spec::Policy(_) => {}
    }
    for name in trunks {
        used.extend(live.resolve_trunk(tenant, name).map(|(id, _)| id));
        let pools = live.did_pools().filter(|(id, _)| id.tenant.as_ref() == tenant);
        used.extend(pools.filter(|(_, pool)| pool.trunk == *name).map(|(id, _)| id.clone()));
    }
    used
}

fn refusal(id: &ResourceId, stays: bool, users: &[&Diagnostic]) -> Diagnostic {
    let names: BTreeSet<&str> = users.iter().filter_map(|one| one.resource.as_deref()).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let message = if stays {
        format!("{id} cannot be cut down: what it loses is in use by {names}")
    } else {
        format!("{id} cannot be deleted: it is in use by {names}")
    };
    let first = users.first().and_then(|one| one.span);
    let mut refusal = Diagnostic::new(Code::TL801, message)
        .at(first)
        .of(id)
        .help(format!("change or delete what uses it in the same revision, or keep {id} as it is"));
    for user in users.iter().skip(1) {
        let name = user.resource.as_deref().unwrap_or("this");
        refusal = refusal.related(user.span, format!("{name} uses it here"));
    }
    refusal
}
