//! The engine's thread: receive, feed, send, wait.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::UdpSocket;
use mio::{Events, Poll, Token};

use super::connections::{Connections, Turn};
use super::datagrams::{self, BATCH, DATAGRAM_BYTES};
use super::handle::{Command, Generation};
use super::listeners::{Door, Listeners, Open, RETRY};
use super::log;
use super::resolver::Resolver;
use super::room;
use super::told::{self, Clock, Told};
use super::unreachable;
use crate::engine::{self, Engine, Input, Output};
use crate::locate::Answer;
use crate::model::Observed;
use crate::port::Installed;
use crate::transaction::{Chance, Moment, Transmit};

/// The waker's token; listeners have the even ones from 0 up, connections the odd ones.
pub(super) const WAKE: Token = Token(usize::MAX);
/// Events taken from the system at once.
const MAX_EVENTS: usize = 64;
/// Batches taken from one listener before the others, timers and commands have their turn.
const MAX_BATCHES: usize = 2;

#[derive(Debug)]
pub(super) struct Driver {
    poll: Poll,
    commands: Receiver<Command>,
    resolver: Resolver,
    engine: Engine,
    listeners: Listeners,
    connections: Connections,
    told: Told,
    /// Datagrams on their way out, at most a batch.
    leaving: Vec<Transmit>,
    began: Instant,
    /// When listeners are to be looked after.
    chores: Instant,
}

