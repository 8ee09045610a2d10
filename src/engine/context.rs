//! What every call works with: transactions, timers, chance, listeners, the generation in force.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use foldhash::fast::FixedState;

use super::call::CallKey;
use super::event::Event;
use super::far_end::{FarEnds, Vouched};
use super::generation::Generation;
use super::leg::Leg;
use super::listener::Listeners;
use super::merged::Refused;
use super::refusal::{Reason, Refusals};
use super::registrar::Registrar;
use super::silent::Silent;
use super::stranger::Strangers;
use super::trail::Trails;
use super::{CROWDED, MAX_DATAGRAM, MAX_RETIRED, MAX_TRANSACTIONS};
use crate::locate::Locator;
use crate::model::{Protocol, ResourceId};
use crate::routing::{Direction, Source, Table as Routes, TenantIndex, TransportIndex, TrunkIndex};
use crate::sip::{Message, Method};
use crate::transaction::{
    Chance, ClientKey, Flow, Link, Moment, Packet, ServerKey, Status, Table, Transmit, Wheel,
    write_digits,
};

/// Who uses a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Call(CallKey),
    /// The keep-alive, by its number.
    Probe(u32),
    /// A registration of ours, by its number.
    Registration(u32),
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Call(CallKey),
    Probe(u32),
    Registration(u32),
    /// Names have other targets than before.
    Targets,
}

/// A message and where it came from.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) message: Message,
    pub(super) flow: Flow,
    /// Whose it is beyond what its source says: by a binding, or by a proof.
    pub(super) party: Option<Party>,
}

/// Who stands at the far end of a leg, in the generation that the call pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    Trunk(TrunkIndex),
    Tenant(TenantIndex),
}

#[derive(Debug)]
pub(super) struct Context {
    pub(super) now: Moment,
    pub(super) transactions: Table<Owner>,
    pub(super) timers: Wheel<Due>,
    pub(super) chance: Chance,
    pub(super) listeners: Listeners,
    pub(super) generation: Arc<Generation>,
    pub(super) retired: VecDeque<Weak<Generation>>,
    pub(super) peers: Peers,
    /// The routes that registrars want requests of a trunk to take (RFC 3608).
    pub(super) service_routes: BTreeMap<ResourceId, Box<[u8]>>,
    pub(super) registrar: Registrar,
    pub(super) refusals: Refusals,
    pub(super) refused: Refused,
    pub(super) trails: Trails,
    pub(super) strangers: Strangers,
    /// Tags that have to be the same for every repetition of a request come from it.
    tags: FixedState,
    pub(super) events: VecDeque<Event>,
    /// Makes our loop marks ours alone.
    mark_key: u64,
    pub(super) locator: Locator,
    /// Whether [`Due::Targets`] is on its way.
    pub(super) targets_due: bool,
    /// Targets of trunks that the keep-alive found down.
    pub(super) down: BTreeSet<(ResourceId, SocketAddr)>,
    pub(super) silent: Silent,
    /// Calls that wait until a name is looked up.
    pub(super) waiting: Vec<CallKey>,
    pub(super) far_ends: FarEnds,
    pub(super) vouched: Vouched,
}

impl Context {
    pub(super) fn new(mut chance: Chance, mut keys: Chance) -> Self {
        let mark_key = chance.word();
        Self {
            now: Moment::START,
            transactions: Table::new(MAX_TRANSACTIONS),
            timers: Wheel::new(),
            listeners: Listeners::default(),
            generation: Arc::new(Generation::empty()),
            retired: VecDeque::new(),
            peers: Peers::default(),
            service_routes: BTreeMap::new(),
            refusals: Refusals::default(),
            refused: Refused::default(),
            trails: Trails::default(),
            strangers: Strangers::new(&mut keys),
            tags: FixedState::with_seed(keys.word()),
            registrar: Registrar::new(&mut keys),
            events: VecDeque::new(),
            chance,
            mark_key,
            locator: Locator::default(),
            targets_due: false,
            down: BTreeSet::new(),
            silent: Silent::default(),
            waiting: Vec::new(),
            far_ends: FarEnds::default(),
            vouched: Vouched::default(),
        }
    }

