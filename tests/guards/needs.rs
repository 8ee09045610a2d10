//! Who needs what and who has it, stated for one number and one name after the other.

use std::collections::{BTreeMap, BTreeSet};

use trunkline::model::value::{DidMatch, Name, NumberRange};
use trunkline::model::{
    CallerId, Destination, InboundRule, Kind, OutboundRule, Protocol, Resource, ResourceId,
    ResourceSet, Spec, Trunk,
};

/// Who needs what; numbers one by one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Atom {
    Named(Vec<ResourceId>),
    Listener(Option<bool>),
    Extension(Name, String),
    Did(Name, Name, String),
    AnyPool(Name, Name),
}

fn each(range: NumberRange) -> impl Iterator<Item = String> {
    (0..range.size()).filter_map(move |n| Some(range.first().offset(n)?.to_string()))
}

fn system(kind: Kind, name: &Name) -> Atom {
    Atom::Named(vec![ResourceId::system(kind, name.clone())])
}

fn listener(trunk: &Trunk) -> Atom {
    match &trunk.transport {
        Some(name) => system(Kind::Transport, name),
        None => Atom::Listener(Some(true)),
    }
}

/// What a resource needs, as far as it can be told: without the tenant or the trunk, nothing is
/// said of their numbers.
fn atoms(id: &ResourceId, resource: &Resource, desired: &ResourceSet) -> BTreeSet<Atom> {
    let tenant = id.tenant.as_ref().map(|name| system(Kind::Tenant, name));
    let mut all: BTreeSet<Atom> = tenant.into_iter().collect();
    let owner = if id.kind == Kind::Tenant { Some(&id.name) } else { id.tenant.as_ref() };
    let Some(name) = owner else {
        if let Spec::Trunk(trunk) = &resource.spec {
            all.insert(listener(trunk));
        }
        return all;
    };
    let is_known = desired.tenant(None, name).is_some();
    let owner = Owner { name, desired, is_known };
    match &resource.spec {
        Spec::Tenant(one) => {
            all.extend(owner.schedule(one.schedule.as_ref()));
            all.extend(owner.caller_ids(&one.caller_ids));
        }
        Spec::Trunk(trunk) => {
            all.insert(listener(trunk));
            all.extend(is_known.then(|| Atom::AnyPool(name.clone(), id.name.clone())));
        }
        Spec::DidPool(pool) => all.extend([owner.trunk(&pool.trunk)]),
        Spec::Extension(one) => {
            all.insert(Atom::Listener(None));
            all.extend(owner.caller_ids(&one.caller_ids));
        }
        Spec::InboundRule(rule) => all.extend(owner.inbound(rule)),
        Spec::OutboundRule(rule) => all.extend(owner.outbound(rule)),
        Spec::RouteTest(test) => {
            all.extend(test.expect.trunk.as_ref().map(|it| owner.trunk(it)));
            let call = test.outbound.as_ref().filter(|_| is_known);
            let numbers = call.into_iter().flat_map(|call| each(call.extension));
            all.extend(numbers.map(|number| Atom::Extension(name.clone(), number)));
        }
        Spec::Policy(_) | Spec::Transport(_) | Spec::Schedule(_) => {}
    }
    all
}

/// Whose names a resource uses.
struct Owner<'a> {
    name: &'a Name,
    desired: &'a ResourceSet,
    is_known: bool,
}

