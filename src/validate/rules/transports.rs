//! Rules about listeners.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diag::{Code, Diagnostic};
use crate::model::{Kind, Protocol, ResourceId, Transport};
use crate::validate::context::Context;

/// Two transports that cannot both listen.
pub(super) fn tl408_same_address(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, other) in clashing(context) {
        found.extend(
            context.set.transport(None, &id.name).map(|it| clash(context, (id, it), other)),
        );
    }
}

/// The transports that cannot listen beside another one, each with that.
pub(super) fn clashing<'a>(context: &Context<'a>) -> Vec<(&'a ResourceId, &'a ResourceId)> {
    // Of one port and protocol below SIP: who takes every address of a family, and who which one.
    // `::` takes those of both (engine: the sockets are not IPv6 only).
    type Port = (u16, bool);
    let port_of = |one: &Transport| (one.port, one.protocol == Protocol::Udp);
    let families = |one: &Transport| {
        let ip = one.bind.to_canonical();
        let other = (ip.is_ipv6() && ip.is_unspecified()).then_some(true);
        [Some(ip.is_ipv4()), other]
    };
    let mut wildcards: BTreeMap<(Port, bool), &ResourceId> = BTreeMap::new();
    let mut addresses: BTreeMap<(Port, IpAddr), &ResourceId> = BTreeMap::new();
    let known =
        |id: &ResourceId| context.knows(id, &["/spec/port", "/spec/protocol", "/spec/bind"]);
    let listeners = || {
        let all = context.transports().filter(|(id, _)| known(id));
        all.filter(|(_, transport)| transport.port != 0)
    };
    for (id, transport) in listeners() {
        let port = port_of(transport);
        if transport.bind.is_unspecified() {
            for family in families(transport).into_iter().flatten() {
                wildcards.entry((port, family)).or_insert(id);
            }
        }
        addresses.entry((port, transport.bind)).or_insert(id);
    }
    let of = |(id, transport): (&'a ResourceId, &Transport)| {
        let port = port_of(transport);
        let same = addresses.get(&(port, transport.bind));
        let families = families(transport).into_iter().flatten();
        let wildcard = families.filter_map(|family| wildcards.get(&(port, family)));
        let other = same.into_iter().chain(wildcard).find(|other| **other != id);
        other.map(|other| (id, *other))
    };
    listeners().filter_map(of).collect()
}

fn clash(
    context: &Context<'_>,
    (id, transport): (&ResourceId, &Transport),
    other: &ResourceId,
) -> Diagnostic {
    let conflict = context.conflict(Code::TL408, "/spec/port", (id, other), |_, other| {
        format!("transport `{}` takes port {} of the same address", other.name, transport.port)
    });
    conflict.help("give one of them another port or address; 0.0.0.0 and :: mean every address")
}

/// Whether no transport is declared at all: one mistake, whatever names one.
pub(super) fn is_none(context: &Context<'_>) -> bool {
    let none = context.set.of_kind(Kind::Transport).next().is_none();
    none && !context.declared.may_have(Kind::Transport, None)
}

/// Nothing listens, though there is something to talk to: told where the first of it stands.
pub(super) fn tl409_none(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if !is_none(context) {
        return;
    }
    let trunks = context.trunks().map(|(id, trunk)| match &trunk.transport {
        Some(name) if context.knows(id, &["/spec/transport"]) => {
            (id, "/spec/transport", Some(name))
        }
        _ => (id, "/kind", None),
    });
    let place = |(id, field, _): &(&ResourceId, &str, _)| context.span(id, field);
    let first = trunks.min_by_key(place);
    let extensions = || context.extensions().map(|(id, _)| (id, "/kind", None)).min_by_key(place);
    let Some((id, field, name)) = first.or_else(extensions) else { return };
    let name = name.map_or(String::new(), |name| format!(" named `{name}`"));
    found.push(
        context
            .diagnostic(Code::TL409, id, field, "there is no Transport: nothing would listen")
            .help(format!(
                "declare one{name}: `kind: Transport` with `protocol: udp` and `port: 5060`"
            )),
    );
}
