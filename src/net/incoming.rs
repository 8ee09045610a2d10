//! Connections that others make: within limits, strangers' few and short, and who they are by their
//! certificates. A handshake goes on in the same way whoever began it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};

use super::channel::Channel;
use super::connection::Stage;
use super::connections::{Connections, Turn, end_of};
use super::listeners::Place;
use super::room::Taken;
use super::tls;
use crate::engine::{Admission, Command};
use crate::transaction::{ConnectionId, FarEnd};

/// Connections taken from one listener before others have their turn.
const MAX_ACCEPTS: usize = 64;
/// How long accepting pauses when the system has no room for another socket.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

impl Connections {
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
        if !taken.has_room(admission, self.places) {
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
        self.failing.forget_host(remote.ip());
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

    /// Goes one step on with a handshake; whether to go on.
    pub(super) fn greet(&mut self, turn: &mut Turn<'_>, id: ConnectionId) -> bool {
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
        self.failing.forget(&end_of(&flow));
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
}