impl Owner<'_> {
    fn owned(&self, kind: Kind, name: &Name) -> ResourceId {
        ResourceId::owned(kind, self.name.clone(), name.clone())
    }

    fn trunk(&self, name: &Name) -> Atom {
        let system = ResourceId::system(Kind::Trunk, name.clone());
        Atom::Named(vec![self.owned(Kind::Trunk, name), system])
    }

    fn schedule(&self, name: Option<&Name>) -> Option<Atom> {
        let name = name.filter(|_| self.is_known)?;
        Some(Atom::Named(vec![self.owned(Kind::Schedule, name)]))
    }

    fn did(&self, trunk: &Name, number: String) -> Atom {
        Atom::Did(self.name.clone(), trunk.clone(), number)
    }

    fn has_trunk(&self, name: &Name) -> bool {
        self.desired.resolve_trunk(Some(self.name), name).is_some()
    }

    fn has_pool(&self, trunk: &Name) -> bool {
        let any = Atom::AnyPool(self.name.clone(), trunk.clone());
        !providers(self.desired, &any).is_empty()
    }

    /// Whether a trunk has to be assigned: it is the system's, and the tenant is there.
    fn is_to_be_assigned(&self, name: &Name) -> bool {
        let trunk = self.desired.resolve_trunk(Some(self.name), name);
        self.is_known && trunk.is_some_and(|(id, _)| id.tenant.is_none())
    }

    fn caller_ids(&self, all: &[CallerId]) -> Vec<Atom> {
        let atoms = all.iter().flat_map(|one| {
            let is_told = self.is_known && self.has_trunk(&one.trunk);
            let number = one.number.bare().filter(|_| is_told);
            let number = number.map(|number| self.did(&one.trunk, number.to_string()));
            std::iter::once(self.trunk(&one.trunk)).chain(number)
        });
        atoms.collect()
    }

    fn inbound(&self, rule: &InboundRule) -> Vec<Atom> {
        let mut all = vec![self.trunk(&rule.trunk)];
        all.extend(self.schedule(rule.schedule.as_ref()));
        // Without any pool, only a trunk that has to be assigned is at fault.
        let has_pool = self.has_pool(&rule.trunk) && self.has_trunk(&rule.trunk);
        if has_pool || self.is_to_be_assigned(&rule.trunk) {
            match rule.did {
                DidMatch::Any => all.push(Atom::AnyPool(self.name.clone(), rule.trunk.clone())),
                DidMatch::Range(range) => {
                    all.extend(each(range).map(|number| self.did(&rule.trunk, number)));
                }
            }
        }
        for (_, destination) in rule.destinations().filter(|_| self.is_known) {
            let range = match *destination {
                Destination::Extension(range) => range,
                Destination::Voicemail(number) => NumberRange::single(number),
                Destination::Number(_)
                | Destination::Sip(_)
                | Destination::Keep(_)
                | Destination::Reject(_) => continue,
            };
            all.extend(each(range).map(|number| Atom::Extension(self.name.clone(), number)));
        }
        all
    }

    fn outbound(&self, rule: &OutboundRule) -> Vec<Atom> {
        let mut all: Vec<_> = self.schedule(rule.schedule.as_ref()).into_iter().collect();
        for route in &rule.routes {
            all.push(self.trunk(&route.trunk));
            let to_assign = self.is_to_be_assigned(&route.trunk);
            if to_assign {
                all.push(Atom::AnyPool(self.name.clone(), route.trunk.clone()));
            }
            // Without any pool the route itself is at fault.
            let is_told = self.is_known
                && self.has_trunk(&route.trunk)
                && (self.has_pool(&route.trunk) || !to_assign);
            let number = route.caller_id.as_ref().and_then(|number| number.bare());
            let number = number.filter(|_| is_told);
            all.extend(number.map(|number| self.did(&route.trunk, number.to_string())));
        }
        all
    }
}

/// Who in a state has what is needed.
fn providers(set: &ResourceSet, atom: &Atom) -> BTreeSet<ResourceId> {
    let holds = |range: &NumberRange, number: &str| range.contains(number.parse().unwrap());
    let owns = |id: &ResourceId, tenant: &Name| id.tenant.as_ref() == Some(tenant);
    let pools = |tenant: &Name, trunk: &Name, number: Option<&str>| -> BTreeSet<ResourceId> {
        let theirs = set.did_pools().filter(|(id, one)| owns(id, tenant) && one.trunk == *trunk);
        let with = theirs.filter(|(_, pool)| {
            number.is_none_or(|number| pool.numbers.contains(number.parse().unwrap()))
        });
        with.map(|(id, _)| id.clone()).collect()
    };
    match atom {
        Atom::Named(ids) => ids.iter().filter(|id| set.contains(id)).cloned().collect(),
        Atom::Listener(udp) => {
            let fits = |protocol| udp.is_none_or(|udp| udp == (protocol == Protocol::Udp));
            let all = set.transports().filter(|(_, one)| fits(one.protocol));
            all.map(|(id, _)| id.clone()).collect()
        }
        Atom::Extension(tenant, number) => {
            let all = set.extensions().filter(|(id, _)| owns(id, tenant));
            let with = all.filter(|(_, one)| holds(&one.numbers, number));
            with.map(|(id, _)| id.clone()).collect()
        }
        Atom::Did(tenant, trunk, number) => pools(tenant, trunk, Some(number)),
        Atom::AnyPool(tenant, trunk) => pools(tenant, trunk, None),
    }
}

/// Users by the thing that is taken from them, and those who miss what was never live.
pub(crate) fn stated(
    live: &ResourceSet,
    desired: &ResourceSet,
) -> (BTreeMap<ResourceId, BTreeSet<ResourceId>>, BTreeSet<ResourceId>) {
    let mut used: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut dangling = BTreeSet::new();
    for (id, resource) in desired.iter() {
        for atom in atoms(id, resource, desired) {
            if !providers(desired, &atom).is_empty() {
                continue;
            }
            let mut things = providers(live, &atom);
            // Where any of several does, the first has to stay.
            if matches!(atom, Atom::Listener(_) | Atom::AnyPool(..)) {
                things = things.into_iter().take(1).collect();
            }
            if things.is_empty() && !matches!(atom, Atom::Listener(_)) {
                dangling.insert(id.clone());
            }
            for thing in things {
                used.entry(thing).or_default().insert(id.clone());
            }
        }
    }
    // That nothing listens, and never did, is told once.
    let nothing = |set: &ResourceSet| set.transports().next().is_none();
    let mut users = desired.of_kind(Kind::Trunk).chain(desired.of_kind(Kind::Extension));
    let first = users.next().filter(|_| nothing(desired) && nothing(live));
    dangling.extend(first.map(|(id, _)| id.clone()));
    (used, dangling)
}
