//! The order of a plan: steps after each of which the state is valid.
//!
//! Four passes over the kinds, whose order is the order of dependency, and no search:
//!
//! 1. **release**, users first: whatever stands in another resource's way lets go ([`release`]);
//! 2. **build**, used ones first: what is new comes to be, what changes takes its form; pools keep
//!    numbers that rules still use;
//! 3. **retire**, users first: what is no longer declared goes, pools give up the rest;
//! 4. **settle**: trunks that took a form on the way ([`Detours`]) take their own.
//!
//! A Policy changes before all of them or after, whichever asks less of the states on the way.
//!
//! Before the build nobody holds what another one wants, and everything that the remaining users
//! use is there; after it everything desired is there, and taking away what nobody desired breaks
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::value::{DidMatch, DidSet, Name, NumberRange};
use crate::model::{DidOverlap, DidPool, Kind, Resource, ResourceId, ResourceSet, Spec};

use super::detours::Detours;
use super::release::{Form, Release, release};
use super::{Action, Change};

/// What one step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepAction {
    /// The resource comes to be.
    Create,
    /// It takes another form.
    Change,
    /// It goes.
    Delete,
}

impl StepAction {
    /// The word, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
        }
    }
}

/// One step: a resource takes a form, or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub action: StepAction,
    /// To whom.
    pub resource: ResourceId,
    /// The form afterwards; `None` for a deletion.
    pub state: Option<Arc<Resource>>,
    /// Why it is not simply the change itself, for a step on the way.
    pub reason: Option<String>,
}

/// The steps from `live` to `desired`, whose differences are `changes`.
pub(super) fn steps(live: &ResourceSet, desired: &ResourceSet, changes: &[Change]) -> Vec<Step> {
    let detours = Detours::new(live, desired, changes);
    let release = release(live, desired, changes, &detours);
    let mut walk = Walk {
        live,
        desired,
        release: &release,
        answered: BTreeMap::new(),
        now: BTreeMap::new(),
        steps: Vec::new(),
    };
    // A Policy that allows less comes last, one that allows more first: at each end it is obeyed.
    let strict = desired.policies().any(|(_, policy)| policy.did_overlap == DidOverlap::Global);
    if !strict {
        walk.policies(changes);
    }
    walk.release();
    let pools = changes.iter().filter(|change| change.resource.kind == Kind::DidPool);
    walk.note_answered(pools.filter_map(|change| change.resource.tenant.as_ref()).collect());
    let mut touched: BTreeSet<&ResourceId> = release.forms.keys().collect();
    let ids = changes.iter().map(|change| &change.resource);
    touched.extend(ids.filter(|id| id.kind != Kind::Policy));
    for id in touched.iter().filter(|id| desired.contains(id)) {
        walk.build(id, &detours);
    }
    for id in users_first(touched.iter().copied()) {
        walk.retire(id);
    }
    for id in touched.iter().filter(|id| id.kind == Kind::Trunk) {
        walk.put(id, desired.get(id).cloned(), None);
    }
    if strict {
        walk.policies(changes);
    }
    walk.steps
}

/// Against the order of dependency, but names in order.
fn users_first<'a>(ids: impl Iterator<Item = &'a ResourceId>) -> Vec<&'a ResourceId> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_by_key(|id| (std::cmp::Reverse(id.kind), *id));
    ids
}

/// The state on its way.
struct Walk<'a> {
    live: &'a ResourceSet,
    desired: &'a ResourceSet,
    release: &'a Release,
    /// The numbers that rules answer when the build begins, of tenants whose pools change, in order
    /// and without overlaps.
    answered: BTreeMap<Name, Vec<NumberRange>>,
    /// What differs from the live state by now.
    now: BTreeMap<ResourceId, Option<Arc<Resource>>>,
    steps: Vec<Step>,
}

