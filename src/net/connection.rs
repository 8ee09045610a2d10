//! One connection: its socket, what was read of a message so far, what waits to be written.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::channel::Channel;
use crate::sip::{Framer, Message, Method};
use crate::transaction::{Flow, GIVE_UP, Moment, Origin, Packet, ServerKey, TimerKey, Transmit};

/// Bytes that may wait for a far end that does not read; more closes its connection.
const MAX_UNWRITTEN: usize = 256 * 1024;
/// How long to wait until a far end takes a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// How long a TLS handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// How long the rest of a message may take.
const MESSAGE_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection may stay without a message either way.
const IDLE_LIMIT: Duration = Duration::from_secs(600);
/// How long a far end that has closed its half may wait for its answers: a call is tried for 60 s and
/// rings for 300 s.
const HALF_LIMIT: Duration = Duration::from_secs(360);
/// How long a far end may take to read our last words.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// We asked for it.
    Connecting,
    /// TLS is being agreed on.
    Handshaking,
    /// Both directions work.
    Open,
    /// The far end has said all that it will say, and waits for answers.
    Half,
    /// We have said our last words and only wait until they are read.
    Closing,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) channel: Channel,
    /// The listener, the far end and this connection.
    pub(super) flow: Flow,
    pub(super) framer: Framer,
    pub(super) stage: Stage,
    /// More may wait in it: the system tells of new bytes only once.
    pub(super) ready: bool,
    /// Whether it is among those that have a turn.
    pub(super) queued: bool,
    pub(super) timer: Option<(Moment, TimerKey)>,
    /// Whether we made it.
    pub(super) ours: bool,
    /// Whether only its certificate can say whose it is, or it is nobody's and may say one thing.
    pub(super) stranger: bool,
    /// Whether a request of ours went over it.
    pub(super) asked: bool,
    /// Requests of the far end that have no final answer yet, as far as can be seen from here: one that
    /// was answered by another connection stays counted until this one is closed for its age.
    owed: u32,
    /// The last transaction that was answered: a 2xx is said more than once.
    answered: Option<ServerKey>,
    /// Whether it is half-closed and a 2xx is said again over it.
    repeats: bool,
    waiting: VecDeque<Transmit>,
    /// How much of the first that waits is written.
    written: usize,
    unwritten: usize,
    /// When its stage, or the message that is being read, began.
    since: Moment,
    within: bool,
    last: Moment,
}

impl Connection {
    pub(super) fn new(channel: Channel, flow: Flow, stage: Stage, now: Moment) -> Self {
        Self {
            channel,
            flow,
            framer: Framer::default(),
            stage,
            ready: stage != Stage::Connecting,
            queued: false,
            timer: None,
            ours: stage == Stage::Connecting,
            stranger: false,
            asked: false,
            owed: 0,
            answered: None,
            repeats: false,
            waiting: VecDeque::new(),
            written: 0,
            unwritten: 0,
            since: now,
            within: false,
            last: now,
        }
    }

    /// When it has to be looked at, if nothing happens before.
    pub(super) fn deadline(&self) -> Moment {
        match (self.stage, self.within) {
            (Stage::Connecting, _) => self.since + CONNECT_LIMIT,
            (Stage::Handshaking, _) => self.since + HANDSHAKE_LIMIT,
            (Stage::Half, _) if self.owed > 0 => self.since + HALF_LIMIT,
            // Nothing came of its repetitions: the ACK is overdue.
            (Stage::Half, _) => self.since + GIVE_UP,
            (Stage::Closing, _) => self.since + CLOSE_LIMIT,
            // A stranger has not even a pause.
            (Stage::Open, _) if self.stranger => self.since + MESSAGE_LIMIT,
            (Stage::Open, true) => self.since + MESSAGE_LIMIT,
            (Stage::Open, false) => self.last + IDLE_LIMIT,
        }
    }

