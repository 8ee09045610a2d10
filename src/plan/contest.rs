//! What only one resource may hold at a time, and who wants what another one gives up.
//!
//! Both states are valid, so whoever holds a thing that another resource gains gives it up in the
//! same change: only changed resources have to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::value::{DidMatch, DidSet, Host, HostPort, Name, NumberRange};
use crate::model::{DidOverlap, Kind, Resource, ResourceId, ResourceSet, Spec, Trunk};

use super::Change;

/// The outcome: who has to let go before another one can take.
#[derive(Debug, Default)]
pub(super) struct Contests {
    /// Each resource that gives something up, with one that takes it.
    pub(super) losers: BTreeMap<ResourceId, ResourceId>,
    /// Resources that take something that another one gives up.
    pub(super) gainers: BTreeSet<ResourceId>,
}

/// What may be held by one resource only; numbers by range, everything else whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    /// A tenant's SIP domain (TL410).
    Domain(Host),
    /// A local port; the address is compared later (TL408).
    Port(u16),
    /// A trunk's name, as a tenant's trunk may not hide a system one (TL202).
    TrunkName(Name),
    /// A PBX's address, as it says whose call it is (TL407).
    Contact(HostPort),
    /// Pool numbers (TL301, TL407); tenant and provider are compared later.
    Numbers,
    /// Numbers of a tenant's extensions (TL202).
    Extension(Option<Name>),
    /// Numbers that a tenant's enabled inbound rules answer on a trunk (TL502).
    Answered(Option<Name>, Name),
    /// `did: "*"` of a tenant's enabled inbound rules on a trunk (TL502).
    AnsweredElse(Option<Name>, Name),
}

/// A thing in somebody's hands.
struct Claim<'a> {
    thing: Thing,
    /// `None` is the whole thing.
    numbers: Option<NumberRange>,
    owner: &'a ResourceId,
}

/// Finds who stands in whose way. Costs the changed resources, sorted, and what meets.
pub(super) fn contests(live: &ResourceSet, desired: &ResourceSet, changes: &[Change]) -> Contests {
    let mut lost = Vec::new();
    let mut gained = Vec::new();
    for change in changes {
        let (old, new) = (change.old.as_deref(), change.new.as_deref());
        lost.extend(only_in(old, new, &change.resource));
        gained.extend(only_in(new, old, &change.resource));
    }
    let mut contests = Contests::default();
    for (loser, gainer) in meetings(lost, gained) {
        if exclude_each_other(live, desired, loser, gainer) {
            contests.add(loser, gainer);
        }
    }
    for (loser, gainer) in trunk_meetings(live, desired, changes) {
        contests.add(loser, gainer);
    }
    contests
}

impl Contests {
    fn add(&mut self, loser: &ResourceId, gainer: &ResourceId) {
        self.losers.entry(loser.clone()).or_insert_with(|| gainer.clone());
        self.gainers.insert(gainer.clone());
    }
}

/// What the first form holds and the second does not.
fn only_in<'a>(
    one: Option<&Resource>,
    other: Option<&Resource>,
    owner: &'a ResourceId,
) -> Vec<Claim<'a>> {
    let mut kept = other.map(claims).unwrap_or_default();
    if let (Some(one), Some(other)) = (one, other)
        && is_elsewhere(&one.spec, &other.spec)
    {
        kept.clear();
    }
    let mut only = Vec::new();
    for (thing, numbers) in one.map(claims).unwrap_or_default() {
        let same: Vec<_> = kept.iter().filter(|(other, _)| *other == thing).collect();
        match numbers {
            None if same.is_empty() => only.push(Claim { thing, numbers: None, owner }),
            None => {}
            Some(range) => {
                let kept = DidSet::new(same.iter().filter_map(|(_, range)| *range).collect());
                only.extend(kept.uncovered(range).into_iter().map(|range| Claim {
                    thing: thing.clone(),
                    numbers: Some(range),
                    owner,
                }));
            }
        }
    }
    only
}

