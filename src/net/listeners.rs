//! The listening sockets: opened before the swap, closed after it once nothing uses them, tried again
//! while their port is busy.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::net::{TcpListener, UdpSocket};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Socket, Type};

use super::connections::Turn;
use super::tls::Book;
use super::unreachable;
use crate::engine::{Command, Listener};
use crate::locate::{Answer, Data};
use crate::model::value::Name;
use crate::model::{Condition, ObservedTransport, Protocol, Transport};

/// What we ask of the system for each direction of a socket; it may grant less.
const BUFFER_BYTES: usize = 4 << 20;
/// How often a listener that cannot open is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(5);
/// How long a listener that is gone lingers, so that answers to its last transactions arrive.
const LINGER: Duration = Duration::from_secs(32);
/// How long calls may keep a listener that is gone.
const RETIRE_LIMIT: Duration = Duration::from_secs(3600);

/// Addresses that the DNS brought and that our own address towards them is known of; further ones
/// are served as their neighbours are.
const MAX_LEARNT: usize = 1024;

/// Connections that the system holds until we take them.
const BACKLOG: i32 = 1024;

/// What listens.
#[derive(Debug)]
pub(super) enum Door {
    Datagrams(UdpSocket),
    Connections(TcpListener),
}

/// An open socket.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) door: Door,
    /// More may wait in it: the system tells of new packets only once.
    pub(super) ready: bool,
    /// The system has reports of what could not be delivered.
    pub(super) reports: bool,
    name: Name,
    spec: Transport,
    pub(super) bound: SocketAddr,
    /// Since when it is not wanted any more.
    retired: Option<Instant>,
}

/// A listener as its connections know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) number: u32,
    pub(super) name: &'a Name,
    pub(super) bound: SocketAddr,
    /// Whether it speaks TLS.
    pub(super) secure: bool,
}

impl Open {
    pub(super) fn place(&self, number: u32) -> Place<'_> {
        let secure = self.spec.protocol == Protocol::Tls;
        Place { number, name: &self.name, bound: self.bound, secure }
    }
}

/// All sockets, by the number that the engine knows them by.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    open: BTreeMap<u32, Open>,
    /// What cannot open, and the system's words.
    stalled: BTreeMap<Name, (Transport, String)>,
    wanted: Vec<(Name, Transport)>,
    remotes: Vec<IpAddr>,
    /// Addresses that the DNS brought, each with our own one towards it.
    learnt: BTreeMap<IpAddr, Option<IpAddr>>,
    book: Arc<Book>,
    next: u32,
}

impl Listeners {
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Open> {
        self.open.get_mut(&number)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Open)> {
        self.open.iter_mut().map(|(number, open)| (*number, open))
    }

    /// Whether something has to be looked after now and then.
    pub(super) fn is_unsettled(&self) -> bool {
        !self.stalled.is_empty() || self.open.values().any(|open| open.retired.is_some())
    }

    /// Opens what is wanted and not open. What cannot open is reported and tried again.
    pub(super) fn open_wanted(
        &mut self,
        turn: &mut Turn<'_>,
        wanted: Vec<(Name, Transport)>,
        (remotes, book): (Vec<IpAddr>, Arc<Book>),
    ) -> Vec<(String, String)> {
        (self.remotes, self.book) = (remotes, book);
        self.stalled.clear();
        for (name, spec) in &wanted {
            self.open_one(turn, name, spec);
        }
        self.wanted = wanted;
        let words = |(name, (_, why)): (&Name, &(Transport, String))| {
            (format!("Transport/{name}"), why.clone())
        };
        self.stalled.iter().map(words).collect()
    }