    /// The numbers of the listener and the transport's place in a table, old or new.
    pub(super) fn identify<'t>(&self, routes: &'t Routes, flow: Flow) -> Source<'t> {
        let name = self.listeners.name(flow.transport);
        let index = name.and_then(|name| routes.transport_named(name));
        index.map_or(Source::Unknown, |index| self.identify_on((routes, index), flow))
    }

    fn identify_on<'t>(
        &self,
        (routes, transport): (&'t Routes, TransportIndex),
        flow: Flow,
    ) -> Source<'t> {
        let names = self.locator.names_at(flow.remote.ip());
        let source = routes.identify_with(transport, flow.remote, names);
        self.by_certificate(routes, flow, source)
    }

    /// Whether anything from there may be looked at: a source of the generation in force, the far
    /// end of a leg, or a source of a generation that calls still pin.
    pub(super) fn admits(&self, flow: Flow) -> bool {
        let index = self.listeners.index(flow.transport);
        let table = &self.generation.table;
        let source = index.map(|index| self.identify_on((table, index), flow));
        source.is_some_and(|source| source != Source::Unknown)
            || self.peers.holds(flow.remote.ip())
            || self.registrar.bindings.is_home(flow.remote.ip())
            || self
                .retired
                .iter()
                .filter_map(Weak::upgrade)
                .any(|generation| self.identify(&generation.table, flow) != Source::Unknown)
    }

    /// Whether a stranger may have something to say: where anybody may register, what may be a
    /// REGISTER or the INVITE of a phone is read.
    pub(super) fn may_introduce(&self, method: &[u8]) -> bool {
        let begins = |word: &[u8]| method.starts_with(word);
        !self.generation.accounts.is_empty() && (begins(b"REGISTER") || begins(b"INVITE"))
    }

    /// Whether a stranger's request is one that has to be proven: a REGISTER at a domain of ours, or
    /// the INVITE of one of its phones.
    pub(super) fn introduces(&self, message: &Message) -> bool {
        if !message.is_request() || message.to_tag().is_some() {
            return false;
        }
        let ours = |host: &[u8]| self.generation.accounts.domain(host).is_some();
        let method = message.method();
        let asked = ours(message.request_uri().host);
        (method == Method::Register && asked)
            || (method == Method::Invite && (asked || ours(message.from().uri.host)))
    }

    /// Time as the rim knows it; what has run out by then is gone.
    pub(super) fn set_time(&mut self, now: Moment) {
        self.now = now;
        self.registrar.bindings.expire(now);
    }

    /// Makes a generation the one in force.
    pub(super) fn install(&mut self, generation: Generation) {
        let (accounts, before) = (&generation.accounts, &self.generation.accounts);
        // A binding is of a user at a domain; another one is not there yet.
        self.registrar.bindings.retain(|id| {
            accounts.of(id).zip(before.of(id)).is_some_and(|(now, before)| now.is_same(before))
        });
        let former = std::mem::replace(&mut self.generation, Arc::new(generation));
        self.retired.retain(|former| former.strong_count() > 0);
        if Arc::strong_count(&former) > 1 {
            self.retired.push_back(Arc::downgrade(&former));
        }
        if self.retired.len() > MAX_RETIRED {
            self.retired.pop_front();
        }
        let table = &self.generation.table;
        self.listeners.reindex(|name| table.transport_named(name));
    }

    pub(super) fn respond(&mut self, key: ServerKey, code: u16, packet: Vec<u8>) {
        self.transactions.respond(key, Status::of(code), packet.into(), self.now);
    }

    /// Sends the request that was written for an opened transaction: over TCP when it is too large
    /// for a datagram and there is a listener to send it from (RFC 3261 section 18.1.1).
    pub(super) fn start(&mut self, key: ClientKey, flow: Flow, packet: Packet) {
        let large = flow.link == Link::Datagram && packet.len() > MAX_DATAGRAM;
        let beside = if large { self.stream_beside(flow) } else { None };
        let over = beside
            .and_then(|beside| Some((beside, super::write::over_stream(self, beside, &packet)?)));
        match over {
            Some(over) => {
                self.transactions.start_client_over(key, over, (flow, packet), self.now);
            }
            None => self.transactions.start_client(key, packet, self.now),
        }
    }

    /// The way to the same far end from a TCP listener at the same address, of the same port first.
    fn stream_beside(&self, flow: Flow) -> Option<Flow> {
        let table = &self.generation.table;
        let own = table.transport(self.listeners.index(flow.transport)?)?.bind;
        let beside = table
            .transports_towards(flow.remote.ip())
            .filter(|(_, entry)| entry.protocol == Protocol::Tcp && entry.bind.ip() == own.ip());
        let (_, entry) = beside.min_by_key(|(_, entry)| entry.bind.port() != own.port())?;
        let number = self.listeners.number(&entry.id.name)?;
        Some(self.listeners.flow(number, flow.remote))
    }

    /// The mark of a call that comes from there and goes to this number.
    pub(super) fn mark(
        &self,
        direction: Direction,
        from: (Option<TenantIndex>, Option<TrunkIndex>),
        number: &str,
    ) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.mark_key, direction.as_str(), from, number).hash(&mut hasher);
        hasher.finish()
    }

    pub(super) fn count(&mut self, reason: Reason) {
        if let Some(count) = self.refusals.count(reason.word(), self.now) {
            self.events.push_back(Event::Counted(reason.word(), count));
        }
    }

    /// Whether a 2xx to an INVITE of ours is the first of who sent it; of so many forks that not all
    /// are remembered it may be the first once more.
    pub(super) fn is_new_answer(&mut self, key: ClientKey, response: &Message) -> bool {
        let tag = self.tags.hash_one(response.to_tag().unwrap_or_default());
        self.transactions.note_answer(key, tag)
    }

    /// A print of bytes that others choose.
    pub(super) fn print_of(&self, bytes: &[u8]) -> u64 {
        self.tags.hash_one(bytes)
    }

    /// A tag for an answer without state.
    pub(super) fn stateless_tag(&self, request: &Message) -> Vec<u8> {
        let branch = request.branch().unwrap_or_default();
        let hash = self.tags.hash_one((request.call_id(), branch, request.cseq().number));
        let mut tag = Vec::with_capacity(16);
        write_digits(&mut tag, hash, 16);
        tag
    }

    /// Answers a request outside any dialog once and for all; where there is little room, nothing
    /// is left of it.
    pub(super) fn dismiss(&mut self, key: ServerKey, code: u16, packet: Vec<u8>) {
        self.respond(key, code, packet);
        if self.transactions.servers() > CROWDED {
            self.transactions.forget_server(key);
        }
    }

    /// Sends what no transaction sends; an owner has it in its trail.
    pub(super) fn send(&mut self, flow: Flow, packet: Packet, owner: Option<Owner>) {
        self.transactions.send_stateless(flow, packet, owner);
    }

    /// A message of a call came.
    pub(super) fn heard(&mut self, call: CallKey, message: &Message, flow: Flow) {
        let end = (flow.transport, flow.remote);
        self.trails.pass(call.number(), (true, end), message.packet(), self.now);
    }

    /// A message leaves; it may be a call's.
    pub(super) fn said(&mut self, transmit: &Transmit, owner: Option<Owner>) {
        if let Some(Owner::Call(call)) = owner {
            let end = (transmit.flow.transport, transmit.flow.remote);
            self.trails.pass(call.number(), (false, end), transmit.packet.clone(), self.now);
        }
    }
}