    /// The connection that was asked for may have come about.
    pub(super) fn connected(&mut self, now: Moment) -> io::Result<()> {
        if self.stage != Stage::Connecting {
            return Ok(());
        }
        if let Some(error) = self.channel.socket.take_error()? {
            return Err(error);
        }
        match self.channel.socket.peer_addr() {
            Ok(_) => {
                let secure = self.channel.is_secure();
                self.stage = if secure { Stage::Handshaking } else { Stage::Open };
                (self.since, self.last, self.ready) = (now, now, true);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Goes one step on with the handshake, or finds it over: then what waits is written.
    pub(super) fn shake_hands(&mut self, now: Moment) -> io::Result<()> {
        self.channel.shake_hands()?;
        (self.stage, self.last) = (Stage::Open, now);
        self.write()
    }

    /// Reads once; 0 means that the far end has closed.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.channel.read(buffer)?;
        if self.stage == Stage::Open {
            self.framer.push(buffer.get(..count).unwrap_or_default());
        }
        Ok(count)
    }

    /// All that could be taken out of what was read has been: what is left is part of a message.
    pub(super) fn taken(&mut self, messages: bool, now: Moment) {
        let within = self.framer.is_within();
        if messages {
            self.last = now;
        }
        if within && (messages || !self.within) && !self.stranger {
            self.since = now;
        }
        self.within = within;
    }

    /// Queues a packet and writes what the system takes.
    pub(super) fn send(&mut self, transmit: Transmit, now: Moment) -> io::Result<()> {
        self.asked |= matches!(transmit.origin, Some(Origin::Client(_)));
        self.pay(&transmit);
        self.unwritten += transmit.packet.len();
        self.last = now;
        self.waiting.push_back(transmit);
        if self.unwritten > MAX_UNWRITTEN {
            return Err(io::Error::other("the far end does not read"));
        }
        self.write()
    }

    /// A message of the far end is handed over.
    pub(super) fn owe(&mut self, message: &Message) {
        if message.is_request() && message.method() != Method::Ack {
            self.owed = self.owed.saturating_add(1);
        }
    }

    /// A final answer leaves.
    fn pay(&mut self, transmit: &Transmit) {
        let code = transmit.packet.strip_prefix(b"SIP/2.0 ").and_then(<[u8]>::first);
        let final_one = code.is_some_and(|digit| *digit != b'1');
        let key = match transmit.origin {
            Some(Origin::Server(key)) => Some(key),
            Some(Origin::Client(_)) | None => None,
        };
        if final_one && (key.is_none() || key != self.answered) {
            self.owed = self.owed.saturating_sub(1);
            self.answered = key;
        }
    }

    /// Whether its far end waits for an answer that is still to come.
    pub(super) fn owes(&self) -> bool {
        self.owed > 0 && !self.stranger
    }

    /// A half-closed one has said something: whether it is of no further use. A 2xx of an INVITE is said
    /// again until its ACK, which comes by another connection.
    pub(super) fn is_settled(&mut self, begins_call: bool, now: Moment) -> bool {
        if self.stage != Stage::Half || self.owes() {
            return false;
        }
        if begins_call && !self.repeats {
            (self.repeats, self.since) = (true, now);
        }
        !self.repeats
    }

    /// Only says what is owed from here on: nobody would answer what we ask.
    pub(super) fn halve(&mut self, now: Moment) {
        (self.stage, self.since) = (Stage::Half, now);
    }

    /// Answers a keep-alive.
    pub(super) fn pong(&mut self, now: Moment) -> io::Result<()> {
        let packet: Packet = b"\r\n".as_slice().into();
        self.send(Transmit { flow: self.flow, packet, origin: None, fallback: None }, now)
    }

    /// Writes what waits, as far as the system takes it.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if matches!(self.stage, Stage::Connecting | Stage::Handshaking) {
            return Ok(());
        }
        while let Some(first) = self.waiting.front() {
            let rest = first.packet.get(self.written..).unwrap_or_default();
            let length = rest.len();
            match self.channel.write(rest) {
                Ok(count) => {
                    self.unwritten = self.unwritten.saturating_sub(count);
                    self.written += count;
                    if count == length {
                        self.waiting.pop_front();
                        self.written = 0;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        match self.channel.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            done => done?,
        }
        if self.stage == Stage::Closing {
            self.channel.finish();
        }
        Ok(())
    }

    /// Says no more than what waits, and reads nothing more.
    pub(super) fn close(&mut self, now: Moment) -> io::Result<()> {
        (self.stage, self.since) = (Stage::Closing, now);
        self.write()
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_written(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What was never written.
    pub(super) fn into_unwritten(self) -> VecDeque<Transmit> {
        self.waiting
    }

    /// Who is at the other end.
    pub(super) fn remote(&self) -> SocketAddr {
        self.flow.remote
    }
}
