//! The compiled form of a resource set.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::model::value::{DidMatch, Host, HostPort, Name, Number, NumberRange, SipTarget};
use crate::model::{
    Destination, Kind, OutboundRoute, PhoneRegistration, Protocol, ResourceId, ResourceSet,
    ServerName, Tenant, Trunk, UnknownSources,
};

use super::decision::{NextHop, Proxy};
use super::domain::DomainIndex;
use super::identify::SourceIndex;
use super::inbound::escape_user;

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(super) u32);

        impl $name {
            pub(super) fn of(position: usize) -> Self {
                Self(u32::try_from(position).unwrap_or(u32::MAX))
            }

            /// The place in the table's own order, for tables kept beside it.
            pub fn position(self) -> usize {
                usize::try_from(self.0).unwrap_or(usize::MAX)
            }
        }
    )*};
}

index! {
    /// A transport of one [`Table`].
    TransportIndex,
    /// A tenant of one [`Table`].
    TenantIndex,
    /// A trunk of one [`Table`].
    TrunkIndex,
    /// An inbound or outbound rule of one [`Table`].
    RuleIndex,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportEntry {
    /// Identity.
    pub id: ResourceId,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it listens.
    pub bind: SocketAddr,
    /// What stands in Via and Contact; absent: the bound address.
    pub public_address: Option<Host>,
    /// What an address that is nobody's gets.
    pub unknown_sources: UnknownSources,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantEntry {
    /// Identity.
    pub id: ResourceId,
    /// As declared.
    pub spec: Tenant,
    pub(super) extensions: Vec<ExtensionEntry>,
    pub(super) outbound: Vec<OutboundEntry>,
}

impl TenantEntry {
    /// The extension that holds a number.
    pub(super) fn extension(&self, number: Number) -> Option<&ExtensionEntry> {
        let at = self.extensions.partition_point(|entry| entry.numbers.first() <= number);
        at.checked_sub(1)
            .and_then(|at| self.extensions.get(at))
            .filter(|entry| entry.numbers.contains(number))
    }
}

/// A trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkEntry {
    /// Identity.
    pub id: ResourceId,
    /// As declared.
    pub spec: Trunk,
    /// Its listener; `None` when the named one does not exist.
    pub transport: Option<TransportIndex>,
    /// Where calls to it go; `None` when no transport may reach it.
    pub next_hop: Option<NextHop>,
    /// Its host, when that is a name: calls come from the servers of it.
    pub name: Option<ServerName>,
    /// The proxy on the way to it.
    pub proxy: Option<Proxy>,
    pub(super) pools: Vec<PoolEntry>,
    pub(super) inbound: BTreeMap<TenantIndex, InboundTable>,
}

/// One range of one pool on a trunk, sorted by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolEntry {
    /// The numbers.
    pub numbers: NumberRange,
    /// Whose they are.
    pub tenant: TenantIndex,
    /// The pool.
    pub id: ResourceId,
    /// The tenant's share of the trunk's calls; absent: no share limit.
    pub concurrent_calls: Option<u32>,
}

/// The inbound rules of one tenant on one trunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct InboundTable {
    pub(super) ranges: Vec<(NumberRange, RuleIndex)>,
    pub(super) any: Option<RuleIndex>,
    pub(super) disabled: Vec<(DidMatch, ResourceId)>,
}

/// An extension of a tenant, sorted by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionEntry {
    /// Identity.
    pub id: ResourceId,
    /// Its numbers.
    pub numbers: NumberRange,
    /// Its PBX.
    pub contact: SipTarget,
    /// The listener that reaches it; `None` when none may.
    pub transport: Option<TransportIndex>,
    /// Where the PBX is.
    pub next_hop: NextHop,
}

/// What a rule decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RuleEntry {
    pub(super) id: ResourceId,
    pub(super) inbound: Option<(DidMatch, Destination)>,
}

/// An outbound rule, in the order they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutboundEntry {
    pub(super) priority: u32,
    pub(super) rule: RuleIndex,
    pub(super) prefixes: Vec<String>,
    pub(super) routes: Vec<(OutboundRoute, Option<TrunkIndex>)>,
}

