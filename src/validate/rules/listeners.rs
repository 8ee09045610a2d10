//! Which transport a trunk uses, and whether that one can carry it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::identities::transport_of;
use super::transports::{clashing, is_none};
use super::trunks::is_out_of_place;
use crate::diag::{Code, Diagnostic};
use crate::model::value::{Host, Name};
use crate::model::{Kind, Protocol, ResourceId, Trunk, TrunkType};
use crate::validate::context::Context;
use crate::validate::missing::{Absences, NO_LISTENER, NO_TRANSPORT, SEVERAL_LISTENERS};

/// Transports that one message names.
const MAX_NAMED: usize = 3;

/// The transport that a trunk names, or the only one there is.
pub(super) fn tl406_transport(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    // Without any, that is one mistake: TL409.
    let none = is_none(context);
    let mut absent = Absences::new();
    let (of_clash, mut fits) = (OnceCell::new(), BTreeMap::new());
    let clashing_ids = || clashing(context).into_iter().flat_map(<[_; 2]>::from).collect();
    let known = |id: &ResourceId| context.knows(id, &["/spec/transport", "/spec/type"]);
    for (id, trunk) in context.trunks().filter(|(id, _)| known(id)) {
        let Some(name) = &trunk.transport else {
            // Its messages come and go by the provider's API.
            if trunk.trunk_type == TrunkType::WhatsApp {
                continue;
            }
            let wanted = trunk.trunk_type.listener_protocol();
            let clashing = of_clash.get_or_init(clashing_ids);
            let fit = fits.entry(wanted).or_insert_with(|| Fit::of(context, wanted, clashing));
            found.extend(which(context, id, trunk, (fit, wanted)).filter(|_| !none));
            continue;
        };
        let reference = ResourceId::system(Kind::Transport, name.clone());
        if context.set.contains(&reference) {
            found.extend(other_protocol(context, id, trunk, name));
            continue;
        }
        if context.declared.may_be(&reference) {
            continue;
        }
        let message = format!("{NO_TRANSPORT} `{name}`");
        let told = context.diagnostic(Code::TL406, id, "/spec/transport", message).follows(none);
        absent.add((), name, told, &format!("declare the Transport `{name}`"));
    }
    let used = OnceCell::new();
    let is_used = |name: &Name| {
        let named = || context.trunks().filter_map(|(_, trunk)| trunk.transport.as_ref());
        used.get_or_init(|| named().collect::<BTreeSet<_>>()).contains(name)
    };
    let known = |(), unused: bool| {
        let all = context.set.transports().map(|(id, _)| &id.name);
        all.filter(move |name| !unused || !is_used(name)).map(Name::as_str)
    };
    absent.tell(true, known, (&context.compared, found));
}

/// The transports of a protocol, where a trunk that names none could mean any.
struct Fit {
    /// The first of them.
    names: Vec<String>,
    count: usize,
    /// Whether none of them can listen beside another one: it is that one too many.
    clash: bool,
}

impl Fit {
    fn of(context: &Context<'_>, wanted: Protocol, clashing: &BTreeSet<&ResourceId>) -> Self {
        let all = || context.set.transports().filter(|(_, one)| one.protocol == wanted);
        let names = all().take(MAX_NAMED).map(|(id, _)| id.name.to_string()).collect();
        let (count, clash) = (all().count(), all().all(|(id, _)| clashing.contains(id)));
        Self { names, count, clash }
    }

    /// What is told of a trunk that names none of them.
    fn told(&self, wanted: Protocol) -> Option<(String, String)> {
        let wanted = wanted.as_str();
        match self.count {
            0 => Some((
                format!("{NO_LISTENER} of protocol {wanted}"),
                format!("declare a Transport with `protocol: {wanted}`, or name another one"),
            )),
            1 => None,
            count => {
                let mut names: Vec<_> = self.names.iter().map(|name| format!("`{name}`")).collect();
                if count > names.len() {
                    names.push(format!("{} more", count - names.len()));
                }
                let lines = self.names.iter().map(|name| format!("`transport: {name}`"));
                let lines: Vec<_> = lines.collect();
                Some((
                    format!("{SEVERAL_LISTENERS} of protocol {wanted}: {}", names.join(", ")),
                    format!("say which one the trunk uses, for example {}", lines.join(" or ")),
                ))
            }
        }
    }
}

/// A trunk that names no transport, where it is not clear which one is meant.
fn which(
    context: &Context<'_>,
    id: &ResourceId,
    trunk: &Trunk,
    (fit, wanted): (&Fit, Protocol),
) -> Option<Diagnostic> {
    if context.declared.may_have(Kind::Transport, None) {
        return None;
    }
    let (message, help) = fit.told(wanted)?;
    let told = Diagnostic::new(Code::TL105, message).of(id);
    let clash = fit.count > 1 && fit.clash;
    let told = told.follows(clash || is_out_of_place(context, id, trunk));
    Some(told.at(context.key_span(id, "/spec")).help(help))
}

fn other_protocol(
    context: &Context<'_>,
    id: &ResourceId,
    trunk: &Trunk,
    name: &Name,
) -> Option<Diagnostic> {
    let transport = context.set.transport(None, name)?;
    let is_sound = trunk.trunk_type != TrunkType::Teams || transport.protocol == Protocol::Tls;
    if is_sound || is_out_of_place(context, id, trunk) {
        return None;
    }
    let reference = ResourceId::system(Kind::Transport, name.clone());
    let protocol = transport.protocol.as_str();
    let message = format!("Teams speaks TLS only, transport `{name}` is `{protocol}`");
    let told = context.diagnostic(Code::TL406, id, "/spec/transport", message);
    let told = told.related(context.span(&reference, "/spec/protocol"), "its protocol");
    Some(told.help("name a Transport with `protocol: tls`"))
}

/// A far end whose address is of another family than the transport's: no packet goes there. `::`
/// takes both.
pub(super) fn tl406_family(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let read =
        ["/spec/transport", "/spec/type", "/spec/brand", "/spec/host", "/spec/outboundProxy"];
    for (id, trunk) in context.trunks().filter(|(id, _)| context.knows(id, &read)) {
        // Requests go to the proxy where there is one.
        let (far, field) = match &trunk.outbound_proxy {
            Some(proxy) => (Some(&proxy.host), "/spec/outboundProxy/host"),
            None => (trunk.host(), "/spec/host"),
        };
        let Some(ip) = far.and_then(Host::ip).map(|ip| ip.to_canonical()) else { continue };
        // The address of nobody is told as that.
        if ip.is_unspecified() || ip.is_multicast() {
            continue;
        }
        let Some((transport_id, transport)) = transport_of(context, trunk) else { continue };
        if is_reached(transport.bind, ip) {
            continue;
        }
        let (own, other) = if ip.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        let message = format!(
            "`{ip}` is an {own} address, and transport `{}` speaks {other} only",
            transport_id.name
        );
        found.push(
            context
                .diagnostic(Code::TL406, id, field, message)
                .related(context.span(transport_id, "/spec/bind"), "its address")
                .help(format!(
                    "name a Transport whose `bind` is an {own} address; `\"::\"` takes both"
                )),
        );
    }
}

fn is_reached(bind: IpAddr, far: IpAddr) -> bool {
    let takes_both = bind.is_ipv6() && bind.is_unspecified();
    takes_both || bind.to_canonical().is_ipv4() == far.is_ipv4()
}
