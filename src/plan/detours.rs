//! Trunks that take a form on the way although nobody wants anything of theirs.
//!
//! A trunk that names no transport uses the only one, so it has to name one while there are two.
//! Trunks of different providers behind one address are told apart by their pools (TL407), so they
//! are switched off while their pools change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::value::{Cidr, Name};
use crate::model::{Kind, Resource, ResourceId, ResourceSet, Spec, Trunk};

use super::Change;

/// Which trunks need one.
#[derive(Debug)]
pub(super) struct Detours {
    /// The transport that trunks without a name use now, if another one comes.
    leaving: Option<Name>,
    /// The transport that trunks without a name will use, if another one goes.
    arriving: Option<Name>,
    /// Trunks that are off on the way.
    shy: BTreeSet<ResourceId>,
}

impl Detours {
    pub(super) fn new(live: &ResourceSet, desired: &ResourceSet, changes: &[Change]) -> Self {
        let only = |set: &ResourceSet, other: &ResourceSet| {
            let mut names = set.transports().map(|(id, _)| &id.name);
            let name = names.next().filter(|_| names.next().is_none())?;
            let more = other.transports().any(|(id, _)| id.name != *name);
            more.then(|| name.clone())
        };
        Self {
            leaving: only(live, desired),
            arriving: only(desired, live),
            shy: shy(live, desired, changes),
        }
    }

    /// The live trunks that take another form before anything else, with why.
    pub(super) fn at_first(&self, live: &ResourceSet) -> Vec<(ResourceId, Arc<Resource>, String)> {
        let Some(name) = &self.leaving else { return Vec::new() };
        let reason = || format!("names Transport/{name} before another one comes");
        let unnamed = live.of_kind(Kind::Trunk).filter_map(|(id, resource)| {
            let form = naming(resource, name)?;
            Some((id.clone(), form, reason()))
        });
        unnamed.collect()
    }

    /// Trunks that are off on the way.
    pub(super) fn shy(&self) -> impl Iterator<Item = &ResourceId> {
        self.shy.iter()
    }

    /// The form that a desired trunk has during the build, with why it is another one.
    pub(super) fn in_build(&self, desired: &Arc<Resource>) -> (Arc<Resource>, Option<String>) {
        let mut form = desired.clone();
        let mut reasons = Vec::new();
        if let Some(name) = &self.arriving
            && let Some(named) = naming(&form, name)
        {
            form = named;
            reasons.push(format!("names Transport/{name} until the other one is gone"));
        }
        if self.shy.contains(&form.id())
            && let Some(off) = switched_off(&form)
        {
            form = off;
            reasons.push("is off until its pools are complete".to_owned());
        }
        (form, (!reasons.is_empty()).then(|| reasons.join("; ")))
    }

    /// Whether a live trunk uses a transport, by name or as the only one.
    pub(super) fn uses(&self, trunk: &Trunk, transport: &Name) -> bool {
        trunk.transport.as_ref().or(self.leaving.as_ref()).is_none_or(|name| name == transport)
    }
}

/// The trunk naming a transport, if it names none.
fn naming(resource: &Resource, name: &Name) -> Option<Arc<Resource>> {
    let Spec::Trunk(trunk) = &resource.spec else { return None };
    let named = Trunk { transport: Some(name.clone()), ..(**trunk).clone() };
    trunk.transport.is_none().then(|| resource.with(Spec::Trunk(Box::new(named))))
}

/// The trunk switched off, if it is on.
pub(super) fn switched_off(resource: &Resource) -> Option<Arc<Resource>> {
    let Spec::Trunk(trunk) = &resource.spec else { return None };
    trunk.enabled.then(|| {
        resource.with(Spec::Trunk(Box::new(Trunk { enabled: false, ..(**trunk).clone() })))
    })
}

/// Trunks that share an address with one of another provider, and change or have pools that do.
fn shy(live: &ResourceSet, desired: &ResourceSet, changes: &[Change]) -> BTreeSet<ResourceId> {
    let mut touched = BTreeSet::new();
    for change in changes {
        let id = &change.resource;
        match id.kind {
            Kind::Trunk => {
                touched.insert(id.clone());
            }
            Kind::DidPool => touched.extend([live, desired].iter().filter_map(|set| {
                let pool = set.did_pool(id.tenant.as_ref(), &id.name)?;
                set.resolve_trunk(id.tenant.as_ref(), &pool.trunk).map(|(trunk, _)| trunk)
            })),
            Kind::Transport
            | Kind::Tenant
            | Kind::Extension
            | Kind::InboundRule
            | Kind::OutboundRule
            | Kind::Schedule
            | Kind::RouteTest
            | Kind::Policy => {}
        }
    }
    if touched.is_empty() {
        return touched;
    }
    // By address: the providers there, with their trunks. Without a key on both sides, trunks at
    // one address are of one provider, and TL405 keeps them apart.
    let mut neighbours: BTreeMap<Cidr, BTreeMap<&str, BTreeSet<&ResourceId>>> = BTreeMap::new();
    for (id, trunk) in live.trunks().chain(desired.trunks()) {
        let Some(provider) = &trunk.provider else { continue };
        for address in trunk.source_addresses() {
            let there = neighbours.entry(address).or_default();
            there.entry(provider).or_default().insert(id);
        }
    }
    let crowded = neighbours.values().filter(|there| there.len() > 1);
    let trunks = crowded.flat_map(|there| there.values().flatten());
    trunks.filter(|id| touched.contains(**id)).map(|id| (*id).clone()).collect()
}