/// One generation's routing, immutable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    pub(super) transports: Vec<TransportEntry>,
    pub(super) tenants: Vec<TenantEntry>,
    pub(super) trunks: Vec<TrunkEntry>,
    pub(super) rules: Vec<RuleEntry>,
    pub(super) sources: SourceIndex,
    pub(super) domains: DomainIndex,
}

impl Table {
    /// Compiles a set that `validate` accepts. Of another set, what contradicts itself is left out:
    /// a call that would need it is refused.
    pub fn compile(set: &ResourceSet) -> Self {
        let mut table = Self::default();
        table.add_transports(set);
        table.add_tenants(set);
        table.add_trunks(set);
        table.add_pools(set);
        table.add_extensions(set);
        table.add_inbound_rules(set);
        table.add_outbound_rules(set);
        table.sources = SourceIndex::build(&table);
        table.domains = DomainIndex::build(&table);
        table
    }

    /// The listeners, in order of name.
    pub fn transports(&self) -> impl Iterator<Item = (TransportIndex, &TransportEntry)> {
        self.transports.iter().enumerate().map(|(at, entry)| (TransportIndex::of(at), entry))
    }

    /// The trunks, system trunks first, in order of tenant and name.
    pub fn trunks(&self) -> impl Iterator<Item = (TrunkIndex, &TrunkEntry)> {
        self.trunks.iter().enumerate().map(|(at, entry)| (TrunkIndex::of(at), entry))
    }

    /// The tenants, in order of name.
    pub fn tenants(&self) -> impl Iterator<Item = (TenantIndex, &TenantEntry)> {
        self.tenants.iter().enumerate().map(|(at, entry)| (TenantIndex::of(at), entry))
    }

    /// One listener; `None` only for an index of another table.
    pub fn transport(&self, index: TransportIndex) -> Option<&TransportEntry> {
        self.transports.get(index.0 as usize)
    }

    /// One trunk; `None` only for an index of another table.
    pub fn trunk(&self, index: TrunkIndex) -> Option<&TrunkEntry> {
        self.trunks.get(index.0 as usize)
    }

    /// One tenant; `None` only for an index of another table.
    pub fn tenant(&self, index: TenantIndex) -> Option<&TenantEntry> {
        self.tenants.get(index.0 as usize)
    }

    /// The identity of a rule; `None` only for an index of another table.
    pub fn rule_id(&self, index: RuleIndex) -> Option<&ResourceId> {
        self.rule(index).map(|rule| &rule.id)
    }

    /// The tenant of a name.
    pub fn tenant_named(&self, name: &Name) -> Option<TenantIndex> {
        let found = self.tenants.binary_search_by(|entry| entry.id.name.cmp(name));
        found.ok().map(TenantIndex::of)
    }

    /// The trunk of an identity.
    pub fn trunk_of(&self, id: &ResourceId) -> Option<TrunkIndex> {
        self.trunks.binary_search_by(|entry| entry.id.cmp(id)).ok().map(TrunkIndex::of)
    }

    /// The transport of a name.
    pub fn transport_named(&self, name: &Name) -> Option<TransportIndex> {
        let found = self.transports.binary_search_by(|entry| entry.id.name.cmp(name));
        found.ok().map(TransportIndex::of)
    }

    /// The trunk that a name means to a tenant: its own, else the system's.
    pub fn trunk_for(&self, tenant: &Name, name: &Name) -> Option<TrunkIndex> {
        self.trunk_of(&ResourceId::owned(Kind::Trunk, tenant.clone(), name.clone()))
            .or_else(|| self.trunk_of(&ResourceId::system(Kind::Trunk, name.clone())))
    }

    /// The pool range of a trunk that holds a number.
    pub fn pool(&self, trunk: TrunkIndex, number: Number) -> Option<&PoolEntry> {
        let pools = &self.trunk(trunk)?.pools;
        let at = pools.partition_point(|pool| pool.numbers.first() <= number);
        pools.get(at.checked_sub(1)?).filter(|pool| pool.numbers.contains(number))
    }

