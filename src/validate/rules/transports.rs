//! Rules about listeners.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diag::{Code, Diagnostic};
use crate::model::{Kind, Protocol, ResourceId, Transport};
use crate::validate::context::Context;

/// Two transports that cannot both listen.
pub(super) fn tl408_same_address(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    // Of one port, protocol below SIP and family: who takes every address, and who which one.
    type Port = (u16, bool, bool);
    let port_of = |one: &Transport| (one.port, one.protocol == Protocol::Udp, one.bind.is_ipv4());
    let mut wildcards: BTreeMap<Port, &ResourceId> = BTreeMap::new();
    let mut addresses: BTreeMap<(Port, IpAddr), &ResourceId> = BTreeMap::new();
    let listeners = || context.set.transports().filter(|(_, transport)| transport.port != 0);
    for (id, transport) in listeners() {
        let port = port_of(transport);
        if transport.bind.is_unspecified() {
            wildcards.entry(port).or_insert(id);
        }
        addresses.entry((port, transport.bind)).or_insert(id);
    }
    for (id, transport) in listeners() {
        let port = port_of(transport);
        let same = addresses.get(&(port, transport.bind));
        let wildcard = wildcards.get(&port);
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
