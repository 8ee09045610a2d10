//! All connections: taken and made within limits, found again by their far end, closed when they are
//! idle, slow or full.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use super::channel::{Channel, begin_connect};
use super::connection::{Connection, Stage};
use super::listeners::Place;
use super::log;
use super::room::{MAX_CONNECTIONS, Taken};
use super::tls::{self, Book, ClientEnd};
use crate::engine::{Admission, Command, Engine, Input};
use crate::model::value::Host;
use crate::sip::Frame;
use crate::transaction::{ConnectionId, FarEnd, Flow, Link, Moment, Transmit, Wheel};

/// Connections taken from one listener before others have their turn.
const MAX_ACCEPTS: usize = 64;
/// Reads from one connection before others have their turn.
const MAX_READS: usize = 4;
/// Far ends that are remembered as not to be reached.
const MAX_FAILING: usize = 1024;
/// How long a far end is left alone after its first failure; it doubles up to the longest.
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
/// The longest time that a far end is left alone.
const LAST_BACK_OFF: Duration = Duration::from_secs(30);
/// How long accepting pauses when the system has no room for another socket.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// A far end as seen from one listener, and who it has to be.
type End = (u32, SocketAddr, FarEnd);

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: BTreeMap<ConnectionId, Connection>,
    by_end: HashMap<End, ConnectionId>,
    by_source: HashMap<IpAddr, usize>,
    /// Far ends that could not be reached: until when they are left alone, and for how long.
    failing: BTreeMap<End, (Moment, Duration)>,
    /// Certificates of the newest generation, for the next handshake.
    book: Arc<Book>,
    strangers: usize,
    deadlines: Wheel<ConnectionId>,
    paused: Option<Moment>,
    /// Of no further use, once what is said on them is sent.
    done: Vec<ConnectionId>,
    next: u64,
}

/// What a turn works with.
pub(super) struct Turn<'a> {
    pub(super) registry: &'a Registry,
    pub(super) engine: &'a mut Engine,
    pub(super) now: Moment,
}

/// The token of a connection: odd, where those of listeners are even.
fn token(id: ConnectionId) -> Token {
    Token(usize::try_from(id.0 * 2 + 1).unwrap_or(usize::MAX - 2))
}

impl Connections {
    /// Something happened at a socket; false when it is none of ours.
    pub(super) fn on_event(&mut self, turn: &mut Turn<'_>, event: &Event) -> bool {
        let Ok(number) = u64::try_from(event.token().0) else { return false };
        if number.is_multiple_of(2) {
            return false;
        }
        let id = ConnectionId(number / 2);
        let Some(connection) = self.open.get_mut(&id) else { return true };
        connection.ready |= event.is_readable() || event.is_read_closed() || event.is_error();
        // What a handshake has to say may have waited for room.
        connection.ready |= connection.stage == Stage::Handshaking;
        if event.is_writable() || event.is_error() {
            let done = connection.connected(turn.now).and_then(|()| connection.write());
            let stage = connection.stage;
            let end = end_of(&connection.flow);
            match done {
                Ok(()) if stage == Stage::Open => {
                    self.failing.remove(&end);
                    self.rearm(id);
                }
                Ok(()) => self.rearm(id),
                Err(error) => self.lose(turn, id, &error.to_string()),
            }
        }
        true
    }

    /// Whether something can be read at once.
    pub(super) fn is_ready(&self) -> bool {
        self.open.values().any(|connection| connection.ready)
    }

    /// When [`Self::on_time`] has to be called.
    pub(super) fn next_timeout(&self) -> Option<Moment> {
        self.deadlines.next_deadline().into_iter().chain(self.paused).min()
    }

    /// Whether listeners may be asked for connections.
    pub(super) fn may_accept(&self) -> bool {
        self.paused.is_none()
    }

