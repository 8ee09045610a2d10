//! Values that are well formed but not possible, or not possible in this build.

use std::net::IpAddr;

use crate::diag::{Code, Diagnostic};
use crate::manifest::suggest;
use crate::manifest::yaml::shown;
use crate::model::value::{Cidr, Host, Seconds, SipTarget};
use crate::model::{Destination, PREVENT_DESTROY, Protocol, ResourceId, Trunk, preset};
use crate::validate::context::Context;
use crate::validate::section::Section;

/// Lets a transport take any free port; for tests.
const EPHEMERAL: &str = "trunkline.dev/ephemeral";

/// What labels and annotations of ours begin with.
const OURS: &str = "trunkline.dev/";

/// The annotations of the language.
const KNOWN: &[&str] = &[EPHEMERAL, MOVED_FROM, PREVENT_DESTROY];

/// Renames without destroying.
const MOVED_FROM: &str = "trunkline.dev/moved-from";

/// Labels and annotations under our prefix that nothing obeys: a guard that is not there, or a
/// misspelt one, must not look as if it were.
pub(super) fn tl103_ours<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, resource) in section.all() {
        let labels = resource.metadata.labels.keys().map(|key| ("labels", key));
        let annotations = resource.metadata.annotations.keys().map(|key| ("annotations", key));
        let ours = labels.chain(annotations).filter(|(_, key)| key.starts_with(OURS));
        for (field, key) in
            ours.filter(|(field, key)| *field == "labels" || !KNOWN.contains(&key.as_str()))
        {
            let pointer = annotation(field, key);
            if !context.knows(id, &[pointer.as_str()]) {
                continue;
            }
            let message = format!("`{key}` is unknown, and the prefix `{OURS}` is ours");
            // A label obeys nothing, whatever its name.
            let near = suggest::nearest(own_part(key), KNOWN.iter().map(|one| own_part(one)));
            let help = match near {
                Some(word) if field == "labels" => {
                    format!("write it as an annotation: `annotations: {{{OURS}{word}: …}}`")
                }
                Some(word) => format!("did you mean `{OURS}{word}`?"),
                None => "remove it, or give it another prefix".to_owned(),
            };
            let diagnostic = Diagnostic::new(Code::TL103, message).of(id);
            found.push(diagnostic.at(context.key_span(id, &pointer)).help(help));
        }
    }
}

/// A key without our prefix.
fn own_part(key: &str) -> &str {
    key.strip_prefix(OURS).unwrap_or(key)
}

/// The pointer of a key below `metadata`.
fn annotation(field: &str, key: &str) -> String {
    format!("/metadata/{field}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A protection that would protect nothing: with a value that is neither yes nor no, or on what is
/// never live.
pub(super) fn tl104_protection<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let pointer = annotation("annotations", PREVENT_DESTROY);
    for (id, resource) in section.all().filter(|(id, _)| context.knows(id, &[pointer.as_str()])) {
        let Some(value) = resource.metadata.annotations.get(PREVENT_DESTROY) else { continue };
        if !id.kind.is_ever_live() {
            let message =
                format!("`{PREVENT_DESTROY}` protects nothing: a {} is never live", id.kind);
            let told = Diagnostic::new(Code::TL103, message).of(id);
            found.push(told.at(context.key_span(id, &pointer)).help("remove it"));
        } else if value != "true" && value != "false" {
            let message =
                format!("`{value}` neither protects the resource nor says that it does not");
            found.push(
                context.diagnostic(Code::TL104, id, &pointer, message).help(
                    "write `\"true\"` to protect it; `\"false\"`, or no annotation, does not",
                ),
            );
        }
    }
}

/// A former name that names nothing: it would be obeyed by nobody, and the old resource deleted.
pub(super) fn tl104_former_names<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let pointer = annotation("annotations", MOVED_FROM);
    for (id, resource) in section.all().filter(|(id, _)| context.knows(id, &[pointer.as_str()])) {
        let Some(value) = resource.metadata.annotations.get(MOVED_FROM) else { continue };
        if !id.kind.is_ever_live() {
            let message = format!("`{MOVED_FROM}` moves nothing: a {} is never live", id.kind);
            let told = Diagnostic::new(Code::TL103, message).of(id);
            found.push(told.at(context.key_span(id, &pointer)).help("remove it"));
            continue;
        }
        let former = former(id, value);
        let message = match former {
            Some(former) if former != *id => continue,
            Some(_) => format!("`{value}` is the resource's own name"),
            None => format!("`{}` is no former name", shown(value)),
        };
        let help = match id.tenant {
            Some(_) => "write the old name, or `TENANT/NAME` if the tenant was another one",
            None => "write the old name, like `carrier-a`",
        };
        found.push(context.diagnostic(Code::TL104, id, &pointer, message).help(help));
    }
}