/// Whether equal ports or numbers are other things, being at another address or on another trunk;
/// which ones clash is compared later.
fn is_elsewhere(one: &Spec, other: &Spec) -> bool {
    match (one, other) {
        (Spec::Transport(one), Spec::Transport(other)) => one.bind != other.bind,
        (Spec::DidPool(one), Spec::DidPool(other)) => one.trunk != other.trunk,
        _ => false,
    }
}

fn claims(resource: &Resource) -> Vec<(Thing, Option<NumberRange>)> {
    let tenant = &resource.metadata.tenant;
    match &resource.spec {
        Spec::Transport(spec) => vec![(Thing::Port(spec.port), None)],
        Spec::Tenant(spec) => vec![(Thing::Domain(spec.sip_domain.clone()), None)],
        Spec::Trunk(_) => vec![(Thing::TrunkName(resource.metadata.name.clone()), None)],
        Spec::DidPool(spec) => {
            spec.numbers.items().iter().map(|range| (Thing::Numbers, Some(*range))).collect()
        }
        Spec::Extension(spec) => {
            let pbx = spec.contact.iter();
            let pbx = pbx.map(|uri| (Thing::Contact(contact(&uri.host_port)), None));
            let numbers = (Thing::Extension(tenant.clone()), Some(spec.numbers));
            std::iter::once(numbers).chain(pbx).collect()
        }
        Spec::InboundRule(spec) if !spec.enabled => Vec::new(),
        Spec::InboundRule(spec) => match spec.did {
            DidMatch::Any => vec![(Thing::AnsweredElse(tenant.clone(), spec.trunk.clone()), None)],
            DidMatch::Range(range) => {
                vec![(Thing::Answered(tenant.clone(), spec.trunk.clone()), Some(range))]
            }
        },
        Spec::OutboundRule(_) | Spec::Schedule(_) | Spec::RouteTest(_) | Spec::Policy(_) => {
            Vec::new()
        }
    }
}

/// The address of a PBX with its port written out (RFC 3261 section 19.1.2).
fn contact(address: &HostPort) -> HostPort {
    HostPort { port: Some(address.port.unwrap_or(5060)), ..address.clone() }
}

