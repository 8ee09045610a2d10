//! One connection: its socket, what was read of a message so far, what waits to be written.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::channel::Channel;
use crate::sip::Framer;
use crate::transaction::{Flow, Moment, Origin, Packet, TimerKey, Transmit};

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
        self.unwritten += transmit.packet.len();
        self.last = now;
        self.waiting.push_back(transmit);
        if self.unwritten > MAX_UNWRITTEN {
            return Err(io::Error::other("the far end does not read"));
        }
        self.write()
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
