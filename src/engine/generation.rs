//! One immutable state of the configuration, compiled, and joined with what outlives it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::accounts::Accounts;
use super::live::{Gauge, TrunkLive};
use crate::model::{Resolved, ResourceId, ResourceSet, Revision, Spec, Trunk};
use crate::routing::{Table, TenantIndex, TrunkIndex};

/// A resource set made ready off the engine's thread.
#[derive(Debug)]
pub struct Compiled {
    /// How many generations there have been with it.
    pub number: u64,
    /// Where it came from.
    pub revision: Revision,
    table: Table,
    shares: BTreeMap<(TenantIndex, TrunkIndex), Option<u32>>,
    secrets: Resolved,
    accounts: Accounts,
}

impl Compiled {
    /// Compiles a set that `validate` accepts, with the secrets that were found for it. A trunk that
    /// waits for one is as one that is switched off: it sends nothing (TL703).
    pub fn new(
        number: u64,
        revision: Revision,
        resources: &ResourceSet,
        secrets: Resolved,
    ) -> Self {
        let table = match without_waiting(resources, &secrets) {
            Some(rest) => Table::compile(&rest),
            None => Table::compile(resources),
        };
        let mut shares = BTreeMap::new();
        for (id, pool) in resources.did_pools() {
            let Some(owner) = &id.tenant else { continue };
            let tenant = table.tenant_named(owner);
            let Some(place) = tenant.zip(table.trunk_for(owner, &pool.trunk)) else { continue };
            // Several pools of a tenant on one trunk: their shares add up; one without, no limit.
            let share = shares.entry(place).or_insert(Some(0_u32));
            *share = share.zip(pool.concurrent_calls).map(|(a, b)| a.saturating_add(b));
        }
        let accounts = Accounts::new(resources, &secrets, &table);
        Self { number, revision, table, shares, secrets, accounts }
    }
}

/// The set with the trunks that wait for a secret switched off; `None` when none does.
fn without_waiting(resources: &ResourceSet, secrets: &Resolved) -> Option<ResourceSet> {
    let waiting = secrets.all_missing().filter_map(|(id, _)| resources.get(id));
    let off = waiting.filter_map(|resource| {
        let Spec::Trunk(trunk) = &resource.spec else { return None };
        let trunk = Trunk { enabled: false, ..Trunk::clone(trunk) };
        Some(resource.with(Spec::Trunk(Box::new(trunk))))
    });
    let off: Vec<_> = off.collect();
    if off.is_empty() {
        return None;
    }
    let mut rest = resources.clone();
    for resource in off {
        rest.insert(resource);
    }
    Some(rest)
}

/// A generation in force, or pinned by calls that began with it.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) revision: Option<Revision>,
    pub(super) table: Table,
    /// What its secret fields hold, by resource and field.
    pub(super) secrets: Resolved,
    /// Who may register with us.
    pub(super) accounts: Accounts,
    trunks: Vec<Arc<TrunkLive>>,
    tenants: Vec<Arc<Gauge>>,
    shares: BTreeMap<(TenantIndex, TrunkIndex), (Option<u32>, Arc<Gauge>)>,
}

impl Generation {
    /// What holds before the first install: nothing is known, so nothing is answered.
    pub(super) fn empty() -> Self {
        Self {
            number: 0,
            revision: None,
            table: Table::default(),
            secrets: Resolved::default(),
            accounts: Accounts::default(),
            trunks: Vec::new(),
            tenants: Vec::new(),
            shares: BTreeMap::new(),
        }
    }

    pub(super) fn trunk(&self, index: TrunkIndex) -> Option<&Arc<TrunkLive>> {
        self.trunks.get(index.position())
    }

    pub(super) fn tenant(&self, index: TenantIndex) -> Option<&Arc<Gauge>> {
        self.tenants.get(index.position())
    }

    /// The tenant's share of the trunk, when it has a pool there: its limit and its count.
    pub(super) fn share(
        &self,
        tenant: TenantIndex,
        trunk: TrunkIndex,
    ) -> Option<(Option<u32>, &Arc<Gauge>)> {
        self.shares.get(&(tenant, trunk)).map(|(limit, gauge)| (*limit, gauge))
    }
}

/// Counts and health by identity (G10): what one generation hands to the next.
#[derive(Debug, Default)]
pub(super) struct Identities {
    trunks: BTreeMap<ResourceId, Arc<TrunkLive>>,
    tenants: BTreeMap<ResourceId, Arc<Gauge>>,
    shares: BTreeMap<(ResourceId, ResourceId), Arc<Gauge>>,
}

impl Identities {
    /// Joins a compiled set with the counts of the identities it names.
    pub(super) fn join(&mut self, compiled: Compiled) -> Generation {
        let Compiled { number, revision, table, shares, secrets, accounts } = compiled;
        let trunks = table.trunks().map(|(_, entry)| self.trunk(&entry.id)).collect();
        let tenants = table
            .tenants()
            .map(|(_, entry)| self.tenants.entry(entry.id.clone()).or_default().clone())
            .collect();
        let shares = shares
            .into_iter()
            .filter_map(|(place, limit)| {
                let tenant = table.tenant(place.0)?.id.clone();
                let trunk = table.trunk(place.1)?.id.clone();
                let gauge = self.shares.entry((tenant, trunk)).or_default().clone();
                Some((place, (limit, gauge)))
            })
            .collect();
        Generation {
            number,
            revision: Some(revision),
            table,
            secrets,
            accounts,
            trunks,
            tenants,
            shares,
        }
    }

    /// Forgets what no generation and no call refers to any more.
    pub(super) fn prune(&mut self) {
        self.trunks.retain(|_, live| Arc::strong_count(live) > 1 || live.calls.count() > 0);
        self.tenants.retain(|_, gauge| Arc::strong_count(gauge) > 1);
        self.shares.retain(|_, gauge| Arc::strong_count(gauge) > 1);
    }

    /// Every trunk that is declared or still carries calls.
    pub(super) fn trunks(&self) -> impl Iterator<Item = (&ResourceId, &Arc<TrunkLive>)> {
        self.trunks.iter()
    }

    fn trunk(&mut self, id: &ResourceId) -> Arc<TrunkLive> {
        self.trunks.entry(id.clone()).or_default().clone()
    }
}