/// What `moved-from` names.
fn former(id: &ResourceId, text: &str) -> Option<ResourceId> {
    let (tenant, name) = match text.split_once('/') {
        Some((tenant, name)) => (Some(tenant.parse().ok()?), name),
        None => (id.tenant.clone(), text),
    };
    Some(ResourceId { kind: id.kind, tenant, name: name.parse().ok()? })
}

/// A SIP URI with placeholders: the resource, the place, the user part, and what is filled in there.
type Template<'a> = (&'a ResourceId, String, String, &'static [&'static str]);

/// Every SIP URI of an owner with something like a placeholder in its user part.
fn templates<'a>(section: &Section<'a>) -> impl Iterator<Item = Template<'a>> {
    let user = |uri: &SipTarget| uri.user.clone().filter(|user| user.contains(['{', '}']));
    let contacts = section.extensions().filter_map(move |(id, one)| {
        Some((id, "/spec/contact".to_owned(), user(one.contact.as_ref()?)?, &[][..]))
    });
    let voicemail = section.tenants().filter_map(move |(id, one)| {
        let user = user(one.voicemail.as_ref()?)?;
        Some((id, "/spec/voicemail".to_owned(), user, &["{extension}"][..]))
    });
    let targets = section.inbound_rules().flat_map(move |(id, rule)| {
        rule.destinations().filter_map(move |(field, destination)| match &*destination {
            Destination::Sip(target) => {
                Some((id, format!("{field}/sip"), user(target)?, &["{did}", "{caller}"][..]))
            }
            Destination::Extension(_)
            | Destination::Number(_)
            | Destination::Voicemail(_)
            | Destination::Keep(_)
            | Destination::Reject(_) => None,
        })
    });
    contacts.chain(voicemail).chain(targets)
}

/// Placeholders that nothing fills in.
pub(super) fn tl104_uri_templates<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, field, user, placeholders) in templates(section) {
        let bare = placeholders.iter().fold(user.clone(), |text, one| text.replace(one, ""));
        if !bare.contains(['{', '}']) || !context.knows(id, &[field.as_str()]) {
            continue;
        }
        let message = format!("`{user}` has a placeholder that nothing fills in");
        let help = match placeholders {
            [] => {
                "a contact has no placeholders: the number called takes the place of the user part"
                    .to_owned()
            }
            [one] => format!("the placeholder is `{one}`"),
            more => format!("the placeholders are `{}`", more.join("` and `")),
        };
        found.push(context.diagnostic(Code::TL104, id, &field, message).help(help));
    }
}

/// Bounds that depend on another field.
pub(super) fn tl106_bounds(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let ephemeral = annotation("annotations", EPHEMERAL);
    let known = |id: &ResourceId| context.knows(id, &["/spec/port", ephemeral.as_str()]);
    for (id, transport) in context.transports().filter(|(id, _)| known(id)) {
        let resource = context.set.get(id).or_else(|| context.declared.rests().get(id));
        let annotation = resource.and_then(|one| one.metadata.annotations.get(EPHEMERAL));
        if transport.port == 0 && annotation.is_none_or(|value| value == "false") {
            let diagnostic =
                context.diagnostic(Code::TL106, id, "/spec/port", "a listener's port is not 0");
            let help = format!("write 1 to 65535; in a test, add the annotation `{EPHEMERAL}`");
            found.push(diagnostic.help(help));
        }
    }
    for (id, trunk) in context.trunks() {
        for (field, _, help) in durations(trunk).filter(|(_, value, _)| *value == Seconds(0)) {
            if !context.knows(id, &[field]) {
                continue;
            }
            let name = field.trim_start_matches("/spec/").replace('/', ".");
            let message = format!("`{name}` is at least one second");
            found.push(context.diagnostic(Code::TL106, id, field, message).help(help));
        }
    }
}

