//! One connection: its socket, what was read of a message so far, what waits to be written.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;

use crate::sip::Framer;
use crate::transaction::{Flow, Moment, Packet, TimerKey, Transmit};

/// Bytes that may wait for a far end that does not read; more closes its connection.
const MAX_UNWRITTEN: usize = 256 * 1024;
/// How long to wait until a far end takes a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
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
    /// Both directions work.
    Open,
    /// We have said our last words and only wait until they are read.
    Closing,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    /// The listener, the far end and this connection.
    pub(super) flow: Flow,
    pub(super) framer: Framer,
    pub(super) stage: Stage,
    /// More may wait in it: the system tells of new bytes only once.
    pub(super) ready: bool,
    pub(super) timer: Option<(Moment, TimerKey)>,
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
    pub(super) fn new(socket: TcpStream, flow: Flow, stage: Stage, now: Moment) -> Self {
        Self {
            socket,
            flow,
            framer: Framer::default(),
            stage,
            ready: stage == Stage::Open,
            timer: None,
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
            (Stage::Closing, _) => self.since + CLOSE_LIMIT,
            (Stage::Open, true) => self.since + MESSAGE_LIMIT,
            (Stage::Open, false) => self.last + IDLE_LIMIT,
        }
    }

    /// The connection that was asked for may have come about.
    pub(super) fn connected(&mut self, now: Moment) -> io::Result<()> {
        if self.stage != Stage::Connecting {
            return Ok(());
        }
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => {
                (self.stage, self.last, self.ready) = (Stage::Open, now, true);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads once; 0 means that the far end has closed.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
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
        if within && (messages || !self.within) {
            self.since = now;
        }
        self.within = within;
    }

    /// Queues a packet and writes what the system takes.
    pub(super) fn send(&mut self, transmit: Transmit, now: Moment) -> io::Result<()> {
        self.asked |= transmit.origin.is_some();
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
        if self.stage == Stage::Connecting {
            return Ok(());
        }
        while let Some(first) = self.waiting.front() {
            let rest = first.packet.get(self.written..).unwrap_or_default();
            let length = rest.len();
            match self.socket.write(rest) {
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
        if self.stage == Stage::Closing {
            // The far end reads our last words before it learns that we are gone.
            drop(self.socket.shutdown(Shutdown::Write));
        }
        Ok(())
    }

    /// Says no more than what waits, and reads nothing more.
    pub(super) fn close(&mut self, now: Moment) -> io::Result<()> {
        (self.stage, self.since) = (Stage::Closing, now);
        self.write()
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