    /// After the swap: what is not wanted any more takes no new calls and closes when it may.
    pub(super) fn retire_unwanted(&mut self) {
        let now = Instant::now();
        let stalled = &self.stalled;
        let newest = self.open.iter().map(|(number, open)| (open.name.clone(), *number));
        let newest: BTreeMap<Name, u32> = newest.collect();
        for (number, open) in &mut self.open {
            let named = self.wanted.iter().any(|(name, _)| *name == open.name);
            // The old one of a changed listener stays until the new one opens.
            let replaced = newest.get(&open.name) != Some(number);
            let kept = named && (!replaced || stalled.contains_key(&open.name));
            open.retired = if kept { None } else { open.retired.or(Some(now)) };
        }
    }

    /// Tries again what cannot open, closes what nothing uses any more; gives what was closed.
    pub(super) fn look_after(&mut self, turn: &mut Turn<'_>) -> Vec<u32> {
        for (name, (spec, _)) in std::mem::take(&mut self.stalled) {
            self.open_one(turn, &name, &spec);
            if !self.stalled.contains_key(&name) {
                tracing::info!(transport = %name, "listening at last");
            }
        }
        self.retire_unwanted();
        let engine = &*turn.engine;
        let over = |number: u32, open: &Open| {
            let age = open.retired.map(|since| since.elapsed());
            age.is_some_and(|age| age > RETIRE_LIMIT || (age > LINGER && engine.uses(number) == 0))
        };
        let gone: Vec<u32> = self
            .open
            .iter()
            .filter_map(|(number, open)| over(*number, open).then_some(*number))
            .collect();
        for number in &gone {
            if let Some(mut open) = self.open.remove(number) {
                open.door.deregister(turn.registry);
                turn.engine.handle_command(turn.now, Command::Close(*number));
                tracing::info!(transport = %open.name, address = %open.bound, "closed");
            }
        }
        gone
    }

    /// Every listener that is wanted, as it is.
    pub(super) fn observe(&self) -> Vec<ObservedTransport> {
        let open = self.open.values().filter(|open| open.retired.is_none());
        let open = open.filter(|open| !self.stalled.contains_key(&open.name));
        let open = open.map(|open| ObservedTransport {
            resource: format!("Transport/{}", open.name),
            condition: Condition::Ready,
            address: format!("{} {}", open.spec.protocol.as_str(), open.bound),
            message: None,
        });
        let stalled = self.stalled.iter().map(|(name, (spec, why))| ObservedTransport {
            resource: format!("Transport/{name}"),
            condition: Condition::Stalled,
            address: format!(
                "{} {}",
                spec.protocol.as_str(),
                SocketAddr::new(spec.bind, spec.port)
            ),
            message: Some(why.clone()),
        });
        let mut all: Vec<_> = open.chain(stalled).collect();
        all.sort_by(|a, b| a.resource.cmp(&b.resource));
        all
    }

    fn open_one(&mut self, turn: &mut Turn<'_>, name: &Name, spec: &Transport) {
        let refusal = || self.book.refusal(name).map(str::to_owned);
        if let Some(why) = (spec.protocol == Protocol::Tls).then(refusal).flatten() {
            self.stalled.insert(name.clone(), (spec.clone(), why));
            return;
        }
        let same = |open: &Open| {
            let of = |one: &Transport| (one.protocol, one.bind, one.port);
            of(&open.spec) == of(spec)
        };
        // Its own socket as it is, else one that lost its name: a renamed listener keeps its port.
        let own = self.open.iter().find(|(_, open)| open.name == *name && same(open));
        let found = own.or_else(|| self.open.iter().find(|(_, open)| spec.port != 0 && same(open)));
        let number = match found.map(|(number, _)| *number) {
            Some(number) => number,
            None => match self.bind(turn.registry, name, spec) {
                Ok(number) => number,
                Err(error) => {
                    self.stalled.insert(name.clone(), (spec.clone(), error.to_string()));
                    return;
                }
            },
        };
        let Some(open) = self.open.get_mut(&number) else { return };
        (open.name, open.spec, open.retired) = (name.clone(), spec.clone(), None);
        self.announce(turn, number);
    }

