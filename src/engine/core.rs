//! The engine's surface: what goes in and what comes out.

use std::net::SocketAddr;

use super::call::Calls;
use super::context::{Context, Due};
use super::event::Event;
use super::far_end::Admission;
use super::generation::{Compiled, Identities};
use super::keepalive::Keepalive;
use super::listener::Listener;
use super::registration::Registrations;
use super::trail::Record;
use crate::locate::{Answer, Question};
use crate::model::value::{Host, Name};
use crate::model::{Observed, Protocol, ResourceId};
use crate::sip::{Message, ParseError};
use crate::transaction::{
    Chance, ConnectionId, FarEnd, Flow, Link, Moment, Notice, ServerId, Tell, Transmit,
};

/// What the world brings.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram.
    Received {
        /// The listener's number.
        transport: u32,
        /// The sender.
        source: SocketAddr,
        /// All of it.
        bytes: &'a [u8],
    },
    /// A message, or what should have been one, from a connection; its flow names that.
    Framed {
        /// The listener, the far end and the connection.
        flow: Flow,
        /// What stood there.
        message: Result<Message, ParseError>,
    },
    /// A connection is gone; its flow names it.
    Lost {
        /// The connection.
        connection: ConnectionId,
        /// The listener and the far end.
        flow: Flow,
    },
    /// A packet that [`Output::Transmit`] gave out could not be sent.
    Unsent(Transmit),
    /// The network says that a datagram reached nobody (ICMP: no such port, host or network). Anybody
    /// can write such a message, so that it counts only for the request that it quotes.
    Unreachable {
        /// The listener that the datagram left by.
        transport: u32,
        /// Where it went.
        remote: SocketAddr,
        /// What is quoted of it, from its beginning.
        quoted: &'a [u8],
    },
    /// The answer to a question that [`Output::Ask`] gave out; every one gets one.
    Answered(&'a Question, Answer),
}

/// What the owner wants.
#[derive(Debug)]
pub enum Command {
    /// Make this the generation in force.
    Install(Box<Compiled>),
    /// A listener is bound; the newest of a name is the one to send new calls from.
    Listen(u32, Listener),
    /// A listener is gone.
    Close(u32),
    /// The far end of a TLS connection has proven to speak for these SIP domains; none any more when
    /// the connection is gone.
    Vouch(ConnectionId, Vec<Host>),
}

/// What the engine wants done.
#[derive(Debug)]
pub enum Output {
    /// Send this.
    Transmit(Transmit),
    /// Tell this.
    Event(Event),
    /// Ask the DNS this.
    Ask(Question),
}

/// The engine of one thread.
#[derive(Debug)]
pub struct Engine {
    pub(super) ctx: Context,
    pub(super) calls: Calls,
    pub(super) keepalive: Keepalive,
    pub(super) registrations: Registrations,
    identities: Identities,
    /// The matching key of the request that is looked at.
    pub(super) id: ServerId,
}

