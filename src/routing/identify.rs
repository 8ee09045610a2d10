//! Whose packet is it: a fixed, printed order (engine.md section 1, G27).

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::model::value::{Cidr, Host, Number};
use crate::model::{Protocol, ServerName};

use super::decision::NextHop;
use super::table::{Table, TenantIndex, TransportIndex, TrunkEntry, TrunkIndex};
use super::trace::{Step, StepOutcome, Trace};

/// Who sent a packet, as far as its source address tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'t> {
    /// One trunk, or several that only the called number separates ([`Table::trunk_by_number`]);
    /// never empty. Enabled ones come before disabled ones.
    Trunks(Cow<'t, [TrunkIndex]>),
    /// A tenant's PBX.
    Caller(TenantIndex),
    /// Nobody we know. The packet gets no answer.
    Unknown,
}

/// The trunks of one prefix length: by listener, network and, where `verifyPort`, port.
type Networks = BTreeMap<(TransportIndex, IpAddr, Option<u16>), Vec<TrunkIndex>>;

/// The look-up from source addresses, built once per table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SourceIndex {
    /// Longest prefix first: an address is masked once per length in use.
    by_length: BTreeMap<Reverse<u8>, Networks>,
    callers: BTreeMap<SocketAddr, TenantIndex>,
    callers_by_ip: BTreeMap<IpAddr, Option<TenantIndex>>,
    /// Who comes from the servers of a name.
    by_name: BTreeMap<ServerName, Named>,
}

/// Whose the servers of one name are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    trunks: Vec<TrunkIndex>,
    /// `None` inside: two tenants' that cannot be told apart.
    caller: Option<Option<TenantIndex>>,
}

impl SourceIndex {
    pub(super) fn build(table: &Table) -> Self {
        let mut index = Self::default();
        for enabled in [true, false] {
            let trunks = table.trunks().filter(|(_, trunk)| trunk.spec.enabled == enabled);
            trunks.for_each(|(trunk_index, trunk)| index.add_trunk(table, trunk_index, trunk));
        }
        for (tenant_index, tenant) in table.tenants() {
            for extension in &tenant.extensions {
                index.add_caller(tenant_index, &extension.next_hop);
            }
        }
        index
    }

    fn add_trunk(&mut self, table: &Table, index: TrunkIndex, trunk: &TrunkEntry) {
        let Some(transport) = trunk.transport else { return };
        let host = trunk.spec.host().and_then(Host::ip).map(Cidr::host);
        let port = if trunk.spec.port() == 0 { 5060 } else { trunk.spec.port() };
        // Who connects does so from any port: over TCP there is none to verify.
        let datagrams = table.transport(transport).is_none_or(|one| one.protocol == Protocol::Udp);
        let port = (trunk.spec.verify_port && datagrams).then_some(port);
        for range in host.into_iter().chain(trunk.spec.associated_ips().iter().copied()) {
            let networks = self.by_length.entry(Reverse(length(range))).or_default();
            let list = networks.entry((transport, range.network(), port)).or_default();
            if !list.contains(&index) {
                list.push(index);
            }
        }
        if let Some(name) = &trunk.name {
            self.by_name.entry(name.clone()).or_default().trunks.push(index);
        }
    }

    fn add_caller(&mut self, tenant: TenantIndex, next_hop: &NextHop) {
        match next_hop {
            NextHop::Address(address) => {
                let address = canonical(*address);
                let by_ip = self.callers_by_ip.entry(address.ip()).or_insert(Some(tenant));
                *by_ip = by_ip.filter(|first| *first == tenant);
                self.callers.entry(address).or_insert(tenant);
            }
            // Whose a binding's source is the engine knows.
            NextHop::Binding(_) => {}
            NextHop::Name(name) => {
                agree(&mut self.by_name.entry(name.clone()).or_default().caller, Some(tenant));
            }
        }
    }

    fn trunks(&self, transport: TransportIndex, source: SocketAddr) -> &[TrunkIndex] {
        for (Reverse(bits), networks) in &self.by_length {
            let Some(network) = network(source.ip(), *bits) else { continue };
            let with_port = networks.get(&(transport, network, Some(source.port())));
            if let Some(found) = with_port.or_else(|| networks.get(&(transport, network, None))) {
                return found;
            }
        }
        &[]
    }
}

/// Two tenants behind one address cannot be told apart: neither is identified.
fn agree(found: &mut Option<Option<TenantIndex>>, tenant: Option<TenantIndex>) {
    *found = Some(found.map_or(tenant, |first| first.filter(|first| Some(*first) == tenant)));
}

/// The prefix length with IPv4 counted as IPv6's last 32 bits, so that one order serves both.
fn length(range: Cidr) -> u8 {
    if range.network().is_ipv4() { range.bits() + 96 } else { range.bits() }
}