    /// Takes what waits at a listener; true when there may be more.
    pub(super) fn accept(
        &mut self,
        turn: &mut Turn<'_>,
        (place, listener): (Place<'_>, &TcpListener),
    ) -> bool {
        for _ in 0..MAX_ACCEPTS {
            match listener.accept() {
                Ok((socket, source)) => self.take(turn, place, (socket, source)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The far end thought better of it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be taken for a while");
                    self.paused = Some(turn.now + ACCEPT_PAUSE);
                    return true;
                }
            }
        }
        true
    }

    /// A stranger's connection, or one too many, is closed without a word. Where trunks are known by
    /// their certificates, a few strangers may show theirs; where strangers get an answer, a few may
    /// say one thing.
    fn take(
        &mut self,
        turn: &mut Turn<'_>,
        place: Place<'_>,
        (socket, source): (TcpStream, SocketAddr),
    ) {
        let remote = SocketAddr::new(source.ip().to_canonical(), source.port());
        let held = self.by_source.get(&remote.ip()).copied().unwrap_or_default();
        let asks = place.secure && self.book.asks(place.name);
        let admission = turn.engine.admission(place.number, remote, asks);
        let stranger = matches!(admission, Admission::ByCertificate | Admission::ToBeTold);
        let taken = Taken { all: self.open.len(), strangers: self.strangers, of_source: held };
        if admission == Admission::Refused {
            return;
        }
        if !taken.has_room(admission) {
            tracing::warn!(source = %remote.ip(), "too many connections: one was refused");
            return;
        }
        let begun = place.secure.then(|| self.book.accept(place.name)).transpose();
        let tls = match begun {
            Ok(tls) => tls.map(Into::into),
            Err(error) => {
                tracing::warn!(transport = %place.name, error, "a connection was refused");
                return;
            }
        };
        let stage = if place.secure { Stage::Handshaking } else { Stage::Open };
        let end = (place.number, remote, FarEnd::default());
        let Ok(id) = self.insert(turn, end, Channel::new(socket, tls), stage) else { return };
        // It is back: nobody need wait any longer before trying it.
        self.failing.retain(|(_, failed, _), _| failed.ip() != remote.ip());
        if stranger {
            self.set_stranger(id);
        }
    }

    fn set_stranger(&mut self, id: ConnectionId) {
        if let Some(connection) = self.open.get_mut(&id) {
            connection.stranger = true;
            self.strangers += 1;
        }
    }

    fn insert(
        &mut self,
        turn: &mut Turn<'_>,
        end: End,
        mut channel: Channel,
        stage: Stage,
    ) -> io::Result<ConnectionId> {
        let id = ConnectionId(self.next);
        self.next += 1;
        // Signalling is small and waits for nothing.
        drop(SockRef::from(&channel.socket).set_tcp_nodelay(true));
        let both = Interest::READABLE | Interest::WRITABLE;
        turn.registry.register(&mut channel.socket, token(id), both)?;
        let link = match channel.is_secure() {
            true => Link::Secure(Some(id), end.2),
            false => Link::Stream(Some(id)),
        };
        let flow = Flow { transport: end.0, remote: end.1, link };
        self.open.insert(id, Connection::new(channel, flow, stage, turn.now));
        self.by_end.insert(end, id);
        *self.by_source.entry(end.1.ip()).or_default() += 1;
        self.rearm(id);
        Ok(id)
    }

    /// Reads at most a few times from every connection that may have something.
    pub(super) fn receive(&mut self, turn: &mut Turn<'_>, buffer: &mut [u8]) {
        let ready = self.open.iter().filter(|(_, connection)| connection.ready);
        let ready: Vec<ConnectionId> = ready.map(|(id, _)| *id).collect();
        for id in ready {
            for _ in 0..MAX_READS {
                if !self.read(turn, id, buffer) {
                    break;
                }
            }
        }
    }

    /// Reads once and hands over what that completes; whether to go on.
    fn read(&mut self, turn: &mut Turn<'_>, id: ConnectionId, buffer: &mut [u8]) -> bool {
        let Some(connection) = self.open.get_mut(&id) else { return false };
        if connection.stage == Stage::Handshaking {
            return self.greet(turn, id);
        }
        match connection.read(buffer) {
            Ok(0) => {
                self.lose(turn, id, "closed by the far end");
                return false;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.ready = false;
                return false;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(error) => {
                self.lose(turn, id, &error.to_string());
                return false;
            }
        }
        let mut messages = false;
        while let Some(frame) = self.open.get_mut(&id).and_then(|one| one.framer.poll()) {
            messages = true;
            self.on_frame(turn, id, frame);
        }
        if let Some(connection) = self.open.get_mut(&id) {
            connection.taken(messages, turn.now);
            self.rearm(id);
        }
        true
    }

    /// Goes one step on with a handshake; whether to go on.
    fn greet(&mut self, turn: &mut Turn<'_>, id: ConnectionId) -> bool {
        let Some(connection) = self.open.get_mut(&id) else { return false };
        match connection.shake_hands(turn.now) {
            Ok(()) => self.greeted(turn, id),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.ready = false;
                false
            }
            Err(error) => {
                self.lose(turn, id, &format!("TLS: {error}"));
                false
            }
        }
    }

    /// Both ends agree on TLS: what the far end's certificate says counts from here on. A stranger
    /// that it does not make anybody's is a stranger still.
    fn greeted(&mut self, turn: &mut Turn<'_>, id: ConnectionId) -> bool {
        let Some(connection) = self.open.get_mut(&id) else { return false };
        let flow = connection.flow;
        let stranger = std::mem::take(&mut connection.stranger);
        let domains = tls::domains(connection.channel.certificates());
        self.strangers -= usize::from(stranger);
        self.failing.remove(&end_of(&flow));
        self.rearm(id);
        turn.engine.handle_command(turn.now, Command::Vouch(id, domains));
        match stranger.then(|| turn.engine.admits(flow)) {
            Some(Admission::Refused) => {
                self.lose(turn, id, "its certificate is nobody's");
                return false;
            }
            Some(Admission::ToBeTold) => self.set_stranger(id),
            Some(Admission::Known | Admission::ToRegister | Admission::ByCertificate) | None => {}
        }
        true
    }

    fn on_frame(&mut self, turn: &mut Turn<'_>, id: ConnectionId, frame: Frame) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        let (flow, stranger) = (connection.flow, connection.stranger);
        if stranger && (matches!(frame, Frame::Ping) || self.done.contains(&id)) {
            return;
        }
        let (message, lost) = match frame {
            Frame::Ping => {
                if let Err(error) = connection.pong(turn.now) {
                    self.lose(turn, id, &error.to_string());
                }
                return;
            }
            Frame::Message(message) => {
                log::heard(turn.engine, (flow.transport, flow.remote), message.as_bytes());
                (Ok(message), false)
            }
            Frame::Malformed(error) => (Err(error), false),
            Frame::Lost(error) => (Err(error), true),
        };
        turn.engine.handle_input(turn.now, Input::Framed { flow, message });
        // The engine's answer, which is still to be sent, is the last word on this connection.
        if lost || stranger {
            self.done.push(id);
        }
    }

    /// Closes what is of no further use, once the last words are on their way.
    pub(super) fn close_done(&mut self, turn: &mut Turn<'_>) {
        for id in std::mem::take(&mut self.done) {
            let Some(connection) = self.open.get_mut(&id) else { continue };
            match connection.close(turn.now) {
                Ok(()) => self.rearm(id),
                Err(error) => self.lose(turn, id, &error.to_string()),
            }
        }
    }

    /// Sends over the connection that the flow names, else over one to the same far end, else over a
    /// new one from `bind`. What cannot be sent comes back to the engine.
    pub(super) fn send(&mut self, turn: &mut Turn<'_>, transmit: Transmit, place: Place<'_>) {
        let (end, link) = (end_of(&transmit.flow), transmit.flow.link);
        let usable = |id: &ConnectionId| {
            self.open.get(id).is_some_and(|connection| connection.stage != Stage::Closing)
        };
        let found = link.connection().filter(usable);
        let found = found.or_else(|| self.by_end.get(&end).copied().filter(usable));
        let id = match found.map_or_else(|| self.connect(turn, end, place), Ok) {
            Ok(id) => id,
            Err(error) => {
                tracing::debug!(remote = %end.1, %error, "no connection");
                turn.engine.handle_input(turn.now, Input::Unsent(transmit));
                return;
            }
        };
        let Some(connection) = self.open.get_mut(&id) else { return };
        match connection.send(transmit, turn.now) {
            Ok(()) => self.rearm(id),
            Err(error) => self.lose(turn, id, &error.to_string()),
        }
    }

    fn connect(
        &mut self,
        turn: &mut Turn<'_>,
        end: End,
        place: Place<'_>,
    ) -> io::Result<ConnectionId> {
        if self.open.len() >= MAX_CONNECTIONS {
            return Err(io::Error::other("too many connections"));
        }
        if self.failing.get(&end).is_some_and(|(until, _)| turn.now < *until) {
            return Err(io::Error::other("not to be reached just now"));
        }
        let begun = self.begin(turn, end, place);
        let id = begun.and_then(|channel| self.insert(turn, end, channel, Stage::Connecting));
        if id.is_err() {
            self.back_off(end, turn.now);
        }
        id
    }

    /// A connection that is asked for; under TLS with who has to be there.
    fn begin(&self, turn: &Turn<'_>, end: End, place: Place<'_>) -> io::Result<Channel> {
        let tls = place.secure.then(|| {
            let known = turn.engine.far_end(end.2);
            let (host, trunk) =
                known.unwrap_or_else(|| (Host::Ip(end.1.ip().to_canonical()), None));
            self.book.connect(place.name, &ClientEnd { host, trunk })
        });
        let tls = tls.transpose().map_err(io::Error::other)?;
        Ok(Channel::new(begin_connect(end.1, place.bound)?, tls.map(Into::into)))
    }

    /// From here on handshakes begin with these certificates.
    pub(super) fn use_book(&mut self, book: Arc<Book>) {
        self.book = book;
    }

    /// The certificates that handshakes begin with.
    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    /// A far end that cannot be reached is left alone for a while, longer each time.
    fn back_off(&mut self, end: End, now: Moment) {
        let former = self.failing.get(&end).map(|(_, span)| *span * 2);
        if former.is_none() && self.failing.len() >= MAX_FAILING {
            self.failing.retain(|_, (until, _)| now < *until);
            if self.failing.len() >= MAX_FAILING {
                return;
            }
        }
        let span = former.unwrap_or(FIRST_BACK_OFF).min(LAST_BACK_OFF);
        self.failing.insert(end, (now + span, span));
    }

    /// A deadline may have passed.
    pub(super) fn on_time(&mut self, turn: &mut Turn<'_>) {
        if self.paused.is_some_and(|until| turn.now >= until) {
            self.paused = None;
        }
        while let Some(id) = self.deadlines.poll(turn.now) {
            let Some(connection) = self.open.get_mut(&id) else { continue };
            connection.timer = None;
            if turn.now < connection.deadline() {
                self.rearm(id);
            } else {
                self.lose(turn, id, "too slow, or idle");
            }
        }
    }

    /// Makes its timer ring no later than its deadline; one that rings early is wound up again.
    fn rearm(&mut self, id: ConnectionId) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        let deadline = connection.deadline();
        if let Some((at, timer)) = connection.timer.take() {
            if at <= deadline {
                connection.timer = Some((at, timer));
                return;
            }
            self.deadlines.cancel(timer);
        }
        connection.timer = Some((deadline, self.deadlines.insert(deadline, id)));
    }

