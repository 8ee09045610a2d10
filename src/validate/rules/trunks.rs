//! Rules about trunks: where they may stand, what they need, and who else has their addresses.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::provider;
use crate::diag::{Code, Diagnostic};
use crate::manifest::suggest;
use crate::model::value::{Cidr, NumberRange};
use crate::model::{Kind, ResourceId, Trunk};
use crate::validate::context::Context;

/// The port of SIP over UDP where none is written.
const SIP_PORT: u16 = 5060;

/// A trunk by address belongs to the system: every tenant behind it shares its address.
pub(super) fn tl401_scope(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, _) in context.set.trunks().filter(|(id, _)| id.tenant.is_some()) {
        let message = "a trunk of type `ip` is the system's, not a tenant's";
        let diagnostic = context.diagnostic(Code::TL401, id, "/spec/type", message);
        let tenant = context.span(id, "/metadata/tenant");
        found.push(
            diagnostic
                .related(tenant, "it has a tenant")
                .help("take `metadata.tenant` away; a DidPool assigns the trunk to the tenant"),
        );
    }
}

/// A second `ip` trunk of one provider: the provider's calls could not be told apart.
pub(super) fn tl405_second_of_provider(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for group in provider::groups(context.set) {
        let system: Vec<_> = group.into_iter().filter(|(id, _)| id.tenant.is_none()).collect();
        for (index, (id, trunk)) in system.iter().enumerate() {
            let mut earlier = system.iter().take(index);
            let Some((other, first)) = earlier.find(|(_, other)| trunk.same_provider(other)) else {
                continue;
            };
            let by_key = trunk.provider.is_some() && trunk.provider == first.provider;
            let field = if by_key { "/spec/provider" } else { "/spec/host" };
            let conflict = context.conflict(Code::TL405, field, (id, other), |_, other| {
                format!("trunk `{}` is of the same provider", other.name)
            });
            found.push(conflict.help(
                "use one trunk, with `associatedIps` for further addresses; if the companies differ, give both a `provider` key",
            ));
        }
    }
}

/// The transport that a trunk names, or the only one there is.
pub(super) fn tl406_transport(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let transports: Vec<_> = context.set.transports().map(|(id, _)| id.name.as_str()).collect();
    for (id, trunk) in context.set.trunks() {
        let Some(name) = &trunk.transport else {
            if transports.len() > 1 && !context.declared.may_have(Kind::Transport, None) {
                let message = format!(
                    "`transport` is missing, and there are several: {}",
                    transports.join(", ")
                );
                found.push(
                    Diagnostic::new(Code::TL105, message)
                        .of(id)
                        .at(context.key_span(id, "/spec"))
                        .help("say which one the trunk uses, for example with `transport:`"),
                );
            }
            continue;
        };
        let reference = ResourceId::system(Kind::Transport, name.clone());
        if context.set.contains(&reference) || context.declared.may_be(&reference) {
            continue;
        }
        let message = format!("there is no Transport `{name}`");
        let help = match suggest::nearest(name.as_str(), transports.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("declare the Transport `{name}`, or correct the name"),
        };
        let diagnostic = context.diagnostic(Code::TL406, id, "/spec/transport", message);
        found.push(diagnostic.help(help));
    }
}

/// What a packet must look like to be a trunk's: listener, source range, source port if checked.
type Match<'a> = (Option<&'a str>, Cidr, Option<u16>);

/// Two enabled trunks that a packet would fit equally well (G28). Trunks of one provider are
/// TL405's business.
pub(super) fn tl407_same_packet(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut only = context.set.transports().map(|(id, _)| id.name.as_str());
    let only = only.next().filter(|_| only.next().is_none());
    let mut first: BTreeMap<Match<'_>, Vec<(&ResourceId, &Trunk)>> = BTreeMap::new();
    for (id, trunk) in context.set.trunks().filter(|(_, trunk)| trunk.enabled) {
        let listener = trunk.transport.as_ref().map(|name| name.as_str()).or(only);
        let port = trunk.verify_port.then(|| port(trunk.port));
        let mut told = false;
        for source in trunk.source_addresses() {
            let rivals = first.entry((listener, source, port)).or_default();
            let rival = rivals.iter().find(|(other, rival)| {
                *other != id && !trunk.same_provider(rival) && !separated(context, id, other)
            });
            if let Some((other, _)) = rival.filter(|_| !told) {
                found.push(ambiguous(context, id, other, source, port));
                told = true;
            }
            if rivals.len() < MAX_RIVALS && rivals.last().is_none_or(|(other, _)| *other != id) {
                rivals.push((id, trunk));
            }
        }
    }
}

/// Trunks with one source that a further one is compared with.
const MAX_RIVALS: usize = 64;

fn ambiguous(
    context: &Context<'_>,
    id: &ResourceId,
    other: &ResourceId,
    source: Cidr,
    port: Option<u16>,
) -> Diagnostic {
    let sample = SocketAddr::new(source.network(), port.unwrap_or(SIP_PORT));
    let conflict = context.conflict(Code::TL407, "/spec/host", (id, other), |_, other| {
        format!("trunk `{}` can match the same packet, for example one from {sample}", other.name)
    });
    conflict.help("give them different addresses, `verifyPort` with different ports, or pools that share no number")
}

/// Whether the called number always tells which of two trunks a call came over.
fn separated(context: &Context<'_>, a: &ResourceId, b: &ResourceId) -> bool {
    let numbers = |trunk: &ResourceId| -> Vec<NumberRange> {
        let items = context.pools().filter(|(of, _, _)| *of == trunk);
        items.flat_map(|(_, _, items)| items.iter().map(|item| item.range)).collect()
    };
    let (mut a, mut b) = (numbers(a), numbers(b));
    if a.is_empty() || b.is_empty() {
        // A refused pool may hold the numbers that separate them.
        return context.declared.may_have_any(Kind::DidPool);
    }
    a.sort_unstable();
    b.sort_unstable();
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(one), Some(two)) = (left.peek(), right.peek()) {
        if one.intersection(**two).is_some() {
            return false;
        }
        if one.last() < two.last() {
            left.next()
        } else {
            right.next()
        };
    }
    true
}

/// PBXs of two tenants behind one address and port: their calls could not be told apart.
pub(super) fn tl407_same_pbx(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<SocketAddr, &ResourceId> = BTreeMap::new();
    for (id, extension) in context.set.extensions() {
        let at = &extension.contact.host_port;
        let Some(ip) = at.host.ip() else { continue };
        let address = SocketAddr::new(ip.to_canonical(), port(at.port.unwrap_or(0)));
        let other = *first.entry(address).or_insert(id);
        if other.tenant == id.tenant {
            continue;
        }
        let conflict = context.conflict(Code::TL407, "/spec/contact", (id, other), |_, other| {
            format!("the PBX at {address} is another tenant's too: {other}")
        });
        found.push(conflict.help(
            "give each tenant's PBX an address or port of its own: it says whose calls are whose",
        ));
    }
}

fn port(port: u16) -> u16 {
    if port == 0 { SIP_PORT } else { port }
}
