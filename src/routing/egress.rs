//! Which listener sends where, and whether it may (engine.md section 2, egress policy).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::decision::{Attempt, NextHop, Target};
use super::table::{Table, TransportEntry, TransportIndex, TrunkIndex};
use crate::model::value::{Host, SipTarget};
use crate::model::{Destination, Protocol, ServerName};

impl Table {
    /// The listeners that may send to an address, by name.
    pub fn transports_towards(
        &self,
        target: IpAddr,
    ) -> impl Iterator<Item = (TransportIndex, &TransportEntry)> {
        self.transports().filter(move |(_, entry)| permits(entry, target, false))
    }

    /// Whether calls to a trunk may be sent to an address.
    pub fn may_send(&self, trunk: TrunkIndex, target: IpAddr) -> bool {
        let Some(entry) = self.trunk(trunk) else { return false };
        let transport = entry.transport.and_then(|index| self.transport(index));
        // Who writes system trunks may point them at a private network.
        let trusted = entry.id.tenant.is_none();
        transport.is_some_and(|transport| permits(transport, target, trusted))
    }

    /// The attempt at one of the addresses that its name turned out to have; `None` where no
    /// listener may send there. A trunk has one listener, a contact any that speaks the same.
    pub fn resolved(&self, attempt: &Attempt, address: SocketAddr) -> Option<Attempt> {
        let protocol = self.transport(attempt.transport)?.protocol;
        let transport = match attempt.target {
            Target::Trunk(trunk) => self.may_send(trunk, address.ip()).then_some(attempt.transport),
            Target::Contact => {
                let mut fit = self.transports_towards(address.ip());
                fit.find(|(_, one)| one.protocol == protocol).map(|(index, _)| index)
            }
        };
        let next_hop = NextHop::Address(address);
        Some(Attempt { transport: transport?, next_hop, ..attempt.clone() })
    }

    /// Where a contact is, and the first listener that may send there and speaks what its
    /// `;transport=` asks for (UDP when it is silent). Of a name nothing is known yet but that.
    pub(super) fn way_to(&self, contact: &SipTarget) -> (NextHop, Option<TransportIndex>) {
        let protocol = protocol(contact);
        let host = &contact.host_port.host;
        let reaches = |entry: &TransportEntry| {
            host.ip().is_none_or(|target| permits(entry, target, false))
                && Some(entry.protocol) == protocol
        };
        let fit = self.transports().find(|(_, entry)| reaches(entry));
        let port = contact.host_port.port;
        let next_hop = NextHop::of(host, port, protocol.unwrap_or(Protocol::Udp));
        (next_hop, fit.map(|(index, _)| index))
    }

    /// Every name that calls go to or come from, and those that we are known by.
    pub fn names(&self) -> BTreeSet<ServerName> {
        let trunks = self.trunks.iter().flat_map(|trunk| {
            let next_hop = trunk.next_hop.as_ref().and_then(NextHop::name);
            trunk.name.iter().chain(next_hop).cloned()
        });
        let extensions = self.tenants.iter().flat_map(|tenant| &tenant.extensions);
        let extensions = extensions.filter_map(|extension| extension.next_hop.name().cloned());
        let targets = self.rules.iter().filter_map(|rule| match &rule.inbound {
            Some((_, Destination::Sip(target))) => self.way_to(target).0.name().cloned(),
            Some(_) | None => None,
        });
        let ours = self.transports().filter_map(|(_, one)| {
            let host = one.public_address.as_ref()?;
            NextHop::of(host, Some(one.bind.port()), one.protocol).name().cloned()
        });
        trunks.chain(extensions).chain(targets).chain(ours).collect()
    }
}

/// What a contact asks to be spoken to in; `None`: nothing that we speak.
fn protocol(contact: &SipTarget) -> Option<Protocol> {
    let parameters = contact.parameters.to_ascii_lowercase();
    let asked = parameters.split(';').find_map(|one| one.strip_prefix("transport="));
    let asked = asked.unwrap_or(Protocol::Udp.as_str());
    let all = [Protocol::Udp, Protocol::Tcp, Protocol::Tls];
    all.into_iter().find(|protocol| protocol.as_str() == asked)
}

/// Whether `transport` may send to `target`. Loopback talks to loopback only. A private target
/// needs a private transport, or an unspecified bind without a public address (the system then
/// picks the local address), or a target that a System Admin wrote (`trusted`: a system trunk).
fn permits(transport: &TransportEntry, target: IpAddr, trusted: bool) -> bool {
    let target = target.to_canonical();
    let bind = transport.bind.ip().to_canonical();
    let one_family = bind.is_ipv4() == target.is_ipv4() || bind == IpAddr::from([0_u16; 8]);
    if !one_family || target.is_unspecified() || target.is_multicast() {
        return false;
    }
    if target.is_loopback() || bind.is_loopback() {
        return target.is_loopback() && bind.is_loopback();
    }
    let public = transport.public_address.as_ref().and_then(Host::ip);
    let unnamed = bind.is_unspecified() && transport.public_address.is_none();
    !is_private(target) || trusted || unnamed || is_private(bind) || public.is_some_and(is_private)
}

/// RFC 1918, RFC 6598, link-local and unique local addresses.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_private() || ip.is_link_local() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(bind: &str, public: Option<&str>) -> TransportEntry {
        TransportEntry {
            id: crate::model::ResourceId::system(
                crate::model::Kind::Transport,
                "udp".parse().unwrap(),
            ),
            protocol: Protocol::Udp,
            bind: bind.parse().unwrap(),
            public_address: public.map(|host| host.parse().unwrap()),
            unknown_sources: crate::model::UnknownSources::Drop,
        }
    }

    #[test]
    fn loopback_and_private_targets_need_their_like() {
        let allowed = |bind, public, target: &str, trusted| {
            permits(&transport(bind, public), target.parse().unwrap(), trusted)
        };
        assert!(allowed("127.0.0.1:5060", None, "127.0.0.9", false));
        assert!(!allowed("0.0.0.0:5060", None, "127.0.0.1", true));
        assert!(!allowed("127.0.0.1:5060", None, "192.0.2.1", true));
        assert!(allowed("0.0.0.0:5060", None, "10.0.0.1", false));
        assert!(!allowed("0.0.0.0:5060", Some("sbc.example.net"), "10.0.0.1", false));
        assert!(allowed("0.0.0.0:5060", Some("sbc.example.net"), "10.0.0.1", true));
        assert!(!allowed("203.0.113.1:5060", None, "100.64.0.1", false));
        assert!(allowed("203.0.113.1:5060", None, "198.51.100.1", false));
        assert!(!allowed("203.0.113.1:5060", None, "2001:db8::1", true));
    }
}
