//! PBXs at fixed addresses: whose calls are whose.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::trunks::port;
use super::values::is_of_nobody;
use crate::diag::{Code, Diagnostic};
use crate::model::value::Cidr;
use crate::model::{Protocol, ResourceId, Trunk};
use crate::validate::context::{Context, Field};
use crate::validate::missing;

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

/// A trunk that sends from a network: the port that it must be, absent: any; and the place of the network.
type Sender<'a> = (Option<u16>, &'a ResourceId, Field);

/// The trunks by the addresses that they send from.
#[derive(Default)]
struct Senders<'a> {
    by_network: BTreeMap<Cidr, Vec<Sender<'a>>>,
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
            // What is no address of a far end is told as that (TL106).
            for (field, network) in sources(trunk).filter(|one| !is_of_nobody(one.1)) {
                senders.lengths.insert(network.bits());
                senders.by_network.entry(network).or_default().push((port, id, field));
            }
        }
        senders
    }

    /// A trunk that a packet from an address is taken to be of, with the place that says so.
    fn of(&self, address: SocketAddr) -> Option<(&'a ResourceId, Field)> {
        let around = self.lengths.iter().rev().map(|bits| Cidr::around(address.ip(), *bits));
        let mut trunks = around.filter_map(|network| self.by_network.get(&network)).flatten();
        let fits = |port: &Option<u16>| port.is_none_or(|port| port == address.port());
        trunks.find(|(port, ..)| fits(port)).map(|(_, id, field)| (*id, *field))
    }
}

/// The addresses that a trunk sends from, each with its place.
fn sources(trunk: &Trunk) -> impl Iterator<Item = (Field, Cidr)> {
    let host = usize::from(trunk.host().is_some_and(|host| host.ip().is_some()));
    let written = trunk.associated_ips.is_some();
    trunk.source_addresses().enumerate().map(move |(at, network)| {
        let item = at.checked_sub(host).filter(|_| written);
        (
            item.map_or(Field("/spec/host", None), |at| {
                Field("/spec/associatedIps", Some((at, "")))
            }),
            network,
        )
    })
}

/// PBXs at the addresses of a trunk: trunks come first (engine.md section 1), so their calls would be
/// taken for the provider's. One network of a trunk may hold all of them.
pub(super) fn tl407_pbx_at_trunk(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    // Many extensions stand behind one PBX: each address counts once.
    let mut first: BTreeMap<SocketAddr, &ResourceId> = BTreeMap::new();
    for (id, address) in contacts(context) {
        first.entry(address).or_insert(id);
    }
    if first.is_empty() {
        return;
    }
    let senders = Senders::new(context);
    let mut groups: BTreeMap<&ResourceId, Vec<usize>> = BTreeMap::new();
    for (address, id) in first {
        let Some((trunk, field)) = senders.of(address) else { continue };
        let message = format!(
            "a packet from {address} is trunk `{}`'s: no call of this PBX would be its own",
            trunk.name
        );
        let told = context
            .diagnostic(Code::TL407, id, "/spec/contact", message)
            .related(context.span(trunk, &field.to_string()), "the trunk's address")
            .help("give the PBX an address of its own, or the trunk `verifyPort` and another port");
        groups.entry(trunk).or_default().push(found.len());
        found.push(told);
    }
    for (trunk, group) in groups.into_iter().filter(|(_, group)| group.len() > 1) {
        for at in &group {
            if let Some(one) = found.get_mut(*at) {
                one.help = Some(format!(
                    "{} PBXs have addresses of trunk `{}`: correct those of the trunk, or give the PBXs others",
                    group.len(),
                    trunk.name
                ));
            }
        }
        missing::fold(found, group, |_| "is at an address of the trunk, too".to_owned());
    }
}