    /// The extension of a tenant that holds a number.
    pub fn extension(&self, tenant: TenantIndex, number: Number) -> Option<&ExtensionEntry> {
        self.tenant(tenant)?.extension(number)
    }

    pub(super) fn rule(&self, index: RuleIndex) -> Option<&RuleEntry> {
        self.rules.get(index.0 as usize)
    }

    fn add_transports(&mut self, set: &ResourceSet) {
        self.transports.extend(set.transports().map(|(id, spec)| TransportEntry {
            id: id.clone(),
            protocol: spec.protocol,
            bind: SocketAddr::new(spec.bind, spec.port),
            public_address: spec.public_address.clone(),
            unknown_sources: spec.unknown_sources,
        }));
    }

    fn add_tenants(&mut self, set: &ResourceSet) {
        self.tenants.extend(set.tenants().map(|(id, spec)| TenantEntry {
            id: id.clone(),
            spec: spec.clone(),
            extensions: Vec::new(),
            outbound: Vec::new(),
        }));
    }

    fn add_trunks(&mut self, set: &ResourceSet) {
        for (id, spec) in set.trunks() {
            let transport = match &spec.transport {
                Some(name) => self.transport_named(name),
                None => self.only_udp(set),
            };
            let protocol =
                transport.and_then(|index| self.transport(index)).map(|one| one.protocol);
            let hop = |host: &Host, port: u16| {
                protocol.map(|protocol| {
                    NextHop::of(host, Some(port).filter(|port| *port != 0), protocol)
                })
            };
            let own = spec.host().and_then(|host| hop(host, spec.port()));
            let proxy = spec.outbound_proxy.as_ref();
            let next_hop = match (&spec.registrar, proxy) {
                (Some(_), _) => Some(NextHop::Binding(id.clone())),
                (None, Some(proxy)) => hop(&proxy.host, proxy.port),
                (None, None) => own.clone(),
            };
            let index = TrunkIndex::of(self.trunks.len());
            self.trunks.push(TrunkEntry {
                id: id.clone(),
                spec: spec.clone(),
                transport,
                next_hop: None,
                name: own.and_then(|hop| hop.name().cloned()),
                proxy: proxy.zip(protocol).map(|(proxy, protocol)| Proxy::of(proxy, protocol)),
                pools: Vec::new(),
                inbound: BTreeMap::new(),
            });
            let may_send = |hop: &NextHop| {
                hop.address().is_none_or(|address| self.may_send(index, address.ip()))
            };
            let next_hop = next_hop.filter(may_send);
            self.trunks.last_mut().into_iter().for_each(|entry| entry.next_hop = next_hop.clone());
        }
    }

    /// The listener of a trunk that names none.
    fn only_udp(&self, set: &ResourceSet) -> Option<TransportIndex> {
        let mut udp = set.transports().filter(|(_, one)| one.protocol == Protocol::Udp);
        udp.next().and_then(|(id, _)| self.transport_named(&id.name))
    }

    fn add_pools(&mut self, set: &ResourceSet) {
        for (id, spec) in set.did_pools() {
            let Some((tenant, trunk)) = self.tenant_and_trunk(id, &spec.trunk) else { continue };
            let Some(entry) = self.trunks.get_mut(trunk.0 as usize) else { continue };
            entry.pools.extend(spec.numbers.merged().into_iter().map(|numbers| PoolEntry {
                numbers,
                tenant,
                id: id.clone(),
                concurrent_calls: spec.concurrent_calls,
            }));
        }
        for trunk in &mut self.trunks {
            trunk.pools.sort_by_key(|pool| pool.numbers);
            keep_apart(&mut trunk.pools);
        }
    }

    fn add_extensions(&mut self, set: &ResourceSet) {
        for (id, spec) in set.extensions() {
            let Some(tenant) = id.tenant.as_ref().and_then(|name| self.tenant_named(name)) else {
                continue;
            };
            let entry = match (&spec.contact, &spec.register) {
                (Some(contact), _) => {
                    let (next_hop, transport) = self.way_to(contact);
                    let (id, contact) = (id.clone(), contact.clone());
                    ExtensionEntry { id, numbers: spec.numbers, contact, transport, next_hop }
                }
                (None, Some(register)) => self.phone(id, spec.numbers, (tenant, register)),
                (None, None) => continue,
            };
            self.tenants
                .get_mut(tenant.0 as usize)
                .into_iter()
                .for_each(|t| t.extensions.push(entry.clone()));
        }
        for tenant in &mut self.tenants {
            tenant.extensions.sort_by_key(|entry| entry.numbers);
        }
    }

