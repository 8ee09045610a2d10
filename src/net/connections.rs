//! All connections: found again by their far end, read, closed when they are idle, slow or full. How
//! they come about is told beside it, in `incoming` and `outgoing`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use mio::event::Event;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use super::back_off::BackOff;
use super::channel::Channel;
use super::connection::{Connection, Stage};
use super::log;
use super::tls::Book;
use crate::engine::{Command, Engine, Input};
use crate::sip::Frame;
use crate::transaction::{Chance, ConnectionId, FarEnd, Flow, Link, Moment, Wheel};

/// Connections that are read from before datagrams and timers have their turn.
const MAX_SERVED: usize = 64;
/// Reads from one connection before others have their turn.
const MAX_READS: usize = 4;

/// Connections whose far ends have closed their half that are kept until they have their answers.
const MAX_HALVES: usize = 1024;

/// Why a connection is over that its far end has closed.
const CLOSED: &str = "closed by the far end";

/// A far end as seen from one listener, and who it has to be.
pub(super) type End = (u32, SocketAddr, FarEnd);

/// All of them.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) open: BTreeMap<ConnectionId, Connection>,
    pub(super) by_end: HashMap<End, ConnectionId>,
    pub(super) by_source: HashMap<IpAddr, usize>,
    /// Far ends that could not be reached.
    pub(super) failing: BackOff,
    /// Certificates of the newest generation, for the next handshake.
    pub(super) book: Arc<Book>,
    pub(super) strangers: usize,
    deadlines: Wheel<ConnectionId>,
    pub(super) paused: Option<Moment>,
    /// How many are kept for their far ends' answers alone.
    pub(super) halves: usize,
    /// Of no further use, once what is said on them is sent; whether the far end has closed its half.
    done: Vec<(ConnectionId, bool)>,
    /// Those that may have something, in the order of their turns.
    ready: VecDeque<ConnectionId>,
    /// How many there may be.
    pub(super) places: usize,
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
    /// None yet, and room for so many. `chance` spreads the times of reconnecting.
    pub(super) fn new(places: usize, chance: Chance) -> Self {
        Self {
            open: BTreeMap::new(),
            by_end: HashMap::new(),
            by_source: HashMap::new(),
            failing: BackOff::new(chance),
            book: Arc::default(),
            strangers: 0,
            deadlines: Wheel::default(),
            paused: None,
            halves: 0,
            done: Vec::new(),
            ready: VecDeque::new(),
            places,
            next: 0,
        }
    }

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
                    self.failing.forget(&end);
                    self.rearm(id);
                }
                Ok(()) => self.rearm(id),
                Err(error) => self.lose(turn, id, &error.to_string()),
            }
        }
        self.note_ready(id);
        true
    }

    /// Whether something can be read at once.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// It may have become ready: then it has its turn after all others that are.
    pub(super) fn note_ready(&mut self, id: ConnectionId) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        if connection.ready && !std::mem::replace(&mut connection.queued, true) {
            self.ready.push_back(id);
        }
    }

    /// When [`Self::on_time`] has to be called.
    pub(super) fn next_timeout(&self) -> Option<Moment> {
        self.deadlines.next_deadline().into_iter().chain(self.paused).min()
    }

    /// Whether listeners may be asked for connections.
    pub(super) fn may_accept(&self) -> bool {
        self.paused.is_none()
    }

    /// One more connection, to be heard of from here on.
    pub(super) fn insert(
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
        self.note_ready(id);
        Ok(id)
    }

    /// Reads at most a few times from some of the connections that may have something.
    pub(super) fn receive(&mut self, turn: &mut Turn<'_>, buffer: &mut [u8]) {
        for _ in 0..self.ready.len().min(MAX_SERVED) {
            let Some(id) = self.ready.pop_front() else { return };
            let Some(connection) = self.open.get_mut(&id) else { continue };
            connection.queued = false;
            for _ in 0..MAX_READS {
                if !self.read(turn, id, buffer) {
                    break;
                }
            }
            self.note_ready(id);
        }
    }

    /// Reads once and hands over what that completes; whether to go on.
    fn read(&mut self, turn: &mut Turn<'_>, id: ConnectionId, buffer: &mut [u8]) -> bool {
        let Some(connection) = self.open.get_mut(&id) else { return false };
        if connection.stage == Stage::Handshaking {
            return self.greet(turn, id);
        }
        match connection.read(buffer) {
            // It may have closed its half only, and wait for answers to what it said before.
            Ok(0) if connection.stage == Stage::Open => {
                connection.ready = false;
                self.done.push((id, true));
                return false;
            }
            // It is still there, or it would be an error.
            Ok(0) if connection.stage == Stage::Half => {
                connection.ready = false;
                return false;
            }
            Ok(0) => {
                self.lose(turn, id, CLOSED);
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

    fn on_frame(&mut self, turn: &mut Turn<'_>, id: ConnectionId, frame: Frame) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        let (flow, stranger) = (connection.flow, connection.stranger);
        if stranger
            && (matches!(frame, Frame::Ping) || self.done.iter().any(|(done, _)| *done == id))
        {
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
                connection.owe(&message);
                (Ok(message), false)
            }
            Frame::Malformed(error) => (Err(error), false),
            Frame::Lost(error) => (Err(error), true),
        };
        turn.engine.handle_input(turn.now, Input::Framed { flow, message });
        // The engine's answer, which is still to be sent, is the last word on this connection.
        if lost || stranger {
            self.done.push((id, false));
        }
    }

    /// Closes what is of no further use, once the last words are on their way. Who has closed its half
    /// may wait for answers that take a while.
    pub(super) fn close_done(&mut self, turn: &mut Turn<'_>) {
        for (id, closed) in std::mem::take(&mut self.done) {
            let Some(connection) = self.open.get_mut(&id) else { continue };
            if !closed || !connection.owes() || self.halves >= MAX_HALVES {
                self.close(turn, id, closed);
                continue;
            }
            connection.halve(turn.now);
            self.halves += 1;
            let (flow, asked) = (connection.flow, std::mem::take(&mut connection.asked));
            self.rearm(id);
            // What we asked over it will have no answer.
            if asked {
                turn.engine.handle_input(turn.now, Input::Lost { connection: id, flow });
            }
        }
    }

    /// Closes one that is of no further use; what its far end has `closed`, too, is gone at once.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>, id: ConnectionId, closed: bool) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        self.halves -= usize::from(connection.stage == Stage::Half);
        match connection.close(turn.now) {
            Ok(()) if closed && connection.is_written() => self.lose(turn, id, CLOSED),
            Ok(()) => self.rearm(id),
            Err(error) => self.lose(turn, id, &error.to_string()),
        }
    }

    /// From here on handshakes begin with these certificates.
    pub(super) fn use_book(&mut self, book: Arc<Book>) {
        self.book = book;
    }

    /// The certificates that handshakes begin with.
    pub(super) fn book(&self) -> &Book {
        &self.book
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
    pub(super) fn rearm(&mut self, id: ConnectionId) {
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
    pub(super) fn lose(&mut self, turn: &mut Turn<'_>, id: ConnectionId, why: &str) {
        let Some(mut connection) = self.open.remove(&id) else { return };
        let shaking = connection.stage == Stage::Handshaking;
        if shaking && !connection.stranger {
            tracing::warn!(remote = %connection.remote(), why, "no TLS connection");
        } else {
            tracing::debug!(remote = %connection.remote(), why, "connection closed");
        }
        self.strangers -= usize::from(connection.stranger);
        self.halves -= usize::from(connection.stage == Stage::Half);
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
            self.failing.note(end, turn.now);
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

/// Who came is found by where it came from.
pub(super) fn end_of(flow: &Flow) -> End {
    let far_end = Some(flow.link.far_end()).filter(|end| *end != FarEnd::COMER);
    (flow.transport, flow.remote, far_end.unwrap_or_default())
}