impl Engine {
    /// An engine that knows nobody yet. Everything random comes from `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            // What keys our hashes is apart from what others get to see.
            ctx: Context::new(Chance::from_seed(seed), Chance::from_seed(seed.map(|byte| !byte))),
            calls: Calls::default(),
            keepalive: Keepalive::default(),
            registrations: Registrations::default(),
            identities: Identities::default(),
            id: ServerId::default(),
        }
    }

    /// Something came from the world.
    pub fn handle_input(&mut self, now: Moment, input: Input<'_>) {
        self.ctx.set_time(now);
        match input {
            Input::Received { transport, source, bytes } => {
                let remote = SocketAddr::new(source.ip().to_canonical(), source.port());
                let flow = Flow { transport, remote, link: Link::Datagram };
                // The source is looked up before anything is parsed: strangers cost one look-up.
                if self.ctx.admits(flow) {
                    self.on_message(flow, Message::parse_datagram(bytes));
                } else {
                    self.on_unknown(flow, bytes);
                }
            }
            Input::Framed { flow, message } if self.ctx.admits(flow) => {
                self.on_message(flow, message);
            }
            Input::Framed { flow, message } => self.on_stranger(flow, message),
            Input::Lost { connection, flow } => {
                let lost = self.ctx.transactions.connection_lost((connection, flow), now);
                let why = Tell::Unreachable;
                lost.into_iter().for_each(|(key, owner)| self.on_lost(key, owner, why));
            }
            Input::Unsent(transmit) => self.on_unsent(transmit),
            Input::Unreachable { transport, remote, quoted } => {
                let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
                self.on_unreachable((transport, remote), quoted);
            }
            Input::Answered(question, answer) => {
                self.ctx.locator.answer(question, answer, now);
                if self.ctx.heed_names() {
                    self.resume_hunts();
                }
            }
        }
    }

    /// The owner wants something.
    pub fn handle_command(&mut self, now: Moment, command: Command) {
        self.ctx.set_time(now);
        match command {
            Command::Install(compiled) => {
                let generation = self.identities.join(*compiled);
                self.ctx.install(generation);
                self.ctx.want_names();
                self.identities.prune();
                self.keepalive.reconcile(&mut self.ctx);
                self.registrations.reconcile(&mut self.ctx);
            }
            Command::Listen(number, listener) => {
                let index = self.ctx.generation.table.transport_named(&listener.name);
                self.ctx.listeners.add(number, listener, index);
            }
            Command::Close(number) => self.ctx.listeners.remove(number),
            Command::Vouch(connection, domains) => self.ctx.vouched.set(connection, domains),
        }
    }

    /// The next thing to do; drain it after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some((transmit, owner)) = self.ctx.transactions.poll_transmit() {
            self.ctx.said(&transmit, owner);
            return Some(Output::Transmit(transmit));
        }
        if let Some(event) = self.ctx.events.pop_front() {
            return Some(Output::Event(event));
        }
        self.ctx.locator.poll_question().map(Output::Ask)
    }

    /// When [`Self::handle_timeout`] has to be called, if nothing else happens before.
    pub fn next_timeout(&self) -> Option<Moment> {
        let transactions = self.ctx.transactions.next_timeout();
        let timers = self.ctx.timers.next_deadline();
        let names = self.ctx.locator.next_timeout();
        transactions.into_iter().chain(timers).chain(names).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.ctx.set_time(now);
        while let Some(notice) = self.ctx.transactions.poll_timeout(now) {
            match notice {
                Notice::Client(key, owner, why) => self.on_lost(key, owner, why),
                // A failure that was never acknowledged has nobody left to tell.
                Notice::Server(..) => {}
            }
        }
        self.ctx.locator.handle_timeout(now);
        self.ctx.heed_names();
        while let Some(due) = self.ctx.timers.poll(now) {
            match due {
                Due::Targets => {
                    self.ctx.targets_due = false;
                    self.keepalive.reconcile(&mut self.ctx);
                    self.registrations.heed_targets(&mut self.ctx);
                }
                Due::Probe(number) => self.keepalive.on_time(&mut self.ctx, number),
                Due::Registration(number) => self.registrations.on_time(&mut self.ctx, number),
                Due::Call(key) => {
                    if let Some(call) = self.calls.get_mut(key) {
                        call.timer = None;
                        call.on_time(&mut self.ctx);
                        self.calls.settle(&mut self.ctx, key);
                    }
                }
            }
        }
    }

    /// What is in force and in progress. `transports` is left empty: the rim knows those.
    pub fn observe(&self, now: Moment) -> Observed {
        super::observe::observe(
            &self.ctx,
            &self.calls,
            (&self.identities, &self.registrations),
            now,
        )
    }

    /// What passed between us and the far ends of a call: one in progress, or one that ended lately.
    /// It is named by our number of it (`c2f`) or by the Call-ID of any of its legs.
    pub fn record(&self, call: &str) -> Option<Record> {
        self.ctx.trails.find(call)
    }

    /// The name of a listener, and what it speaks.
    pub fn listener(&self, number: u32) -> Option<(&Name, Protocol)> {
        let name = self.ctx.listeners.name(number)?;
        Some((name, self.ctx.listeners.protocol(number)))
    }

    /// How many legs and registrations of ours use a listener.
    pub fn uses(&self, transport: u32) -> usize {
        let legs = self.calls.iter().flat_map(super::call::Call::legs);
        let legs = legs.filter(|leg| leg.flow.transport == transport).count();
        // Of several listeners with one name registrations use the newest.
        let name = self.ctx.listeners.name(transport);
        let name = name.filter(|name| self.ctx.listeners.number(name) == Some(transport));
        legs + name.map_or(0, |name| self.registrations.uses(name, self.ctx.now))
    }

    /// How many calls, transactions and far ends there are: all zero once everything has ended
    /// (a trunk that is probed counts as a far end).
    pub fn in_progress(&self) -> [usize; 3] {
        [self.calls.len(), self.ctx.transactions.len(), self.ctx.peers.len()]
    }

    /// Whether a far end may connect to a listener at all; `asks` is whether it is asked for a
    /// certificate.
    pub fn admission(&mut self, transport: u32, source: SocketAddr, asks: bool) -> Admission {
        let remote = SocketAddr::new(source.ip().to_canonical(), source.port());
        if self.ctx.admits(self.ctx.listeners.flow(transport, remote)) {
            return Admission::Known;
        }
        // Who may register does so from anywhere, also over a connection.
        if self.takes_strangers() {
            return Admission::ToRegister;
        }
        let index = self.ctx.listeners.index(transport).filter(|_| asks);
        if index.is_some_and(|index| self.ctx.generation.table.knows_domains(index)) {
            return Admission::ByCertificate;
        }
        if self.ctx.stranger_code(transport).is_some() {
            return Admission::ToBeTold;
        }
        let flow = self.ctx.listeners.flow(transport, remote);
        self.ctx.count_stranger(flow);
        Admission::Refused
    }

    fn takes_strangers(&self) -> bool {
        !self.ctx.generation.accounts.is_empty()
    }

    /// The same once the far end has shown its certificate.
    pub fn admits(&mut self, flow: Flow) -> Admission {
        if self.ctx.admits(flow) {
            return Admission::Known;
        }
        self.admission(flow.transport, flow.remote, false)
    }

    /// Who has to be at a far end that a flow names: a SIP domain, and the trunk that has a
    /// certificate of its own for it. `None`: whoever has the address.
    pub fn far_end(&self, number: FarEnd) -> Option<(Host, Option<ResourceId>)> {
        self.ctx.far_ends.get(number).cloned()
    }
}