    /// An extension that registers. What stands here of its contact is for people; where it is, and
    /// over which listener, its binding says.
    fn phone(
        &self,
        id: &ResourceId,
        numbers: NumberRange,
        (tenant, register): (TenantIndex, &PhoneRegistration),
    ) -> ExtensionEntry {
        let domain = self.tenant(tenant).map(|entry| entry.spec.sip_domain.clone());
        let contact = SipTarget {
            user: Some(escape_user(&register.username)),
            host_port: HostPort {
                host: domain.unwrap_or_else(|| Host::Name(String::new())),
                port: None,
            },
            parameters: String::new(),
        };
        let transport = self.transports().next().map(|(index, _)| index);
        let next_hop = NextHop::Binding(id.clone());
        ExtensionEntry { id: id.clone(), numbers, contact, transport, next_hop }
    }

    fn add_inbound_rules(&mut self, set: &ResourceSet) {
        for (id, spec) in set.inbound_rules() {
            let Some((tenant, trunk)) = self.tenant_and_trunk(id, &spec.trunk) else { continue };
            let rule = RuleIndex::of(self.rules.len());
            let inbound = Some((spec.did, spec.destination.clone()));
            self.rules.push(RuleEntry { id: id.clone(), inbound });
            let Some(entry) = self.trunks.get_mut(trunk.0 as usize) else { continue };
            let table = entry.inbound.entry(tenant).or_default();
            match spec.did {
                did if !spec.enabled => table.disabled.push((did, id.clone())),
                DidMatch::Range(range) => table.ranges.push((range, rule)),
                DidMatch::Any => table.any = table.any.or(Some(rule)),
            }
        }
        for table in self.trunks.iter_mut().flat_map(|trunk| trunk.inbound.values_mut()) {
            table.ranges.sort_unstable();
        }
    }

    fn add_outbound_rules(&mut self, set: &ResourceSet) {
        for (id, spec) in set.outbound_rules() {
            let Some(owner) = &id.tenant else { continue };
            let Some(tenant) = self.tenant_named(owner) else { continue };
            let rule = RuleIndex::of(self.rules.len());
            self.rules.push(RuleEntry { id: id.clone(), inbound: None });
            let routes = spec.routes.iter();
            let entry = OutboundEntry {
                priority: spec.priority,
                rule,
                prefixes: spec.matches.prefixes.iter().cloned().collect(),
                routes: routes.map(|r| (r.clone(), self.trunk_for(owner, &r.trunk))).collect(),
            };
            self.tenants
                .get_mut(tenant.0 as usize)
                .into_iter()
                .for_each(|t| t.outbound.push(entry.clone()));
        }
        // Stable: equal priorities stay in the order of names, in which the set yields them.
        for tenant in &mut self.tenants {
            tenant.outbound.sort_by_key(|entry| entry.priority);
        }
    }

    fn tenant_and_trunk(&self, id: &ResourceId, trunk: &Name) -> Option<(TenantIndex, TrunkIndex)> {
        let owner = id.tenant.as_ref()?;
        Some((self.tenant_named(owner)?, self.trunk_for(owner, trunk)?))
    }
}

/// Leaves every number to the first of the ranges that have it: a look-up sees one range.
fn keep_apart(pools: &mut Vec<PoolEntry>) {
    let mut reached: Option<Number> = None;
    pools.retain_mut(|pool| {
        let (first, last) = (pool.numbers.first(), pool.numbers.last());
        let free = match reached.filter(|reached| *reached >= first) {
            None => Some(first),
            Some(reached) => reached.offset(1),
        };
        let rest = free.and_then(|free| NumberRange::new(free, last).ok());
        if let Some(rest) = rest {
            (pool.numbers, reached) = (rest, Some(last));
        }
        rest.is_some()
    });
}
