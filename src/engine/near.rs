//! What a source that is nobody's comes nearest to (engine.md G30). A trunk whose calls are refused
//! is mostly a trunk that is declared a little otherwise.

use super::context::Context;
use super::event::Event;
use super::refusal::Reason;
use crate::model::ResourceId;
use crate::model::value::Host;
use crate::routing::Source;
use crate::transaction::Flow;

impl Context {
    /// Counts a packet of nobody; when that is told, so is where it came from and whose it nearly was.
    pub(super) fn count_stranger(&mut self, flow: Flow) {
        let told = self.events.len();
        self.count(Reason::UnknownSource);
        // Looking for that costs a look at every trunk: now and then, as it is told.
        if self.events.len() > told {
            let near = self.near_miss(flow);
            let transport = self.listeners.name(flow.transport).cloned();
            let source = flow.remote;
            self.events.push_back(Event::Stranger { source, transport, near });
        }
    }

    /// The trunk that has this address, and why it is not the one.
    fn near_miss(&self, flow: Flow) -> Option<(ResourceId, &'static str)> {
        let table = &self.generation.table;
        let ip = flow.remote.ip().to_canonical();
        let elsewhere = table.transports().find_map(|(index, _)| {
            let names = self.locator.names_at(ip);
            match table.identify_with(index, flow.remote, names) {
                Source::Trunks(trunks) => table.trunk(*trunks.first()?),
                Source::Caller(_) | Source::Unknown => None,
            }
        });
        if let Some(entry) = elsewhere {
            return Some((entry.id.clone(), "OtherTransport"));
        }
        let here = |host: &Host| matches!(host, Host::Ip(own) if own.to_canonical() == ip);
        let (_, entry) = table.trunks().find(|(_, entry)| entry.spec.host().is_some_and(here))?;
        Some((entry.id.clone(), "OtherPort"))
    }
}