/// The network of `bits` (counted as in [`length`]) that holds the address.
fn network(ip: IpAddr, bits: u8) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => {
            let shift = 32_u32.checked_sub(u32::from(bits.checked_sub(96)?))?;
            let keep = u32::MAX.checked_shl(shift).unwrap_or(0);
            Some(IpAddr::V4((ip.to_bits() & keep).into()))
        }
        IpAddr::V6(ip) => {
            let keep = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            Some(IpAddr::V6((ip.to_bits() & keep).into()))
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Table {
    /// Whose packet it is: exact address and port where `verifyPort`, then the longest matching
    /// address range, then a PBX by address and port, then by address alone where that means one
    /// tenant. Fails closed.
    pub fn identify(&self, transport: TransportIndex, source: SocketAddr) -> Source<'_> {
        let source = canonical(source);
        let own = self.sources.trunks(transport, source);
        let beside = || self.datagrams_beside(transport);
        // A peer on UDP sends by TCP what is too large for a datagram (RFC 3261 section 18.1.1).
        let trunks = match own {
            [] => beside().map_or(own, |udp| self.sources.trunks(udp, source)),
            [_, ..] => own,
        };
        if !trunks.is_empty() {
            return Source::Trunks(Cow::Borrowed(trunks));
        }
        let by_ip = || self.sources.callers_by_ip.get(&source.ip()).copied().flatten();
        match self.sources.callers.get(&source).copied().or_else(by_ip) {
            Some(tenant) => Source::Caller(tenant),
            None => Source::Unknown,
        }
    }

    /// The same where `names` have the source's address among their servers' at these ports. What a
    /// manifest says in addresses comes first, so that no answer of a DNS takes a call from it: of
    /// trunks the called number decides, as ever, and a PBX's address stays the PBX's.
    pub fn identify_with<'n>(
        &self,
        transport: TransportIndex,
        source: SocketAddr,
        names: impl Iterator<Item = (&'n ServerName, &'n [u16])>,
    ) -> Source<'_> {
        let mut trunks = match self.identify(transport, source) {
            Source::Trunks(trunks) => trunks,
            Source::Caller(tenant) => return Source::Caller(tenant),
            Source::Unknown => Cow::Borrowed(&[][..]),
        };
        let own = [Some(transport), self.datagrams_beside(transport)];
        let (mut exact, mut by_ip) = (None, None);
        for (name, ports) in names {
            let Some(named) = self.sources.by_name.get(name) else { continue };
            let same_port = ports.contains(&source.port());
            for index in &named.trunks {
                let Some(entry) = self.trunk(*index) else { continue };
                let any_port = !entry.spec.verify_port || name.protocol != Protocol::Udp;
                let here = entry.transport.is_some() && own.contains(&entry.transport);
                if here && (any_port || same_port) && !trunks.contains(index) {
                    trunks.to_mut().push(*index);
                }
            }
            if let Some(tenant) = named.caller {
                agree(&mut by_ip, tenant);
                if same_port {
                    agree(&mut exact, tenant);
                }
            }
        }
        match exact.flatten().or_else(|| by_ip.flatten()) {
            _ if !trunks.is_empty() => Source::Trunks(trunks),
            Some(tenant) => Source::Caller(tenant),
            None => Source::Unknown,
        }
    }

    /// Of a TCP listener: the UDP one at the same address and port.
    fn datagrams_beside(&self, transport: TransportIndex) -> Option<TransportIndex> {
        let own = self.transport(transport).filter(|one| one.protocol == Protocol::Tcp)?;
        let mut all = self.transports();
        let found = all.find(|(_, one)| one.protocol == Protocol::Udp && one.bind == own.bind);
        found.map(|(index, _)| index)
    }

    /// Of trunks that share a source address, the one whose pools hold the number; the first when
    /// none does.
    pub fn trunk_by_number(
        &self,
        candidates: &[TrunkIndex],
        number: Option<Number>,
        trace: &mut impl Trace,
    ) -> Option<TrunkIndex> {
        let holds = |index: &&TrunkIndex| number.is_some_and(|n| self.pool(**index, n).is_some());
        let chosen = candidates.iter().find(holds).or_else(|| candidates.first()).copied();
        for index in candidates {
            let Some(trunk) = self.trunk(*index) else { continue };
            trace.step(|| {
                let (outcome, detail) = if Some(*index) == chosen {
                    (StepOutcome::Match, format!("the source is {}'s", trunk.id))
                } else {
                    (StepOutcome::Lost, format!("{} has this source too, not the number", trunk.id))
                };
                Step::new("identify", outcome, detail).by(&trunk.id, "/spec/host")
            });
        }
        chosen
    }
}
