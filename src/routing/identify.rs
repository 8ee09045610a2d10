//! Whose packet is it: a fixed, printed order (engine.md section 1, G27).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::model::Protocol;
use crate::model::value::{Cidr, Host, Number};

use super::table::{CallerEntry, Table, TenantIndex, TransportIndex, TrunkEntry, TrunkIndex};
use super::trace::{Step, StepOutcome, Trace};

/// Who sent a packet, as far as its source address tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'t> {
    /// One trunk, or several that only the called number separates ([`Table::trunk_by_number`]);
    /// never empty. Enabled ones come before disabled ones.
    Trunks(&'t [TrunkIndex]),
    /// A tenant's PBX.
    Caller(&'t CallerEntry),
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
    callers: BTreeMap<SocketAddr, CallerEntry>,
    callers_by_ip: BTreeMap<IpAddr, Option<CallerEntry>>,
}

impl SourceIndex {
    pub(super) fn build(table: &Table) -> Self {
        let mut index = Self::default();
        for enabled in [true, false] {
            let trunks = table.trunks().filter(|(_, trunk)| trunk.spec.enabled == enabled);
            trunks.for_each(|(trunk_index, trunk)| index.add_trunk(table, trunk_index, trunk));
        }
        for (tenant_index, tenant) in table.tenants() {
            for address in tenant.extensions.iter().filter_map(|extension| extension.address) {
                index.add_caller(tenant_index, address);
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
    }

    fn add_caller(&mut self, tenant: TenantIndex, address: SocketAddr) {
        let address = canonical(address);
        let caller = CallerEntry { tenant, address };
        // Two tenants behind one address and port cannot be told apart: neither is identified.
        let by_ip = self.callers_by_ip.entry(address.ip()).or_insert_with(|| Some(caller.clone()));
        if by_ip.as_ref().is_some_and(|first| first.tenant != tenant) {
            *by_ip = None;
        }
        self.callers.entry(address).or_insert(caller);
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
            return Source::Trunks(trunks);
        }
        let by_ip = || self.sources.callers_by_ip.get(&source.ip()).and_then(Option::as_ref);
        match self.sources.callers.get(&source).or_else(by_ip) {
            Some(caller) => Source::Caller(caller),
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