/// The durations of a trunk that mean nothing when they are 0, and what to write.
fn durations(trunk: &Trunk) -> impl Iterator<Item = (&'static str, Seconds, &'static str)> {
    let (alive, failover) = (&trunk.keep_alive, &trunk.failover);
    let account = trunk.registration.as_ref().map(|account| {
        let help = "write `600s`, or `enabled: false` to register nothing";
        ("/spec/registration/expires", account.expires, help)
    });
    let longest = trunk
        .registrar
        .as_ref()
        .map(|registrar| ("/spec/registrar/maxExpires", registrar.max_expires, "write `3600s`"));
    let call = trunk.limits.max_call_duration.map(|longest| {
        let help = "write a limit like `4h`, or remove it: then there is none";
        ("/spec/limits/maxCallDuration", longest, help)
    });
    let help = "write `360s`, or `enabled: false` to send none";
    [
        ("/spec/keepAlive/interval", alive.interval, help),
        ("/spec/failover/attemptTimeout", failover.attempt_timeout, "write `32s`"),
        ("/spec/failover/totalTimeout", failover.total_timeout, "write `60s`"),
    ]
    .into_iter()
    .chain(account)
    .chain(longest)
    .chain(call)
}

/// Whether a network is nobody's: it holds every address, or one that no far end has.
pub(super) fn is_of_nobody(network: Cidr) -> bool {
    let ip = network.network();
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    network.bits() == 0 || ip.is_unspecified() || ip.is_multicast() || broadcast
}

/// Addresses that no far end has, and networks that hold every address.
pub(super) fn tl106_addresses(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, trunk) in context.trunks() {
        let host = trunk.host.as_ref().and_then(Host::ip).map(Cidr::host);
        let host = host.map(|one| ("/spec/host".to_owned(), one));
        let networks = trunk.associated_ips.iter().flatten().enumerate();
        let networks = networks.map(|(at, one)| (format!("/spec/associatedIps/{at}"), *one));
        for (field, network) in host.into_iter().chain(networks) {
            if !is_of_nobody(network) {
                continue;
            }
            let message = match network.bits() {
                0 => format!("`{network}` holds every address: any packet would be this trunk's"),
                _ => format!("`{}` is the address of no far end", network.network()),
            };
            if !context.knows(id, &[field.as_str()]) {
                continue;
            }
            let diagnostic = context.diagnostic(Code::TL106, id, &field, message);
            found.push(diagnostic.help("write the addresses that the provider names"));
        }
    }
}

/// Exactly one of two fields.
fn one_of_two(
    context: &Context<'_>,
    id: &ResourceId,
    parent: &str,
    (first, second): ((&str, bool), (&str, bool)),
    found: &mut Vec<Diagnostic>,
) {
    if first.1 != second.1 {
        return;
    }
    let fields = [first.0, second.0].map(|field| format!("{parent}/{field}"));
    if !context.knows(id, &fields.each_ref().map(String::as_str)) {
        return;
    }
    let (code, message, help, span) = match first.1 {
        true => (
            Code::TL104,
            format!("`{}` and `{}` cannot stand together", first.0, second.0),
            "remove one of them",
            context.key_span(id, &format!("{parent}/{}", second.0)),
        ),
        false => (
            Code::TL105,
            format!("`{}` or `{}` is missing", first.0, second.0),
            "write one of them",
            context.key_span(id, parent),
        ),
    };
    found.push(Diagnostic::new(code, message).of(id).at(span).help(help));
}