/// The far ends of the legs in progress, so that their packets are admitted whatever the generation
/// in force says of them.
#[derive(Debug, Default)]
pub(super) struct Peers {
    counts: HashMap<IpAddr, u32>,
}

impl Peers {
    pub(super) fn add(&mut self, address: SocketAddr) {
        *self.counts.entry(address.ip().to_canonical()).or_default() += 1;
    }

    pub(super) fn remove(&mut self, address: SocketAddr) {
        let ip = address.ip().to_canonical();
        if let Some(count) = self.counts.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&ip);
            }
        }
    }

    /// A leg begins.
    pub(super) fn join(&mut self, leg: &Leg) {
        self.add(leg.peer);
        self.add(leg.hop);
    }

    /// Where a leg's requests go may have changed: answers come from there, and so may requests.
    pub(super) fn follow(&mut self, leg: &mut Leg) {
        if leg.hop != leg.flow.remote {
            self.add(leg.flow.remote);
            self.remove(std::mem::replace(&mut leg.hop, leg.flow.remote));
        }
    }

    /// A leg is over.
    pub(super) fn leave(&mut self, leg: &Leg) {
        self.remove(leg.peer);
        self.remove(leg.hop);
    }

    pub(super) fn holds(&self, ip: IpAddr) -> bool {
        self.counts.contains_key(&ip.to_canonical())
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }
}
