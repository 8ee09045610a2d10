//! The local listeners as the engine sees them: a number from the rim, a name, an address to print.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::model::value::{Host, Name};
use crate::model::{Protocol, ServerName};
use crate::routing::{NextHop, TransportIndex};
use crate::sip::{put_decimal, put_host};
use crate::transaction::{FarEnd, Flow, Link};

/// A bound listener.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The Transport's name.
    pub name: Name,
    /// UDP, or what connections are made of.
    pub protocol: Protocol,
    /// The bound address with its real port.
    pub bound: SocketAddr,
    /// What stands in Via and Contact; absent: the bound address.
    pub public: Option<Host>,
    /// Bound to every address: our own address towards each remote, learnt by the rim.
    pub local: BTreeMap<IpAddr, IpAddr>,
}

impl Listener {
    fn is_bound_to(&self, ip: IpAddr) -> bool {
        let bound = self.bound.ip().to_canonical();
        bound == ip || (bound.is_unspecified() && self.local.values().any(|own| *own == ip))
    }
}

/// The listeners by their numbers; a name means the newest of that name.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    by_number: BTreeMap<u32, Entry>,
    by_name: BTreeMap<Name, u32>,
}

#[derive(Debug)]
struct Entry {
    listener: Listener,
    /// `host:port`, when one text serves every remote.
    printed: Option<Box<str>>,
    /// Its place in the table in force.
    index: Option<TransportIndex>,
}

impl Listeners {
    pub(super) fn add(&mut self, number: u32, listener: Listener, index: Option<TransportIndex>) {
        let port = listener.bound.port();
        let bound = listener.bound.ip().to_canonical();
        let host = match (&listener.public, bound.is_unspecified()) {
            (Some(host), _) => Some(host.clone()),
            (None, false) => Some(Host::Ip(bound)),
            (None, true) => None,
        };
        let printed = host.map(|host| format!("{host}:{port}").into());
        // A renamed listener keeps its number.
        self.by_name.retain(|_, found| *found != number);
        self.by_name.insert(listener.name.clone(), number);
        self.by_number.insert(number, Entry { listener, printed, index });
    }

    pub(super) fn remove(&mut self, number: u32) {
        let Some(entry) = self.by_number.remove(&number) else { return };
        if self.by_name.get(&entry.listener.name) == Some(&number) {
            self.by_name.remove(&entry.listener.name);
        }
    }

    /// Finds each one's place in the table that is now in force.
    pub(super) fn reindex(&mut self, index_of: impl Fn(&Name) -> Option<TransportIndex>) {
        for entry in self.by_number.values_mut() {
            entry.index = index_of(&entry.listener.name);
        }
    }

    /// The number that a name means now.
    pub(super) fn number(&self, name: &Name) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The way from a listener to a remote address, over whichever connection leads there.
    pub(super) fn flow(&self, transport: u32, remote: SocketAddr) -> Flow {
        let link = match self.protocol(transport) {
            Protocol::Udp => Link::Datagram,
            Protocol::Tcp => Link::Stream(None),
            Protocol::Tls => Link::Secure(None, FarEnd::default()),
        };
        Flow { transport, remote, link }
    }

    /// What one speaks.
    pub(super) fn protocol(&self, number: u32) -> Protocol {
        self.by_number.get(&number).map_or(Protocol::Udp, |entry| entry.listener.protocol)
    }

    /// The name of one.
    pub(super) fn name(&self, number: u32) -> Option<&Name> {
        self.by_number.get(&number).map(|entry| &entry.listener.name)
    }

    /// Its place in the table in force; `None` when that does not know it.
    pub(super) fn index(&self, number: u32) -> Option<TransportIndex> {
        self.by_number.get(&number)?.index
    }

