//! The first pass of the steps: whatever stands in another resource's way lets go.
//!
//! A transport, tenant or trunk takes its new form at once where that is free, and stands aside
//! with another port, domain or address where it is not: its users stay. A pool gives up numbers. A
//! rule whose numbers, trunk or extension do not stay throughout takes its new form at once where
//! that needs nothing new, and is taken out and created again where it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::value::{DidMatch, DidSet, Name, NumberRange};
use crate::model::{Destination, DidPool, Kind, Resource, ResourceId, ResourceSet, Spec, Trunk};

use super::Change;
use super::aside::Spare;
use super::contest::{Contests, contests};
use super::detours::{Detours, switched_off};
use super::steps::is_replacement;

/// How a resource lets go.
#[derive(Debug)]
pub(super) struct Form {
    /// What it becomes; `None`: it is taken out.
    pub(super) state: Option<Arc<Resource>>,
    /// Why, unless this is simply its change.
    pub(super) reason: Option<String>,
}

/// Everything that lets go.
#[derive(Debug, Default)]
pub(super) struct Release {
    pub(super) forms: BTreeMap<ResourceId, Form>,
}

/// Decides who lets go and how: used ones first, as their users follow. Costs the changes and the
/// rules of the tenants that they touch.
pub(super) fn release(
    live: &ResourceSet,
    desired: &ResourceSet,
    changes: &[Change],
    detours: &Detours,
) -> Release {
    let mut releasing = Releasing {
        live,
        desired,
        changes,
        contests: contests(live, desired, changes),
        forms: BTreeMap::new(),
        spare: None,
    };
    releasing.transports(detours);
    releasing.tenants();
    releasing.trunks(detours);
    releasing.pools();
    releasing.extensions();
    for tenant in releasing.touched_tenants() {
        releasing.rules(&tenant);
    }
    Release { forms: releasing.forms }
}

struct Releasing<'a> {
    live: &'a ResourceSet,
    desired: &'a ResourceSet,
    changes: &'a [Change],
    contests: Contests,
    forms: BTreeMap<ResourceId, Form>,
    spare: Option<Spare>,
}

/// What a tenant's rules can rely on from the first step to the end of the build.
struct Steady {
    /// Numbers by trunk.
    numbers: BTreeMap<ResourceId, DidSet>,
    extensions: DidSet,
}

