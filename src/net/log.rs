//! One line per event of a call, never a body, never a credential; and one per message for who asks.

use std::net::SocketAddr;

use crate::engine::{About, Engine, Event};
use crate::model::{RegistrationState, ResourceId};
use crate::sip::{Message, redacted_start};
use crate::transaction::Transmit;

/// What selects the lines of messages: `TRUNKLINE_LOG=info,trunkline::signalling=debug`.
const SIGNALLING: &str = "trunkline::signalling";

/// Writes an event to the log.
pub(super) fn event(event: &Event) {
    match event {
        Event::Began(about) => {
            if tracing::enabled!(tracing::Level::INFO) {
                began(about);
            }
        }
        Event::Failover { about, trunk, reason, code } => {
            let trunk = name(trunk.as_ref());
            tracing::info!(call = %about.name(), id = %about.id, %trunk, reason, code, "the attempt failed, hunting goes on");
        }
        Event::Answered(about) => {
            tracing::info!(call = %about.name(), id = %about.id, "answered");
        }
        Event::Ended { about, reason, code, seconds } => {
            tracing::info!(call = %about.name(), id = %about.id, reason, code, seconds, "ended");
        }
        Event::Refused { about, reason, code } => {
            let (tenant, trunk) = (name(about.tenant.as_ref()), name(about.trunk.as_ref()));
            tracing::info!(
                call = %about.name(), id = %about.id, direction = about.direction.as_str(),
                %tenant, %trunk, from = %about.from, to = %about.to, reason, code, "refused"
            );
        }
        Event::Registration(trunk, state, code) => registration(trunk, *state, *code),
        Event::Health(trunk, health) => tracing::warn!(%trunk, ?health, "keep-alive verdict"),
        Event::Stranger { source, transport, near } => {
            let transport = transport.as_ref().map(ToString::to_string).unwrap_or_default();
            let near = near.as_ref().map(|(id, why)| (id.to_string(), *why));
            let (trunk, why) = near.unwrap_or_default();
            tracing::info!(%source, transport, near = trunk, why, "an unknown source");
        }
        Event::Counted(reason, count) => tracing::info!(reason, count, "refused or dropped"),
    }
}

fn name(id: Option<&ResourceId>) -> String {
    id.map(ResourceId::to_string).unwrap_or_default()
}

fn registration(trunk: &ResourceId, state: RegistrationState, code: Option<u16>) {
    match state {
        RegistrationState::Failing
        | RegistrationState::Rejected
        | RegistrationState::Misconfigured => {
            tracing::warn!(%trunk, ?state, code, "registration");
        }
        RegistrationState::Registering
        | RegistrationState::Registered
        | RegistrationState::Leaving => tracing::info!(%trunk, ?state, code, "registration"),
    }
}

fn began(about: &About) {
    tracing::info!(
        call = %about.name(),
        id = %about.id,
        direction = about.direction.as_str(),
        tenant = %name(about.tenant.as_ref()),
        trunk = %name(about.trunk.as_ref()),
        rule = %name(about.rule.as_ref()),
        from = %about.from,
        to = %about.to,
        generation = about.generation,
        "call"
    );
}

/// A message came, whoever sent it.
pub(super) fn heard(engine: &Engine, (transport, remote): (u32, SocketAddr), bytes: &[u8]) {
    if tracing::enabled!(target: SIGNALLING, tracing::Level::DEBUG) {
        message("in", engine, (transport, remote), bytes);
    }
}

/// A message leaves.
pub(super) fn said(engine: &Engine, transmit: &Transmit) {
    if tracing::enabled!(target: SIGNALLING, tracing::Level::DEBUG) {
        let end = (transmit.flow.transport, transmit.flow.remote);
        message("out", engine, end, &transmit.packet);
    }
}

#[cold]
fn message(way: &str, engine: &Engine, (transport, remote): (u32, SocketAddr), bytes: &[u8]) {
    let listener = engine.listener(transport).map(|(name, _)| name.as_str()).unwrap_or_default();
    let start = redacted_start(bytes);
    let parsed = Message::parse_datagram(bytes).ok();
    let call_id =
        String::from_utf8_lossy(parsed.as_ref().map(Message::call_id).unwrap_or_default());
    tracing::debug!(
        target: SIGNALLING, way, transport = listener, %remote, id = %call_id,
        bytes = bytes.len(), "{start}"
    );
}

/// A listener that cannot be read, unless there is just nothing to read.
pub(super) fn unread(error: &std::io::Error) {
    if error.kind() != std::io::ErrorKind::WouldBlock {
        tracing::warn!(%error, "a listener could not be read");
    }
}
