//! Connections that we make, and what is sent over any.

use std::io;

use super::channel::{Channel, begin_connect};
use super::connection::Stage;
use super::connections::{Connections, End, Turn, end_of};
use super::listeners::Place;
use super::tls::ClientEnd;
use crate::engine::{Input, names_dialog};
use crate::model::value::Host;
use crate::sip::{Message, Method};
use crate::transaction::{ConnectionId, FarEnd, Transmit};

impl Connections {
    /// Sends over the connection that the flow names, else over one to the same far end, else over a
    /// new one from `bind`, but where the far end is one that has to come itself. What cannot be sent
    /// comes back to the engine.
    pub(super) fn send(&mut self, turn: &mut Turn<'_>, transmit: Transmit, place: Place<'_>) {
        let (end, link) = (end_of(&transmit.flow), transmit.flow.link);
        let answer = transmit.packet.starts_with(b"SIP/2.0 ");
        let usable = |id: &ConnectionId| match self.open.get(id).map(|connection| connection.stage)
        {
            Some(Stage::Connecting | Stage::Handshaking | Stage::Open) => true,
            Some(Stage::Half) => answer,
            Some(Stage::Closing) | None => false,
        };
        let found = link.connection().filter(usable);
        let found = found.or_else(|| self.by_end.get(&end).copied().filter(usable));
        let inside = names_dialog(&transmit.packet);
        let made = found.map(Ok).unwrap_or_else(|| match link.far_end() {
            FarEnd::COMER => Err(io::Error::other("the connection is gone that it came by")),
            _ => self.connect(turn, (end, inside), place),
        });
        let id = match made {
            Ok(id) => id,
            Err(error) => {
                tracing::debug!(remote = %end.1, %error, "no connection");
                turn.engine.handle_input(turn.now, Input::Unsent(transmit));
                return;
            }
        };
        let Some(connection) = self.open.get_mut(&id) else { return };
        let begins_call = connection.stage == Stage::Half && begins_call(&transmit.packet);
        match connection.send(transmit, turn.now) {
            Ok(()) if connection.is_settled(begins_call, turn.now) => self.close(turn, id, true),
            Ok(()) => self.rearm(id),
            Err(error) => self.lose(turn, id, &error.to_string()),
        }
    }

    fn connect(
        &mut self,
        turn: &mut Turn<'_>,
        (end, inside): (End, bool),
        place: Place<'_>,
    ) -> io::Result<ConnectionId> {
        if self.open.len() >= self.places {
            return Err(io::Error::other("too many connections"));
        }
        // A call that stands has nowhere else to go.
        let held = self.failing.holds(&end, turn.now);
        if held && !(inside && self.failing.lets_through(&end, turn.now)) {
            return Err(io::Error::other("not to be reached just now"));
        }
        let begun = self.begin(turn, end, place);
        let id = begun.and_then(|channel| self.insert(turn, end, channel, Stage::Connecting));
        if id.is_err() {
            self.failing.note(end, turn.now);
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
}

/// Whether it is a 2xx of an INVITE.
fn begins_call(packet: &[u8]) -> bool {
    let found = Message::parse_datagram(packet).ok();
    found.is_some_and(|one| {
        one.method() == Method::Invite
            && one.status().is_some_and(|code| (200..300).contains(&code))
    })
}
