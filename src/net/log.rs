//! One line per event of a call; never a body, never a credential.

use crate::engine::{Event, Facts};
use crate::model::ResourceId;

/// Writes an event to the log.
pub(super) fn event(event: &Event) {
    match event {
        Event::Began(facts) => {
            if tracing::enabled!(tracing::Level::INFO) {
                began(facts);
            }
        }
        Event::Failover(facts, code) => {
            tracing::info!(call = %facts.id, code, "the attempt failed, hunting goes on");
        }
        Event::Answered(facts) => tracing::info!(call = %facts.id, "answered"),
        Event::Ended { facts, reason, code, seconds } => {
            tracing::info!(call = %facts.id, reason, code, seconds, "ended");
        }
        Event::Health(trunk, health) => tracing::warn!(%trunk, ?health, "keep-alive verdict"),
    }
}

fn began(facts: &Facts) {
    let name = |id: Option<&ResourceId>| id.map(ResourceId::to_string).unwrap_or_default();
    tracing::info!(
        call = %facts.id,
        direction = facts.direction.as_str(),
        tenant = %name(facts.tenant()),
        trunk = %name(facts.trunk()),
        rule = %name(facts.rule()),
        from = %facts.from,
        to = %facts.to,
        generation = facts.generation(),
        "call"
    );
}

/// A listener that cannot be read, unless there is just nothing to read.
pub(super) fn unread(error: &std::io::Error) {
    if error.kind() != std::io::ErrorKind::WouldBlock {
        tracing::warn!(%error, "a listener could not be read");
    }
}