    /// Those of a protocol that listen at an address, or are known by it; `is_there` is whether a host
    /// has it.
    pub(super) fn at<'l>(
        &'l self,
        protocol: Protocol,
        address: SocketAddr,
        is_there: impl Fn(&Host) -> bool + 'l,
    ) -> impl Iterator<Item = u32> + 'l {
        let is_at = move |one: &Listener| {
            let ip = address.ip();
            let known = one.is_bound_to(ip) || one.public.as_ref().is_some_and(&is_there);
            known && one.protocol == protocol && one.bound.port() == address.port()
        };
        let all = self.by_number.iter();
        all.filter(move |(_, entry)| is_at(&entry.listener)).map(|(number, _)| *number)
    }

    /// Whether one is bound to an address, alone or among all: what goes there is not translated.
    pub(super) fn is_bound_to(&self, number: u32, ip: IpAddr) -> bool {
        self.by_number.get(&number).is_some_and(|entry| entry.listener.is_bound_to(ip))
    }

    /// The addresses that a listener may be seen to send from at an address of ours: first where it is
    /// bound, bound to every address that very one, then its public ones, for where that is translated;
    /// `of` is what addresses a host has.
    pub(super) fn sources(
        &self,
        number: u32,
        target: SocketAddr,
        of: impl Fn(&ServerName) -> Vec<IpAddr>,
    ) -> Vec<SocketAddr> {
        let Some(Entry { listener, .. }) = self.by_number.get(&number) else { return Vec::new() };
        let bound = listener.bound.ip().to_canonical();
        let own = if bound.is_unspecified() { target.ip() } else { bound };
        let port = Some(listener.bound.port());
        let public = listener.public.as_ref();
        let public = match public.map(|host| NextHop::of(host, port, listener.protocol)) {
            Some(NextHop::Address(address)) => vec![address.ip()],
            Some(NextHop::Name(name)) => of(&name),
            Some(NextHop::Binding(_)) | None => Vec::new(),
        };
        let all = std::iter::once(own).chain(public);
        all.map(|ip| SocketAddr::new(ip, listener.bound.port())).collect()
    }

    /// Appends `host:port` as a remote shall see it.
    pub(super) fn print(&self, number: u32, remote: IpAddr, out: &mut Vec<u8>) {
        let Some(entry) = self.by_number.get(&number) else {
            // Closed while a dialog still used it: nothing sent from it arrives anyway.
            out.extend_from_slice(b"invalid.invalid");
            return;
        };
        match &entry.printed {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => {
                let remote = remote.to_canonical();
                let known = towards(&entry.listener.local, remote);
                put_host(out, known.unwrap_or_else(|| entry.listener.bound.ip()));
                out.push(b':');
                put_decimal(out, entry.listener.bound.port().into());
            }
        }
    }
}

/// Our address towards a remote: as learnt, or as learnt for the remote whose address has most
/// leading bits in common. That serves what nobody could list (an address of an associated range, a
/// Contact elsewhere); the unspecified address would reach nobody.
fn towards(local: &BTreeMap<IpAddr, IpAddr>, remote: IpAddr) -> Option<IpAddr> {
    // In order of address the nearest one is a neighbour.
    let below = local.range(..=remote).next_back();
    let above = local.range(remote..).next();
    let near =
        below.into_iter().chain(above).filter(|(known, _)| known.is_ipv4() == remote.is_ipv4());
    near.max_by_key(|(known, _)| common_bits(**known, remote)).map(|(_, own)| *own)
}

fn common_bits(one: IpAddr, other: IpAddr) -> u32 {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_address_is_that_towards_the_nearest_known_remote() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let local = [
            ("10.1.0.0", "10.0.0.1"),
            ("198.51.100.2", "192.0.2.1"),
            ("203.0.113.0", "192.0.2.9"),
            ("2001:db8::2", "2001:db8::1"),
        ];
        let local = local.into_iter().map(|(remote, own)| (ip(remote), ip(own))).collect();
        for (remote, own) in [
            ("198.51.100.2", "192.0.2.1"),
            ("198.51.100.200", "192.0.2.1"),
            ("203.0.113.77", "192.0.2.9"),
            ("10.200.3.4", "10.0.0.1"),
            ("9.9.9.9", "10.0.0.1"),
            ("2001:db8:5::7", "2001:db8::1"),
        ] {
            assert_eq!(towards(&local, ip(remote)), Some(ip(own)), "{remote}");
        }
        assert_eq!(towards(&BTreeMap::from([(ip("::1"), ip("::1"))]), ip("192.0.2.1")), None);
    }
}
