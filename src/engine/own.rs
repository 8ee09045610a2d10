//! Ourselves as a far end: what we would send to a listener of ours that takes us for nobody.

use std::net::SocketAddr;

use super::context::Context;
use crate::model::ServerName;
use crate::model::value::Host;
use crate::routing::Source;

impl Context {
    /// Whether an address is one of our listeners of the same protocol that knows nobody at the
    /// address that we would come from: an INVITE there would end in silence after 32 s. Where a trunk,
    /// a contact or a phone is known from there, it may be one tenant that calls another, and is no
    /// business of ours.
    pub(super) fn is_lost_at_home(&self, from: u32, address: SocketAddr) -> bool {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let ip = address.ip();
        let is_there = |host: &Host| match host {
            Host::Ip(one) => *one == ip,
            Host::Name(host) => self.locator.names_at(ip).any(|(name, _)| name.host == *host),
        };
        let protocol = self.listeners.protocol(from);
        let mut ours = self.listeners.at(protocol, address, is_there).peekable();
        if ours.peek().is_none() {
            return false;
        }
        let of = |name: &ServerName| {
            let targets = self.locator.servers(name).map(|servers| servers.targets);
            targets.into_iter().flatten().map(|target| target.ip()).collect()
        };
        let sources = self.listeners.sources(from, address, of);
        let table = &self.generation.table;
        let is_known = |transport: u32, remote: SocketAddr| {
            let flow = self.listeners.flow(transport, remote);
            self.identify(table, flow) != Source::Unknown
                || !self.registrar.bindings.at(flow).is_empty()
        };
        !ours.any(|number| {
            // What is not translated comes from where we are bound.
            let direct = self.listeners.is_bound_to(number, ip);
            let possible = if direct { 1 } else { sources.len() };
            sources.iter().take(possible).any(|source| is_known(number, *source))
        })
    }
}