/// Pairs of (loser, gainer) that touch the same thing: a sweep over things, then numbers.
fn meetings<'a>(
    lost: Vec<Claim<'a>>,
    gained: Vec<Claim<'a>>,
) -> BTreeSet<(&'a ResourceId, &'a ResourceId)> {
    let mut all: Vec<(Claim<'a>, bool)> = lost.into_iter().map(|claim| (claim, false)).collect();
    all.extend(gained.into_iter().map(|claim| (claim, true)));
    all.sort_by(|(one, _), (two, _)| (&one.thing, one.numbers).cmp(&(&two.thing, two.numbers)));
    let mut met = BTreeSet::new();
    let mut open: Vec<(&Claim<'a>, bool)> = Vec::new();
    for (claim, gains) in &all {
        open.retain(|(other, _)| other.thing == claim.thing && reaches(other, claim));
        for (other, other_gains) in &open {
            let (loser, gainer) = if *gains { (other, &claim) } else { (&claim, other) };
            if gains != other_gains && loser.owner != gainer.owner {
                met.insert((loser.owner, gainer.owner));
            }
        }
        open.push((claim, *gains));
    }
    met
}

/// Whether an earlier claim still covers where a later one begins.
fn reaches(earlier: &Claim<'_>, later: &Claim<'_>) -> bool {
    match (earlier.numbers, later.numbers) {
        (Some(earlier), Some(later)) => later.first() <= earlier.last(),
        _ => true,
    }
}

/// Whether the two may not hold the thing at the same time after all.
fn exclude_each_other(
    live: &ResourceSet,
    desired: &ResourceSet,
    loser: &ResourceId,
    gainer: &ResourceId,
) -> bool {
    let (old, new) = (live.get(loser), desired.get(gainer));
    let (Some(old), Some(new)) = (old, new) else { return false };
    match (&old.spec, &new.spec) {
        (Spec::Transport(old), Spec::Transport(new)) => {
            let any = old.bind.is_unspecified() || new.bind.is_unspecified();
            old.port != 0 && old.protocol == new.protocol && (any || old.bind == new.bind)
        }
        (Spec::Trunk(_), Spec::Trunk(_)) => loser.tenant.is_none() != gainer.tenant.is_none(),
        (Spec::DidPool(old), Spec::DidPool(new)) => {
            let one = live.resolve_trunk(loser.tenant.as_ref(), &old.trunk).map(|(id, _)| id);
            let two = desired.resolve_trunk(gainer.tenant.as_ref(), &new.trunk).map(|(id, _)| id);
            let (Some(one), Some(two)) = (one, two) else { return true };
            match one == two {
                true => loser.tenant != gainer.tenant,
                false => is_global(live, desired) || related(live, desired, &one, &two),
            }
        }
        // Extensions of one tenant may share a PBX.
        (Spec::Extension(old), Spec::Extension(new)) if loser.tenant == gainer.tenant => {
            old.numbers.intersection(new.numbers).is_some()
        }
        _ => true,
    }
}

/// Whether a number belongs to one tenant of the world all the way (TL301, `didOverlap: global`).
fn is_global(live: &ResourceSet, desired: &ResourceSet) -> bool {
    let says = |set: &ResourceSet| {
        set.policies().any(|(_, policy)| policy.did_overlap == DidOverlap::Global)
    };
    says(live) && says(desired)
}

/// Whether the two trunks are of one provider or share an address, in whichever form.
fn related(live: &ResourceSet, desired: &ResourceSet, one: &ResourceId, two: &ResourceId) -> bool {
    let forms = |id: &ResourceId| {
        [live, desired].map(|set| set.trunk(id.tenant.as_ref(), &id.name).cloned())
    };
    let (ones, twos) = (forms(one), forms(two));
    ones.iter().flatten().any(|one| twos.iter().flatten().any(|two| clash(one, two)))
}

fn clash(one: &Trunk, two: &Trunk) -> bool {
    one.same_provider(two) || one.shares_address(two)
}

/// Trunks that change or lose who they are to the network, against those that become it (TL405,
/// TL407). Few trunks do in one change, so every pair is compared.
fn trunk_meetings<'a>(
    live: &ResourceSet,
    desired: &ResourceSet,
    changes: &'a [Change],
) -> Vec<(&'a ResourceId, &'a ResourceId)> {
    let identity = |trunk: &Trunk| {
        let Trunk { provider, enabled, host, port, associated_ips, verify_port, .. } = trunk;
        (provider.clone(), *enabled, host.clone(), *port, associated_ips.clone(), *verify_port)
    };
    let forms: Vec<_> = changes
        .iter()
        .filter(|change| change.resource.kind == Kind::Trunk)
        .map(|change| {
            let (tenant, name) = (change.resource.tenant.as_ref(), &change.resource.name);
            (&change.resource, live.trunk(tenant, name), desired.trunk(tenant, name))
        })
        .filter(|(_, old, new)| old.map(identity) != new.map(identity))
        .collect();
    let losers = forms.iter().filter_map(|(id, old, _)| Some((*id, (*old)?)));
    let gainers: Vec<_> = forms.iter().filter_map(|(id, _, new)| Some((*id, (*new)?))).collect();
    let mut met = Vec::new();
    for (loser, old) in losers {
        let takes = |(gainer, new): &&(&ResourceId, &Trunk)| *gainer != loser && clash(old, new);
        met.extend(gainers.iter().filter(takes).map(|(gainer, _)| (loser, *gainer)));
    }
    met
}