    /// A listener is gone, and with it what it took and made.
    pub(super) fn close_listener(&mut self, turn: &mut Turn<'_>, transport: u32) {
        let its = self.open.iter().filter(|(_, one)| one.flow.transport == transport);
        let its: Vec<ConnectionId> = its.map(|(id, _)| *id).collect();
        its.into_iter().for_each(|id| self.lose(turn, id, "its listener is closed"));
    }

    /// A connection is over, whoever ended it: what waited in it and what waits for answers learns of
    /// it.
    fn lose(&mut self, turn: &mut Turn<'_>, id: ConnectionId, why: &str) {
        let Some(mut connection) = self.open.remove(&id) else { return };
        let shaking = connection.stage == Stage::Handshaking;
        if shaking && !connection.stranger {
            tracing::warn!(remote = %connection.remote(), why, "no TLS connection");
        } else {
            tracing::debug!(remote = %connection.remote(), why, "connection closed");
        }
        self.strangers -= usize::from(connection.stranger);
        drop(turn.registry.deregister(&mut connection.channel.socket));
        if let Some((_, timer)) = connection.timer.take() {
            self.deadlines.cancel(timer);
        }
        let flow = connection.flow;
        let end = end_of(&flow);
        if self.by_end.get(&end) == Some(&id) {
            self.by_end.remove(&end);
        }
        if let Some(held) = self.by_source.get_mut(&end.1.ip()) {
            *held -= 1;
            if *held == 0 {
                self.by_source.remove(&end.1.ip());
            }
        }
        if connection.stage == Stage::Connecting || (shaking && connection.ours) {
            self.back_off(end, turn.now);
        }
        if connection.channel.is_secure() {
            turn.engine.handle_command(turn.now, Command::Vouch(id, Vec::new()));
        }
        let asked = connection.asked;
        for transmit in connection.into_unwritten() {
            turn.engine.handle_input(turn.now, Input::Unsent(transmit));
        }
        if asked {
            turn.engine.handle_input(turn.now, Input::Lost { connection: id, flow });
        }
    }
}

fn end_of(flow: &Flow) -> End {
    (flow.transport, flow.remote, flow.link.far_end())
}