/// Fields of which exactly one must be there.
pub(super) fn tl105_one_of_two<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, one) in section.extensions() {
        let fields = (("contact", one.contact.is_some()), ("register", one.register.is_some()));
        one_of_two(context, id, "/spec", fields, found);
    }
    for (id, test) in section.route_tests() {
        let fields = (("inbound", test.inbound.is_some()), ("outbound", test.outbound.is_some()));
        one_of_two(context, id, "/spec", fields, found);
        if let Some(call) = &test.inbound {
            let fields = (("trunk", call.trunk.is_some()), ("source", call.source.is_some()));
            one_of_two(context, id, "/spec/inbound", fields, found);
        }
    }
}

/// TLS of listeners: needed by `protocol: tls`, and by no other.
pub(super) fn tl105_listener_tls(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let known = |id: &ResourceId| context.knows(id, &["/spec/protocol", "/spec/tls"]);
    for (id, transport) in context.transports().filter(|(id, _)| known(id)) {
        let is_tls = transport.protocol == Protocol::Tls;
        if is_tls == transport.tls.is_some() {
            continue;
        }
        let diagnostic = if is_tls {
            let message = "`spec.tls` is missing: a TLS listener needs a certificate";
            let help = "add `tls: {certificate: FILE, privateKey: {file: PATH}}`";
            Diagnostic::new(Code::TL105, message).at(context.key_span(id, "/spec")).help(help)
        } else {
            let message = format!(
                "`spec.tls` belongs to listeners of protocol `tls`, this one is `{}`",
                transport.protocol.as_str()
            );
            let help = "remove it, or write `protocol: tls`";
            Diagnostic::new(Code::TL107, message).at(context.key_span(id, "/spec/tls")).help(help)
        };
        found.push(diagnostic.of(id));
    }
}

/// A brand fills in a host only where the provider has one for everybody.
pub(super) fn tl105_host(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let read = ["/spec/type", "/spec/brand", "/spec/host"];
    for (id, trunk) in context.trunks().filter(|(id, _)| context.knows(id, &read)) {
        let known = preset(&trunk.brand).is_none_or(|one| one.has_region(&trunk.brand));
        if !trunk.has_host() || trunk.host().is_some() || !known {
            continue;
        }
        let message =
            format!("`spec.host` is missing: brand `{}` has none for everybody", trunk.brand);
        let help = "write the host that the provider gave you";
        let span = context.key_span(id, "/spec");
        found.push(Diagnostic::new(Code::TL105, message).of(id).at(span).help(help));
    }
}

/// Durations whose order matters.
pub(super) fn tl106_order(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, trunk) in context.trunks() {
        let mut tell = |field: &str, message: String, help: &str| {
            found.push(context.diagnostic(Code::TL106, id, field, message).help(help));
        };
        let timer = &trunk.session_timer;
        if !context.knows(id, &["/spec/sessionTimer"]) {
            // One of the two that are compared is refused.
        } else if timer.min < Seconds(90) {
            let message =
                format!("`sessionTimer.min` is {}: RFC 4028 allows no less than 90s", timer.min);
            tell("/spec/sessionTimer/min", message, "write `90s` or more");
        } else if timer.expires < timer.min {
            let message = format!(
                "`sessionTimer.expires` is {}, shorter than its `min`, {}",
                timer.expires, timer.min
            );
            tell("/spec/sessionTimer/expires", message, "write at least as much as `min`");
        }
        if let Some(registrar) = &trunk.registrar
            && registrar.max_expires < registrar.min_expires
            // That is told by itself.
            && registrar.max_expires != Seconds(0)
            && context.knows(id, &["/spec/registrar/minExpires", "/spec/registrar/maxExpires"])
        {
            let message = format!(
                "`registrar.maxExpires` is {}, shorter than `minExpires`, {}",
                registrar.max_expires, registrar.min_expires
            );
            tell("/spec/registrar/maxExpires", message, "write at least as much as `minExpires`");
        }
    }
}
