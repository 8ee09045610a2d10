//! The local listeners as the engine sees them: a number from the rim, a name, an address to print.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::model::value::{Host, Name};
use crate::routing::TransportIndex;

/// A bound listener.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The Transport's name.
    pub name: Name,
    /// The bound address with its real port.
    pub bound: SocketAddr,
    /// What stands in Via and Contact; absent: the bound address.
    pub public: Option<Host>,
    /// Bound to every address: our own address towards each remote, learnt by the rim.
    pub local: BTreeMap<IpAddr, IpAddr>,
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

    /// The name of one.
    pub(super) fn name(&self, number: u32) -> Option<&Name> {
        self.by_number.get(&number).map(|entry| &entry.listener.name)
    }

    /// Its place in the table in force; `None` when that does not know it.
    pub(super) fn index(&self, number: u32) -> Option<TransportIndex> {
        self.by_number.get(&number)?.index
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
                let local = &entry.listener.local;
                // Of a remote that nobody foresaw (an associated range, a Contact elsewhere): any
                // address of ours reaches us, the unspecified one reaches nobody.
                let some = || local.values().find(|own| own.is_ipv4() == remote.is_ipv4());
                let known = local.get(&remote).or_else(some).copied();
                let host = Host::Ip(known.unwrap_or_else(|| entry.listener.bound.ip()));
                let text = format!("{host}:{}", entry.listener.bound.port());
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}