impl Releasing<'_> {
    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.resource.kind == kind)
    }

    /// The live ones of a kind that have to let go, with who takes it.
    fn losers(&self, kind: Kind) -> Vec<(ResourceId, ResourceId)> {
        let losers = self.contests.losers.iter().filter(|(id, _)| id.kind == kind);
        losers.map(|(loser, gainer)| (loser.clone(), gainer.clone())).collect()
    }

    fn take_out(&mut self, id: &ResourceId, why: &str) {
        let stays = self.desired.contains(id);
        let reason = stays.then(|| format!("{why}; it is created again below"));
        self.forms.insert(id.clone(), Form { state: None, reason });
    }

    fn is_out(&self, id: &ResourceId) -> bool {
        self.forms.get(id).is_some_and(|form| form.state.is_none())
    }

    /// The desired form, if taking it takes nothing from anybody.
    fn free_form(&self, id: &ResourceId) -> Option<Arc<Resource>> {
        self.desired.get(id).filter(|_| !self.contests.gainers.contains(id)).cloned()
    }

    fn set_form(&mut self, id: &ResourceId, state: Arc<Resource>) {
        self.forms.insert(id.clone(), Form { state: Some(state), reason: None });
    }

    /// Lets a resource stand aside, or takes it out where no value is left to stand aside with.
    fn stand_aside(&mut self, id: &ResourceId, gainer: &ResourceId, base: Arc<Resource>) {
        let sets = [self.live, self.desired];
        let spare = self.spare.get_or_insert_with(|| Spare::beside(self.live, self.desired));
        let state = match &base.spec {
            Spec::Transport(spec) => spare.transport(&base, spec),
            Spec::Tenant(spec) => spare.tenant(&base, spec),
            Spec::Trunk(spec) => spare.trunk(&base, spec, sets),
            Spec::DidPool(_)
            | Spec::Extension(_)
            | Spec::InboundRule(_)
            | Spec::Schedule(_)
            | Spec::RouteTest(_)
            | Spec::Policy(_)
            | Spec::OutboundRule(_) => None,
        };
        let Some(state) = state else { return self.take_out(id, "it stands in the way") };
        let reason = Some(format!("stands aside for {gainer} until that has changed"));
        self.forms.insert(id.clone(), Form { state: Some(state), reason });
    }

    fn transports(&mut self, detours: &Detours) {
        for id in replaced(self.of_kind(Kind::Transport)) {
            self.take_out(&id, "it is replaced");
        }
        for (id, gainer) in self.losers(Kind::Transport) {
            let Some(old) = self.live.get(&id).filter(|_| !self.is_out(&id)) else { continue };
            // Without any transport an extension has nothing to reach its PBX with (TL409).
            let extension = self.live.of_kind(Kind::Extension).next().is_some();
            let mut trunks = self.live.trunks();
            let used = extension || trunks.any(|(_, trunk)| detours.uses(trunk, &id.name));
            if let Some(form) = self.free_form(&id) {
                self.set_form(&id, form);
            } else if self.desired.contains(&id) || used {
                self.stand_aside(&id, &gainer, old.clone());
            } else {
                self.take_out(&id, "it stands in the way");
            }
        }
    }

    fn tenants(&mut self) {
        for (id, gainer) in self.losers(Kind::Tenant) {
            let Some(old) = self.live.get(&id) else { continue };
            let owns = |kind: &Kind| self.live.owned(*kind, &id.name).next().is_some();
            if let Some(form) = self.free_form(&id) {
                self.set_form(&id, form);
            } else if self.desired.contains(&id) || Kind::ALL.iter().any(owns) {
                self.stand_aside(&id, &gainer, old.clone());
            } else {
                self.take_out(&id, "it stands in the way");
            }
        }
    }

    fn trunks(&mut self, detours: &Detours) {
        for id in replaced(self.of_kind(Kind::Trunk)) {
            self.take_out(&id, "it is replaced");
        }
        for id in self.on_transports_taken_out() {
            self.take_out(&id, "its transport is replaced");
        }
        for (id, state, reason) in detours.at_first(self.live) {
            if !self.is_out(&id) {
                self.forms.insert(id, Form { state: Some(state), reason: Some(reason) });
            }
        }
        for (id, gainer) in self.losers(Kind::Trunk) {
            let Some(old) = self.live.get(&id).filter(|_| !self.is_out(&id)) else { continue };
            let hides = id.name == gainer.name && id.tenant.is_none() != gainer.tenant.is_none();
            let pinned = self.forms.get(&id).and_then(|form| form.state.clone());
            let base = pinned.unwrap_or_else(|| old.clone());
            if hides {
                self.take_out(&id, "its name goes to another trunk");
            } else if let Some(form) = self.free_form(&id).filter(|form| self.has_transport(form)) {
                self.set_form(&id, form);
            } else {
                self.stand_aside(&id, &gainer, base);
            }
        }
        for id in detours.shy().filter(|id| !self.is_out(id)).cloned().collect::<Vec<_>>() {
            let form = self.forms.get(&id).and_then(|form| form.state.as_ref());
            if let Some(off) = form.or_else(|| self.live.get(&id)).and_then(|now| switched_off(now))
            {
                let reason = Some("is off while its pools change".to_owned());
                self.forms.insert(id, Form { state: Some(off), reason });
            }
        }
    }

    fn on_transports_taken_out(&self) -> Vec<ResourceId> {
        let out = |name: &Name| self.is_out(&ResourceId::system(Kind::Transport, name.clone()));
        let named = |trunk: &Trunk| trunk.transport.as_ref().is_some_and(out);
        let any_out = self.forms.keys().any(|id| id.kind == Kind::Transport && self.is_out(id));
        let unnamed = |trunk: &Trunk| trunk.transport.is_none();
        let trunks = self.live.trunks().filter(|_| any_out);
        trunks.filter(|(_, spec)| named(spec) || unnamed(spec)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether the trunk's transport is there from the start.
    fn has_transport(&self, trunk: &Resource) -> bool {
        let Spec::Trunk(spec) = &trunk.spec else { return false };
        let transport = &spec.transport;
        let there = |name: &Name| {
            let id = ResourceId::system(Kind::Transport, name.clone());
            self.live.contains(&id) && !self.is_out(&id)
        };
        let only = || {
            let mut all = self.live.transports();
            let same =
                all.next().is_some_and(|(id, _)| self.desired.contains(id) && there(&id.name));
            same && all.next().is_none() && self.desired.transports().count() == 1
        };
        transport.as_ref().map_or_else(only, there)
    }

    fn pools(&mut self) {
        if self.forms.keys().any(|id| id.kind == Kind::Trunk && self.is_out(id)) {
            let trunk = |id: &ResourceId, pool: &DidPool| {
                self.live.resolve_trunk(id.tenant.as_ref(), &pool.trunk).map(|(trunk, _)| trunk)
            };
            let on_it = |(id, pool): &(&ResourceId, &DidPool)| {
                trunk(id, pool).is_some_and(|trunk| self.is_out(&trunk))
            };
            let pools: Vec<_> =
                self.live.did_pools().filter(on_it).map(|(id, _)| id.clone()).collect();
            pools.iter().for_each(|id| self.take_out(id, "its trunk is taken out"));
        }
        for (id, gainer) in self.losers(Kind::DidPool) {
            let Some(old) = self.live.get(&id).filter(|_| !self.is_out(&id)) else { continue };
            let Spec::DidPool(pool) = &old.spec else { continue };
            let kept = self.kept_numbers(&id, pool);
            if kept.is_empty() {
                self.take_out(&id, &format!("its numbers go to {gainer}"));
                continue;
            }
            let pool = DidPool { numbers: DidSet::new(kept), ..pool.clone() };
            let state = old.with(Spec::DidPool(pool));
            let whole = self.desired.get(&id) == Some(&state);
            let reason = (!whole).then(|| format!("gives up numbers before {gainer} takes them"));
            self.forms.insert(id, Form { state: Some(state), reason });
        }
    }

    /// The numbers that a pool has in both states on one trunk.
    fn kept_numbers(&self, id: &ResourceId, old: &DidPool) -> Vec<NumberRange> {
        let Some(new) = self.desired.did_pool(id.tenant.as_ref(), &id.name) else {
            return Vec::new();
        };
        if self.moves(id) {
            return Vec::new();
        }
        let items = old.numbers.items().iter();
        let both = |item: &NumberRange| DidSet::new(new.numbers.uncovered(*item)).uncovered(*item);
        items.flat_map(both).collect()
    }

    /// Whether a pool changes its trunk.
    fn moves(&self, id: &ResourceId) -> bool {
        let trunk = |set: &ResourceSet| {
            let pool = set.did_pool(id.tenant.as_ref(), &id.name)?;
            set.resolve_trunk(id.tenant.as_ref(), &pool.trunk).map(|(trunk, _)| trunk)
        };
        self.desired.contains(id) && trunk(self.live) != trunk(self.desired)
    }

    fn extensions(&mut self) {
        for (id, gainer) in self.losers(Kind::Extension) {
            match self.free_form(&id) {
                Some(form) => self.set_form(&id, form),
                None => self.take_out(&id, &format!("its numbers or its PBX go to {gainer}")),
            }
        }
    }

    /// The tenants some of whose rules may have to follow.
    fn touched_tenants(&self) -> BTreeSet<Name> {
        let changed = self.changes.iter().map(|change| &change.resource);
        let changed = changed.filter(|id| match id.kind {
            Kind::DidPool => self.moves(id),
            Kind::Extension => true,
            Kind::InboundRule => self.contests.losers.contains_key(id),
            Kind::Policy
            | Kind::Transport
            | Kind::Tenant
            | Kind::Trunk
            | Kind::Schedule
            | Kind::OutboundRule
            | Kind::RouteTest => false,
        });
        changed.chain(self.forms.keys()).filter_map(|id| id.tenant.clone()).collect()
    }

    fn rules(&mut self, tenant: &Name) {
        let steady = self.steady(tenant);
        let inbound = self.live.owned(Kind::InboundRule, tenant);
        let rules = inbound.chain(self.live.owned(Kind::OutboundRule, tenant));
        for (id, old) in rules {
            let loser = self.contests.losers.get(id);
            if loser.is_none() && self.is_met(old, &steady) {
                continue;
            }
            let new = self.free_form(id).filter(|new| self.is_met(new, &steady));
            match new {
                Some(new) => self.set_form(id, new),
                None => self.take_out(id, "what it uses does not stay throughout"),
            }
        }
    }

    fn steady(&self, tenant: &Name) -> Steady {
        let mut numbers: BTreeMap<ResourceId, Vec<NumberRange>> = BTreeMap::new();
        for (id, old) in self.live.owned(Kind::DidPool, tenant) {
            let form = self.forms.get(id).map_or(Some(old), |form| form.state.as_ref());
            let Some(Spec::DidPool(pool)) = form.map(|form| &form.spec) else { continue };
            let trunk = self.live.resolve_trunk(Some(tenant), &pool.trunk);
            if let Some((trunk, _)) = trunk.filter(|_| !self.moves(id)) {
                numbers.entry(trunk).or_default().extend(pool.numbers.items());
            }
        }
        let numbers = numbers.into_iter().map(|(trunk, items)| (trunk, DidSet::new(items)));
        let mut extensions = Vec::new();
        for (id, old) in self.live.owned(Kind::Extension, tenant) {
            let now = self.forms.get(id).map_or(Some(old), |form| form.state.as_ref());
            // One that is not desired stays until after the build.
            let later = self.desired.get(id).unwrap_or(old);
            let all = [Some(old), now, Some(later)].map(|form| match form.map(|form| &form.spec) {
                Some(Spec::Extension(spec)) => Some(spec.numbers),
                _ => None,
            });
            let both = |one: Option<NumberRange>, two: Option<NumberRange>| one?.intersection(two?);
            let [old, now, later] = all;
            extensions.extend(both(both(old, now), later));
        }
        Steady { numbers: numbers.collect(), extensions: DidSet::new(extensions) }
    }

    /// Whether everything that a rule uses is steady.
    fn is_met(&self, rule: &Resource, steady: &Steady) -> bool {
        let tenant = rule.metadata.tenant.as_ref();
        let numbers = |name: &Name| {
            let (trunk, _) = self.live.resolve_trunk(tenant, name)?;
            steady.numbers.get(&trunk)
        };
        match &rule.spec {
            Spec::InboundRule(spec) => {
                let answered = |numbers: &DidSet| match spec.did {
                    DidMatch::Any => true,
                    DidMatch::Range(did) => numbers.uncovered(did).is_empty(),
                };
                let reached = match spec.destination {
                    Destination::Extension(range) => steady.extensions.uncovered(range).is_empty(),
                    Destination::Number(_)
                    | Destination::Sip(_)
                    | Destination::Voicemail(_)
                    | Destination::Keep(_)
                    | Destination::Reject(_) => true,
                };
                reached && numbers(&spec.trunk).is_some_and(answered)
            }
            Spec::OutboundRule(spec) => {
                spec.routes.iter().all(|route| numbers(&route.trunk).is_some())
            }
            Spec::Transport(_)
            | Spec::Tenant(_)
            | Spec::Trunk(_)
            | Spec::DidPool(_)
            | Spec::Schedule(_)
            | Spec::RouteTest(_)
            | Spec::Policy(_)
            | Spec::Extension(_) => true,
        }
    }
}

fn replaced<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<ResourceId> {
    changes.filter(|change| is_replacement(change)).map(|change| change.resource.clone()).collect()
}