impl Driver {
    pub(super) fn new(
        poll: Poll,
        commands: Receiver<Command>,
        resolver: Resolver,
        seed: [u8; 32],
    ) -> Self {
        let now = Instant::now();
        Self {
            poll,
            commands,
            resolver,
            engine: Engine::new(seed),
            listeners: Listeners::default(),
            connections: Connections::new(
                room::places(),
                Chance::from_seed(seed.map(|byte| byte ^ 1)),
            ),
            told: Told::default(),
            leaving: Vec::with_capacity(BATCH),
            began: now,
            chores: now,
        }
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(MAX_EVENTS);
        let mut buffer = datagrams::buffer();
        loop {
            let wait = self.wait();
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the engine cannot wait for packets and stops");
                return;
            }
            let now = self.now();
            for event in &events {
                let Self { poll, engine, connections, .. } = &mut self;
                let mut turn = Turn { registry: poll.registry(), engine, now };
                if event.token() == WAKE || connections.on_event(&mut turn, event) {
                    continue;
                }
                let number = u32::try_from(event.token().0 / 2).ok();
                if let Some(open) = number.and_then(|number| self.listeners.get_mut(number)) {
                    open.ready = true;
                    open.reports |= event.is_error();
                }
            }
            if self.obey().is_err() {
                return;
            }
            self.hear();
            self.receive(&mut buffer);
            let now = self.now();
            self.engine.handle_timeout(now);
            let (connections, mut turn) = self.turn(now);
            connections.on_time(&mut turn);
            self.flush(now);
            self.chores();
        }
    }

    fn now(&self) -> Moment {
        let millis = self.began.elapsed().as_millis();
        Moment::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// How long nothing has to be done.
    fn wait(&mut self) -> Option<Duration> {
        let accepts = self.connections.may_accept();
        let takes = |door: &Door| accepts || matches!(door, Door::Datagrams(_));
        let waits = |open: &Open| open.reports || (open.ready && takes(&open.door));
        let waits = self.listeners.iter_mut().any(|(_, open)| waits(open));
        if waits || self.connections.is_ready() {
            return Some(Duration::ZERO);
        }
        let now = self.now();
        let engine = self.engine.next_timeout().map(|at| at.since(now));
        let chores = self
            .listeners
            .is_unsettled()
            .then(|| self.chores.saturating_duration_since(Instant::now()));
        let connections = self.connections.next_timeout().map(|at| at.since(now));
        engine.into_iter().chain(chores).chain(connections).min()
    }

    fn turn(&mut self, now: Moment) -> (&mut Connections, Turn<'_>) {
        let Self { poll, engine, connections, .. } = self;
        (connections, Turn { registry: poll.registry(), engine, now })
    }

    /// Takes at most a batch from every listener and connection that may have something.
    fn receive(&mut self, buffer: &mut [u8]) {
        let now = self.now();
        let Self { poll, engine, listeners, connections, .. } = self;
        let mut turn = Turn { registry: poll.registry(), engine, now };
        for (number, open) in listeners.iter_mut().filter(|(_, open)| open.ready || open.reports) {
            match &open.door {
                Door::Datagrams(socket) => {
                    // First: as long as one waits, the system tells of it instead of reading.
                    open.reports = open.reports && hear_from(turn.engine, now, (number, socket));
                    open.ready = receive_from(turn.engine, now, (number, socket), buffer);
                }
                Door::Connections(listener) if connections.may_accept() => {
                    open.ready = connections.accept(&mut turn, (open.place(number), listener));
                }
                Door::Connections(_) => {}
            }
        }
        connections.receive(&mut turn, buffer.get_mut(..DATAGRAM_BYTES).unwrap_or_default());
        self.flush(now);
        let (connections, mut turn) = self.turn(now);
        connections.close_done(&mut turn);
        self.flush(now);
    }

    /// Does what the engine wants until it wants nothing more.
    fn flush(&mut self, now: Moment) {
        loop {
            while let Some(output) = self.engine.poll_output() {
                self.carry_out(now, output);
            }
            if self.leaving.is_empty() {
                return;
            }
            self.send_leaving(now);
        }
    }

    fn carry_out(&mut self, now: Moment, output: Output) {
        match output {
            Output::Event(event) => {
                log::event(&event);
                self.told.push(event, now);
            }
            Output::Transmit(transmit) => {
                log::said(&self.engine, &transmit);
                self.transmit(now, transmit);
            }
            Output::Ask(question) => {
                if let Err(question) = self.resolver.ask(question) {
                    let answer = Answer::Failed("the DNS client has stopped".to_owned());
                    self.engine.handle_input(now, Input::Answered(&question, answer));
                }
            }
        }
    }

    /// Takes the answers of the DNS that wait.
    fn hear(&mut self) {
        while let Some((question, answer)) = self.resolver.poll() {
            let now = self.now();
            let mut turn = Turn { registry: self.poll.registry(), engine: &mut self.engine, now };
            self.listeners.learn(&mut turn, &answer);
            self.engine.handle_input(now, Input::Answered(&question, answer));
        }
    }

    fn transmit(&mut self, now: Moment, transmit: Transmit) {
        let Self { poll, engine, listeners, connections, .. } = self;
        let Some(open) = listeners.get_mut(transmit.flow.transport) else {
            engine.handle_input(now, Input::Unsent(transmit));
            return;
        };
        match &open.door {
            Door::Datagrams(_) => {
                self.leaving.push(transmit);
                if self.leaving.len() >= BATCH {
                    self.send_leaving(now);
                }
            }
            Door::Connections(_) => {
                let mut turn = Turn { registry: poll.registry(), engine, now };
                let place = open.place(transmit.flow.transport);
                connections.send(&mut turn, transmit, place);
            }
        }
    }

    /// Sends the datagrams that wait for it, those of one listener with one call.
    fn send_leaving(&mut self, now: Moment) {
        let leaving = std::mem::take(&mut self.leaving);
        for batch in leaving.chunk_by(|one, next| one.flow.transport == next.flow.transport) {
            let transport = batch.first().map_or(0, |first| first.flow.transport);
            let Some(open) = self.listeners.get_mut(transport) else { continue };
            let Door::Datagrams(socket) = &open.door else { continue };
            for (at, _) in datagrams::send((socket, open.bound), batch) {
                if let Some(refused) = batch.get(at) {
                    self.engine.handle_input(now, Input::Unsent(refused.clone()));
                }
            }
        }
        self.leaving = leaving;
        self.leaving.clear();
    }

    /// Carries out the commands that wait; an error is the order to stop.
    fn obey(&mut self) -> Result<(), TryRecvError> {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Install(generation, answer)) => {
                    let installed = self.install(*generation);
                    // Whoever asked may have given up waiting.
                    drop(answer.try_send(installed));
                }
                Ok(Command::Observe(answer)) => drop(answer.try_send(self.observe())),
                Ok(Command::Record(call, answer)) => {
                    drop(answer.try_send(told::find(&self.engine, &call, self.now())));
                }
                Ok(Command::Events(after, answer)) => {
                    drop(answer.try_send((self.told.after(after), Clock::new(self.now()))));
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                    return Err(TryRecvError::Disconnected);
                }
            }
        }
    }

    fn install(&mut self, generation: Generation) -> Installed {
        let Generation { compiled, transports, remotes, book } = generation;
        self.connections.use_book(Arc::clone(&book));
        let (now, number) = (self.now(), compiled.number);
        let mut turn = Turn { registry: self.poll.registry(), engine: &mut self.engine, now };
        let stalled = self.listeners.open_wanted(&mut turn, transports, (remotes, book));
        self.engine.handle_command(now, engine::Command::Install(compiled));
        self.listeners.retire_unwanted();
        self.flush(now);
        self.chores = Instant::now() + RETRY;
        tracing::info!(generation = number, stalled = stalled.len(), "in force");
        Installed { generation: number, stalled, ..Installed::default() }
    }

    fn observe(&self) -> Observed {
        let mut observed = self.engine.observe(self.now());
        observed.transports = self.listeners.observe();
        self.connections.book().tell(&mut observed, unix_seconds());
        observed
    }

    fn chores(&mut self) {
        if self.listeners.is_unsettled() && Instant::now() >= self.chores {
            self.chores = Instant::now() + RETRY;
            let now = self.now();
            let mut turn = Turn { registry: self.poll.registry(), engine: &mut self.engine, now };
            let closed = self.listeners.look_after(&mut turn);
            for number in closed {
                let (connections, mut turn) = self.turn(now);
                connections.close_listener(&mut turn, number);
            }
            self.flush(now);
        }
    }
}

/// The wall clock, for the ends of certificates only.
pub(super) fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Takes some batches of datagrams; whether there may be more.
fn receive_from(
    engine: &mut Engine,
    now: Moment,
    (transport, socket): (u32, &UdpSocket),
    buffer: &mut [u8],
) -> bool {
    let mut take = |source, bytes: &[u8]| {
        log::heard(engine, (transport, source), bytes);
        engine.handle_input(now, Input::Received { transport, source, bytes });
    };
    for _ in 0..MAX_BATCHES {
        match datagrams::receive(socket, buffer, &mut take) {
            Ok(_) => {}
            // Told once, and behind it there may be datagrams.
            Err(error) if unreachable::is_report(&error) => {}
            // The next datagram makes it ready again; an error that stays does not spin.
            Err(error) => {
                log::unread(&error);
                return false;
            }
        }
    }
    true
}

/// Takes some reports of what could not be delivered; whether there may be more.
fn hear_from(engine: &mut Engine, now: Moment, (transport, socket): (u32, &UdpSocket)) -> bool {
    unreachable::hear(socket, |remote, quoted| {
        tracing::debug!(%remote, "nobody is there, says the network");
        engine.handle_input(now, Input::Unreachable { transport, remote, quoted });
    })
}