    /// Tells the engine of a listener.
    fn announce(&self, turn: &mut Turn<'_>, number: u32) {
        let Some(open) = self.open.get(&number) else { return };
        let local = if open.needs_local() {
            let written = self.remotes.iter().map(|ip| (*ip, local_towards(*ip)));
            let learnt = self.learnt.iter().map(|(ip, own)| (*ip, *own));
            written.chain(learnt).filter_map(|(ip, own)| Some((ip, own?))).collect()
        } else {
            BTreeMap::new()
        };
        let listener = Listener {
            name: open.name.clone(),
            protocol: open.spec.protocol,
            bound: open.bound,
            public: open.spec.public_address.clone(),
            local,
        };
        turn.engine.handle_command(turn.now, Command::Listen(number, listener));
    }

    /// The DNS has brought addresses: listeners bound to every address find out which of ours leads
    /// there.
    pub(super) fn learn(&mut self, turn: &mut Turn<'_>, answer: &Answer) {
        let Answer::Records(records) = answer else { return };
        let mut new = false;
        for record in records {
            if let Data::Address(ip) = record.data
                && self.learnt.len() < MAX_LEARNT
                && let Entry::Vacant(place) = self.learnt.entry(ip)
            {
                place.insert(local_towards(ip));
                new = true;
            }
        }
        let needy = self.open.iter().filter(|(_, open)| open.needs_local());
        let needy: Vec<u32> =
            needy.filter(|(_, open)| new && open.retired.is_none()).map(|(n, _)| *n).collect();
        needy.into_iter().for_each(|number| self.announce(turn, number));
    }

    fn bind(&mut self, registry: &Registry, name: &Name, spec: &Transport) -> io::Result<u32> {
        let address = SocketAddr::new(spec.bind, spec.port);
        let mut door = match spec.protocol {
            Protocol::Udp => Door::datagrams(address)?,
            Protocol::Tcp | Protocol::Tls => Door::connections(address)?,
        };
        let bound = door.local_addr()?;
        let number = self.next;
        door.register(registry, number)?;
        self.next += 1;
        let open = Open {
            door,
            ready: true,
            reports: false,
            name: name.clone(),
            spec: spec.clone(),
            bound,
            retired: None,
        };
        self.open.insert(number, open);
        tracing::info!(transport = %name, address = %bound, "listening");
        Ok(number)
    }
}

impl Open {
    /// Whether what stands in Via and Contact depends on who reads it.
    fn needs_local(&self) -> bool {
        self.bound.ip().is_unspecified() && self.spec.public_address.is_none()
    }
}

impl Door {
    fn datagrams(address: SocketAddr) -> io::Result<Self> {
        let socket = bindable(address, Type::DGRAM)?;
        // Best effort: the system's own limits apply, and a smaller buffer works too.
        drop(socket.set_recv_buffer_size(BUFFER_BYTES));
        drop(socket.set_send_buffer_size(BUFFER_BYTES));
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into());
        // Best effort: without it only timers tell that nobody is there.
        drop(unreachable::listen(&socket));
        Ok(Self::Datagrams(socket))
    }

    fn connections(address: SocketAddr) -> io::Result<Self> {
        let socket = bindable(address, Type::STREAM)?;
        // Connections of a former run that linger in the system must not keep us off our port.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self::Connections(TcpListener::from_std(socket.into())))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Datagrams(socket) => socket.local_addr(),
            Self::Connections(listener) => listener.local_addr(),
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Datagrams(socket) => socket,
            Self::Connections(listener) => listener,
        }
    }

    /// Tokens of listeners are even; connections have the odd ones.
    fn register(&mut self, registry: &Registry, number: u32) -> io::Result<()> {
        let token = usize::try_from(u64::from(number) * 2).unwrap_or(usize::MAX - 1);
        self.source().register(registry, Token(token), Interest::READABLE)
    }

    fn deregister(&mut self, registry: &Registry) {
        drop(self.source().deregister(registry));
    }
}

fn bindable(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, kind, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Our own address on the way to a remote, as the system routes it; nothing is sent.
fn local_towards(remote: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match remote {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect((remote, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
