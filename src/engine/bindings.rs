//! Who is registered with us, and where (RFC 3261 section 10.3). A binding is reached at the address
//! that its REGISTER came from, whatever its Contact says: nobody can point us anywhere else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use super::MAX_BINDINGS;
use crate::model::ResourceId;
use crate::sip::{Scheme, Uri};
use crate::transaction::{Flow, Moment};

/// One contact of one account.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    /// The Request-URI of calls to it.
    pub(super) contact: Box<[u8]>,
    /// The way that its REGISTER came.
    pub(super) flow: Flow,
    /// The proxies on that way (RFC 3327), as a Route between its first and its last bracket; empty
    /// for none.
    pub(super) path: Box<[u8]>,
    pub(super) call_id: Box<[u8]>,
    pub(super) cseq: u32,
    pub(super) until: Moment,
}

impl Binding {
    /// Whether calls may go there: what asks for TLS by `sips:` is called over nothing else (RFC 3261
    /// section 26.2.2).
    pub(super) fn is_callable(&self) -> bool {
        let asks = Uri::parse(&self.contact).is_some_and(|uri| uri.scheme == Scheme::Sips);
        !asks || self.flow.link.is_secure()
    }
}

/// Why a binding is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untaken {
    /// Its CSeq does not grow: an older REGISTER comes late.
    Old,
    /// There is no room for any account's.
    Full,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    /// Those of each account, the one refreshed last at the end.
    by_account: BTreeMap<ResourceId, Vec<Binding>>,
    /// Whose a source is; several lines of one phone share it.
    by_source: HashMap<(u32, SocketAddr), Vec<ResourceId>>,
    /// How many sources an address has.
    by_ip: HashMap<IpAddr, u32>,
    /// When somebody's time may be up.
    expiries: BTreeSet<(Moment, ResourceId)>,
    count: usize,
}

impl Bindings {
    /// How many there are, also those whose time has just run out.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Those of an account, the one refreshed last first.
    pub(super) fn of(&self, id: &ResourceId, now: Moment) -> impl Iterator<Item = &Binding> {
        let all = self.by_account.get(id).map_or(&[][..], Vec::as_slice);
        all.iter().rev().filter(move |one| one.until > now)
    }

    /// All that are good at a time, with their accounts.
    pub(super) fn at_time(&self, now: Moment) -> impl Iterator<Item = (&ResourceId, &Binding)> {
        let all = self.by_account.iter();
        let each = all.flat_map(|(id, all)| all.iter().map(move |one| (id, one)));
        each.filter(move |(_, one)| one.until > now)
    }

    /// The accounts that are registered from a source.
    pub(super) fn at(&self, flow: Flow) -> &[ResourceId] {
        self.by_source.get(&source(flow)).map_or(&[], Vec::as_slice)
    }

    /// Whether somebody is registered from an address.
    pub(super) fn is_home(&self, ip: IpAddr) -> bool {
        self.by_ip.contains_key(&ip.to_canonical())
    }

    /// Whether a REGISTER with this Call-ID and CSeq may still change a contact.
    pub(super) fn admits(&self, id: &ResourceId, one: &Binding) -> Result<(), Untaken> {
        let known = self
            .by_account
            .get(id)
            .and_then(|all| all.iter().find(|known| known.contact == one.contact));
        match known {
            Some(known) if known.call_id == one.call_id && known.cseq >= one.cseq => {
                Err(Untaken::Old)
            }
            None if self.count >= MAX_BINDINGS => Err(Untaken::Full),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes or renews one; beyond `limit` the one that was refreshed longest ago makes room.
    pub(super) fn put(&mut self, id: &ResourceId, one: Binding, limit: usize) {
        self.take(id, |known| known.contact == one.contact);
        let full = self.by_account.get(id).map_or(0, Vec::len) >= limit.max(1);
        let oldest = self.by_account.get(id).and_then(|all| all.first()).filter(|_| full);
        if let Some(oldest) = oldest.map(|oldest| oldest.contact.clone()) {
            self.take(id, |known| known.contact == oldest);
        }
        let sharing = self.by_source.entry(source(one.flow)).or_default();
        if !sharing.contains(id) {
            if sharing.is_empty() {
                *self.by_ip.entry(one.flow.remote.ip().to_canonical()).or_default() += 1;
            }
            sharing.push(id.clone());
        }
        self.expiries.insert((one.until, id.clone()));
        self.count += 1;
        self.by_account.entry(id.clone()).or_default().push(one);
    }

    /// Drops those of an account that `gone` wants gone.
    pub(super) fn take(&mut self, id: &ResourceId, gone: impl Fn(&Binding) -> bool) {
        let Some(all) = self.by_account.get_mut(id) else { return };
        let before = all.len();
        let taken: Vec<Binding> = all.extract_if(.., |one| gone(one)).collect();
        self.count -= before - all.len();
        let left: Vec<_> = all.iter().map(|one| source(one.flow)).collect();
        if all.is_empty() {
            self.by_account.remove(id);
        }
        for one in taken {
            self.expiries.remove(&(one.until, id.clone()));
            if !left.contains(&source(one.flow)) {
                self.leave(id, one.flow);
            }
        }
    }

    /// Drops what is no longer good.
    pub(super) fn expire(&mut self, now: Moment) {
        while let Some((until, id)) = self.expiries.pop_first() {
            if until > now {
                self.expiries.insert((until, id));
                return;
            }
            self.take(&id, |one| one.until <= now);
        }
    }

    /// Drops everything of accounts that `keep` does not know.
    pub(super) fn retain(&mut self, keep: impl Fn(&ResourceId) -> bool) {
        let gone = self.by_account.keys().filter(|id| !keep(id)).cloned();
        for id in gone.collect::<Vec<_>>() {
            self.take(&id, |_| true);
        }
    }

    fn leave(&mut self, id: &ResourceId, flow: Flow) {
        let Some(sharing) = self.by_source.get_mut(&source(flow)) else { return };
        sharing.retain(|other| other != id);
        if !sharing.is_empty() {
            return;
        }
        self.by_source.remove(&source(flow));
        let ip = flow.remote.ip().to_canonical();
        if let Some(count) = self.by_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.by_ip.remove(&ip);
            }
        }
    }
}