impl Walk<'_> {
    fn now(&self, id: &ResourceId) -> Option<&Arc<Resource>> {
        match self.now.get(id) {
            Some(form) => form.as_ref(),
            None => self.live.get(id),
        }
    }

    /// Gives a resource a form; a step only if it has another one.
    fn put(&mut self, id: &ResourceId, form: Option<Arc<Resource>>, reason: Option<String>) {
        let before = self.now(id);
        let action = match (before, &form) {
            (None, None) => return,
            (Some(before), Some(form)) if before == form => return,
            (None, Some(_)) => StepAction::Create,
            (Some(_), Some(_)) => StepAction::Change,
            (Some(_), None) => StepAction::Delete,
        };
        self.now.insert(id.clone(), form.clone());
        self.steps.push(Step { action, resource: id.clone(), state: form, reason });
    }

    /// A repository has one Policy: the old one goes before a new one comes.
    fn policies(&mut self, changes: &[Change]) {
        let policies = changes.iter().filter(|change| change.resource.kind == Kind::Policy);
        let (going, coming): (Vec<_>, Vec<_>) = policies.partition(|change| change.new.is_none());
        for change in going.into_iter().chain(coming) {
            self.put(&change.resource, change.new.clone(), None);
        }
    }

    fn release(&mut self) {
        for id in users_first(self.release.forms.keys()) {
            let Some(Form { state, reason }) = self.release.forms.get(id) else { continue };
            self.put(id, state.clone(), reason.clone());
        }
    }

    fn note_answered(&mut self, tenants: BTreeSet<&Name>) {
        for tenant in tenants {
            let rules = self.live.owned(Kind::InboundRule, tenant);
            let dids = rules.filter_map(|(id, _)| {
                let Spec::InboundRule(rule) = &self.now(id)?.spec else { return None };
                match rule.did {
                    DidMatch::Range(did) => Some(did),
                    DidMatch::Any => None,
                }
            });
            let dids = DidSet::new(dids.collect()).merged();
            self.answered.insert(tenant.clone(), dids);
        }
    }

    fn build(&mut self, id: &ResourceId, detours: &Detours) {
        let Some(desired) = self.desired.get(id) else { return };
        let (form, reason) = match &desired.spec {
            Spec::Trunk(_) => detours.in_build(desired),
            Spec::DidPool(pool) => self.build_pool(id, desired, pool),
            Spec::Transport(_)
            | Spec::Tenant(_)
            | Spec::Extension(_)
            | Spec::InboundRule(_)
            | Spec::OutboundRule(_)
            | Spec::Schedule(_)
            | Spec::RouteTest(_)
            | Spec::Policy(_) => (desired.clone(), None),
        };
        self.put(id, Some(form), reason);
    }

    /// The pool with its new numbers, and the old ones that rules still use.
    fn build_pool(
        &self,
        id: &ResourceId,
        desired: &Arc<Resource>,
        pool: &DidPool,
    ) -> (Arc<Resource>, Option<String>) {
        let before = self.now(id).map(|before| &before.spec);
        let Some(Spec::DidPool(before)) = before.filter(|_| self.same_trunk(id)) else {
            return (desired.clone(), None);
        };
        let leaving = before.numbers.items().iter();
        let leaving: Vec<_> = leaving.flat_map(|item| pool.numbers.uncovered(*item)).collect();
        let in_use = |item: &NumberRange| {
            let used = id.tenant.as_ref().and_then(|tenant| self.answered.get(tenant));
            let used = used.map_or(&[][..], Vec::as_slice);
            let next = used.partition_point(|range| range.last() < item.first());
            used.get(next).is_some_and(|range| range.intersection(*item).is_some())
        };
        if !leaving.iter().any(in_use) {
            return (desired.clone(), None);
        }
        let items = pool.numbers.items().iter().copied().chain(leaving);
        let numbers = DidSet::new(items.collect());
        let reason = "keeps numbers until their rules have changed".to_owned();
        (desired.with(Spec::DidPool(DidPool { numbers, ..pool.clone() })), Some(reason))
    }

    fn same_trunk(&self, id: &ResourceId) -> bool {
        let trunk = |set: &ResourceSet| {
            let pool = set.did_pool(id.tenant.as_ref(), &id.name)?;
            set.resolve_trunk(id.tenant.as_ref(), &pool.trunk).map(|(trunk, _)| trunk)
        };
        trunk(self.live) == trunk(self.desired)
    }

    fn retire(&mut self, id: &ResourceId) {
        match self.desired.get(id) {
            None => self.put(id, None, None),
            Some(pool) if id.kind == Kind::DidPool => self.put(id, Some(pool.clone()), None),
            Some(_) => {}
        }
    }
}

/// Whether the change cannot be done in place.
pub(super) fn is_replacement(change: &Change) -> bool {
    change.action == Action::Replace
}
