//! The engine's thread: receive, feed, send, wait.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::handle::{Command, Generation};
use super::listeners::{Listeners, Opening, RETRY};
use super::log;
use crate::engine::{self, Engine, Input, Output};
use crate::model::Observed;
use crate::port::Installed;
use crate::transaction::Moment;

/// The waker's token; listeners have theirs from 0 up.
pub(super) const WAKE: Token = Token(usize::MAX);
/// Events taken from the system at once.
const MAX_EVENTS: usize = 64;
/// Packets taken from one listener before the others, timers and commands have their turn.
const MAX_BATCH: usize = 64;
/// The largest UDP payload there is.
const DATAGRAM_BYTES: usize = 65_535;

#[derive(Debug)]
pub(super) struct Driver {
    poll: Poll,
    commands: Receiver<Command>,
    engine: Engine,
    listeners: Listeners,
    began: Instant,
    /// When listeners are to be looked after.
    chores: Instant,
}

impl Driver {
    pub(super) fn new(poll: Poll, commands: Receiver<Command>, seed: [u8; 32]) -> Self {
        let now = Instant::now();
        Self {
            poll,
            commands,
            engine: Engine::new(seed),
            listeners: Listeners::default(),
            began: now,
            chores: now,
        }
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(MAX_EVENTS);
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let wait = self.wait();
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the engine cannot wait for packets and stops");
                return;
            }
            for event in &events {
                let number = u32::try_from(event.token().0).ok();
                if let Some(open) = number.and_then(|number| self.listeners.get_mut(number)) {
                    open.ready = true;
                }
            }
            if self.obey().is_err() {
                return;
            }
            self.receive(&mut buffer);
            let now = self.now();
            self.engine.handle_timeout(now);
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
        if self.listeners.iter_mut().any(|(_, open)| open.ready) {
            return Some(Duration::ZERO);
        }
        let now = self.now();
        let engine = self.engine.next_timeout().map(|at| at.since(now));
        let chores = self
            .listeners
            .is_unsettled()
            .then(|| self.chores.saturating_duration_since(Instant::now()));
        engine.into_iter().chain(chores).min()
    }

    /// Takes at most a batch from every listener that may have something.
    fn receive(&mut self, buffer: &mut [u8]) {
        let now = self.now();
        for (number, open) in self.listeners.iter_mut() {
            for _ in 0..MAX_BATCH {
                if !open.ready {
                    break;
                }
                match open.socket.recv_from(buffer) {
                    Ok((length, source)) => {
                        let bytes = buffer.get(..length).unwrap_or_default();
                        let input = Input::Received { transport: number, source, bytes };
                        self.engine.handle_input(now, input);
                    }
                    // The next datagram makes it ready again; an error that stays does not spin.
                    Err(error) => {
                        open.ready = false;
                        log::unread(&error);
                    }
                }
            }
        }
        self.flush(now);
    }

    /// Does what the engine wants until it wants nothing more.
    fn flush(&mut self, now: Moment) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Event(event) => log::event(&event),
                Output::Transmit(transmit) => {
                    let open = self.listeners.get_mut(transmit.flow.transport);
                    let sent = open.map(|open| open.send(&transmit.packet, transmit.flow.remote));
                    match sent {
                        Some(Ok(_)) => {}
                        // A full socket loses packets as the network does: they are sent again.
                        Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Some(Err(_)) | None => {
                            self.engine.handle_input(now, Input::Unsent(transmit));
                        }
                    }
                }
            }
        }
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
                Err(TryRecvError::Empty) => return Ok(()),
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                    return Err(TryRecvError::Disconnected);
                }
            }
        }
    }

    fn install(&mut self, generation: Generation) -> Installed {
        let Generation { compiled, transports, remotes } = generation;
        let (now, number) = (self.now(), compiled.number);
        let mut opening = Opening { registry: self.poll.registry(), engine: &mut self.engine, now };
        let stalled = self.listeners.open_wanted(&mut opening, transports, remotes);
        self.engine.handle_command(now, engine::Command::Install(compiled));
        self.listeners.retire_unwanted();
        self.flush(now);
        self.chores = Instant::now() + RETRY;
        tracing::info!(generation = number, stalled = stalled.len(), "in force");
        Installed { generation: number, stalled }
    }

    fn observe(&self) -> Observed {
        let mut observed = self.engine.observe(self.now());
        observed.transports = self.listeners.observe();
        observed
    }

    fn chores(&mut self) {
        if self.listeners.is_unsettled() && Instant::now() >= self.chores {
            self.chores = Instant::now() + RETRY;
            let now = self.now();
            let mut opening =
                Opening { registry: self.poll.registry(), engine: &mut self.engine, now };
            self.listeners.look_after(&mut opening);
        }
    }
}
