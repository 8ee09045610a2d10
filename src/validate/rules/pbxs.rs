//! PBXs at fixed addresses: whose calls are whose.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::trunks::port;
use crate::diag::{Code, Diagnostic};
use crate::model::value::Cidr;
use crate::model::{Protocol, ResourceId};
use crate::validate::context::Context;

/// The contacts with an address, with their resources.
fn contacts<'a>(context: &Context<'a>) -> impl Iterator<Item = (&'a ResourceId, SocketAddr)> {
    context.set.extensions().filter_map(|(id, extension)| {
        let at = &extension.contact.as_ref()?.host_port;
        let ip = at.host.ip()?.to_canonical();
        Some((id, SocketAddr::new(ip, port(at.port.unwrap_or(0)))))
    })
}

/// PBXs of two tenants behind one address and port: their calls could not be told apart.
pub(super) fn tl407_same_pbx(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<SocketAddr, &ResourceId> = BTreeMap::new();
    for (id, address) in contacts(context) {
        let other = *first.entry(address).or_insert(id);
        if other.tenant == id.tenant {
            continue;
        }
        let conflict = context.conflict(Code::TL407, "/spec/contact", (id, other), |_, other| {
            format!("the PBX at {address} is another tenant's too: {other}")
        });
        // It may be one tenant's: TL601.
        let follows = context.declared.is_stray(id) || context.declared.is_stray(other);
        found.push(conflict.follows(follows).help(
            "give each tenant's PBX an address or port of its own: it says whose calls are whose",
        ));
    }
}

/// The trunks by the addresses that they send from, each with the port that it must be; absent: any.
#[derive(Default)]
struct Senders<'a> {
    by_network: BTreeMap<Cidr, Vec<(Option<u16>, &'a ResourceId)>>,
    lengths: BTreeSet<u8>,
}

impl<'a> Senders<'a> {
    fn new(context: &Context<'a>) -> Self {
        let mut senders = Self::default();
        for (id, trunk) in context.set.trunks().filter(|(_, trunk)| trunk.enabled) {
            let named = trunk.transport.as_ref().and_then(|name| context.set.transport(None, name));
            // Over connections no port is verified.
            let datagrams = named.is_none_or(|one| one.protocol == Protocol::Udp);
            let port = (trunk.verify_port && datagrams).then(|| port(trunk.port()));
            for network in trunk.source_addresses() {
                senders.lengths.insert(network.bits());
                senders.by_network.entry(network).or_default().push((port, id));
            }
        }
        senders
    }

    /// A trunk that a packet from an address is taken to be of.
    fn of(&self, address: SocketAddr) -> Option<&'a ResourceId> {
        let around = self.lengths.iter().rev().map(|bits| Cidr::around(address.ip(), *bits));
        let mut trunks = around.filter_map(|network| self.by_network.get(&network)).flatten();
        let fits = |port: &Option<u16>| port.is_none_or(|port| port == address.port());
        trunks.find(|(port, _)| fits(port)).map(|(_, id)| *id)
    }
}

/// A PBX at the address of a trunk: trunks come first (engine.md section 1), so its calls would be
/// taken for the provider's.
pub(super) fn tl407_pbx_at_trunk(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    // Many extensions stand behind one PBX: one diagnostic for each address.
    let mut first: BTreeMap<SocketAddr, &ResourceId> = BTreeMap::new();
    for (id, address) in contacts(context) {
        first.entry(address).or_insert(id);
    }
    if first.is_empty() {
        return;
    }
    let senders = Senders::new(context);
    for (address, id) in first {
        let Some(trunk) = senders.of(address) else { continue };
        let message = format!(
            "a packet from {address} is trunk `{}`'s: no call of this PBX would be its own",
            trunk.name
        );
        found.push(
            context
                .diagnostic(Code::TL407, id, "/spec/contact", message)
                .related(context.span(trunk, "/spec/host"), "the trunk's address")
                .help("give the PBX an address of its own, or the trunk `verifyPort` and another port"),
        );
    }
}