fn source(flow: Flow) -> (u32, SocketAddr) {
    (flow.transport, SocketAddr::new(flow.remote.ip().to_canonical(), flow.remote.port()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::transaction::Link;

    fn id(name: &str) -> ResourceId {
        format!("Extension/acme/{name}").parse().unwrap()
    }

    fn binding(contact: &str, port: u16, cseq: u32, seconds: u64) -> Binding {
        let remote = SocketAddr::new("192.0.2.7".parse().unwrap(), port);
        Binding {
            contact: contact.as_bytes().into(),
            flow: Flow { transport: 0, remote, link: Link::Datagram },
            path: Box::default(),
            call_id: Box::from(*b"c"),
            cseq,
            until: Moment::START + Duration::from_secs(seconds),
        }
    }

    fn contacts(bindings: &Bindings, name: &str, now: u64) -> Vec<String> {
        let now = Moment::START + Duration::from_secs(now);
        let text = |one: &Binding| String::from_utf8(one.contact.to_vec()).unwrap();
        bindings.of(&id(name), now).map(text).collect()
    }

    #[test]
    fn the_newest_comes_first_and_the_oldest_makes_room() {
        let mut bindings = Bindings::default();
        for (number, contact) in ["sip:1@a", "sip:2@a", "sip:3@a"].into_iter().enumerate() {
            let port = u16::try_from(number).unwrap() + 1;
            bindings.put(&id("a"), binding(contact, port, 1, 60), 2);
        }
        assert_eq!(contacts(&bindings, "a", 0), ["sip:3@a", "sip:2@a"]);
        bindings.put(&id("a"), binding("sip:2@a", 2, 2, 60), 2);
        assert_eq!(contacts(&bindings, "a", 0), ["sip:2@a", "sip:3@a"]);
        assert_eq!(bindings.len(), 2);
        assert_eq!(bindings.admits(&id("a"), &binding("sip:2@a", 2, 2, 60)), Err(Untaken::Old));
        assert_eq!(bindings.admits(&id("a"), &binding("sip:2@a", 2, 3, 60)), Ok(()));
    }

    #[test]
    fn a_source_is_known_as_long_as_somebody_is_registered_from_it() {
        let mut bindings = Bindings::default();
        bindings.put(&id("a"), binding("sip:1@a", 5060, 1, 60), 5);
        bindings.put(&id("b"), binding("sip:2@a", 5060, 1, 90), 5);
        let flow = binding("", 5060, 1, 1).flow;
        assert_eq!(bindings.at(flow), [id("a"), id("b")]);
        bindings.expire(Moment::START + Duration::from_secs(60));
        assert_eq!(bindings.at(flow), [id("b")]);
        assert!(bindings.is_home("::ffff:192.0.2.7".parse().unwrap()));
        assert_eq!(contacts(&bindings, "b", 89).len(), 1);
        assert_eq!(contacts(&bindings, "b", 90).len(), 0);
        // A phone behind a NAT comes from another port.
        bindings.put(&id("b"), binding("sip:2@a", 7000, 2, 120), 5);
        assert!(bindings.at(flow).is_empty());
        bindings.retain(|_| false);
        assert!(!bindings.is_home(flow.remote.ip()));
        assert_eq!(bindings.len(), 0);
    }
}
