//! All resources of one state, by identity.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::id::{Kind, ResourceId};
use super::resource::{Resource, Spec};
use super::spec::{
    DidPool, Extension, InboundRule, OutboundRule, Policy, RouteTest, Schedule, Tenant, Transport,
    Trunk,
};
use super::value::Name;

/// A set of resources, ordered by identity (so by kind in dependency order, then tenant, then
/// name). Cloning shares the resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceSet {
    resources: BTreeMap<ResourceId, Arc<Resource>>,
}

macro_rules! typed {
    ($each:ident $one:ident $kind:ident) => {
        /// Every resource of the kind, in order.
        pub fn $each(&self) -> impl Iterator<Item = (&ResourceId, &$kind)> {
            self.of_kind(Kind::$kind).filter_map(|(id, resource)| match &resource.spec {
                Spec::$kind(spec) => {
                    let spec: &$kind = spec;
                    Some((id, spec))
                }
                _ => None,
            })
        }

        /// One resource of the kind.
        pub fn $one(&self, tenant: Option<&Name>, name: &Name) -> Option<&$kind> {
            let id = ResourceId { kind: Kind::$kind, tenant: tenant.cloned(), name: name.clone() };
            match &self.resources.get(&id)?.spec {
                Spec::$kind(spec) => Some(spec),
                _ => None,
            }
        }
    };
}

impl ResourceSet {
    /// Adds or replaces; returns what was there.
    pub fn insert(&mut self, resource: Arc<Resource>) -> Option<Arc<Resource>> {
        self.resources.insert(resource.id(), resource)
    }

    /// Takes one out.
    pub fn remove(&mut self, id: &ResourceId) -> Option<Arc<Resource>> {
        self.resources.remove(id)
    }

    /// One resource.
    pub fn get(&self, id: &ResourceId) -> Option<&Arc<Resource>> {
        self.resources.get(id)
    }

    /// Whether it is there.
    pub fn contains(&self, id: &ResourceId) -> bool {
        self.resources.contains_key(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// All of them, ordered by identity.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&ResourceId, &Arc<Resource>)> {
        self.resources.iter()
    }

    /// Those of one kind, in order; costs what it returns, not the whole set.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&ResourceId, &Arc<Resource>)> {
        // `None` sorts before every tenant and `Name::LEAST` before every name.
        let from = ResourceId { kind, tenant: None, name: Name::least() };
        self.resources.range(from..).take_while(move |(id, _)| id.kind == kind)
    }

    /// Those of one kind that a tenant owns, in order; costs what it returns.
    pub fn owned<'a>(
        &'a self,
        kind: Kind,
        tenant: &'a Name,
    ) -> impl Iterator<Item = (&'a ResourceId, &'a Arc<Resource>)> {
        let from = ResourceId::owned(kind, tenant.clone(), Name::least());
        let same = move |id: &ResourceId| id.kind == kind && id.tenant.as_ref() == Some(tenant);
        self.resources.range(from..).take_while(move |(id, _)| same(id))
    }

    /// The trunk that a name means to a tenant: its own, else the system's.
    pub fn resolve_trunk(
        &self,
        tenant: Option<&Name>,
        name: &Name,
    ) -> Option<(ResourceId, &Trunk)> {
        let own = tenant.and_then(|tenant| {
            let id = ResourceId::owned(Kind::Trunk, tenant.clone(), name.clone());
            self.trunk(Some(tenant), name).map(|trunk| (id, trunk))
        });
        own.or_else(|| {
            let id = ResourceId::system(Kind::Trunk, name.clone());
            self.trunk(None, name).map(|trunk| (id, trunk))
        })
    }

    typed!(policies policy Policy);
    typed!(transports transport Transport);
    typed!(tenants tenant Tenant);
    typed!(trunks trunk Trunk);
    typed!(did_pools did_pool DidPool);
    typed!(schedules schedule Schedule);
    typed!(extensions extension Extension);
    typed!(inbound_rules inbound_rule InboundRule);
    typed!(outbound_rules outbound_rule OutboundRule);
    typed!(route_tests route_test RouteTest);
}

impl FromIterator<Arc<Resource>> for ResourceSet {
    fn from_iter<I: IntoIterator<Item = Arc<Resource>>>(resources: I) -> Self {
        Self {
            resources: resources.into_iter().map(|resource| (resource.id(), resource)).collect(),
        }
    }
}
