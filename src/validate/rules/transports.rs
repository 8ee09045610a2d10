//! Rules about listeners.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diag::{Code, Diagnostic};
use crate::model::{Kind, Protocol, ResourceId, Transport};
use crate::validate::context::Context;

/// Two transports that cannot both listen.
pub(super) fn tl408_same_address(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
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
    for (id, transport) in listeners() {
        let port = port_of(transport);
        let same = addresses.get(&(port, transport.bind));
        let families = families(transport).into_iter().flatten();
        let wildcard = families.filter_map(|family| wildcards.get(&(port, family)));
        let other = same.into_iter().chain(wildcard).find(|other| **other != id);
        if let Some(other) = other {
            found.push(clash(context, (id, transport), other));
        }
    }
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

/// Nothing listens, though there is something to talk to.
pub(super) fn tl409_none(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let none = context.set.of_kind(Kind::Transport).next().is_none();
    if !none || context.declared.may_have(Kind::Transport, None) {
        return;
    }
    let user = [Kind::Trunk, Kind::Extension]
        .iter()
        .find_map(|kind| context.set.of_kind(*kind).next().map(|(id, _)| id));
    if let Some(id) = user {
        found.push(
            context
                .diagnostic(Code::TL409, id, "/kind", "there is no Transport: nothing would listen")
                .help("declare one: `kind: Transport` with `protocol: udp` and `port: 5060`"),
        );
    }
}
