//! Values that are well formed but not possible, or not possible in this build.

use crate::diag::{Code, Diagnostic};
use crate::model::value::{Host, Seconds, SipTarget};
use crate::model::{Destination, ResourceId};
use crate::validate::context::Context;

/// Lets a transport take any free port; for tests.
const EPHEMERAL: &str = "trunkline.dev/ephemeral";

/// Every SIP URI of the set with its place.
fn uris<'a>(
    context: &Context<'a>,
) -> impl Iterator<Item = (&'a ResourceId, &'static str, &'a SipTarget)> {
    let contacts =
        context.set.extensions().map(|(id, extension)| (id, "/spec/contact", &extension.contact));
    let targets = context.set.inbound_rules().filter_map(|(id, rule)| match &rule.destination {
        Destination::Sip(target) => Some((id, "/spec/destination/sip", target)),
        Destination::Extension(_) | Destination::Reject(_) => None,
    });
    contacts.chain(targets)
}

/// A host that only DNS could turn into an address, where an address is needed.
pub(super) fn tl104_names_need_dns(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let hosts = context.set.trunks().map(|(id, trunk)| (id, "/spec/host", &trunk.host));
    let uris = uris(context).map(|(id, field, uri)| (id, field, &uri.host_port.host));
    for (id, field, host) in hosts.chain(uris) {
        let Host::Name(name) = host else { continue };
        let message = format!("`{name}` needs DNS, and host names are not built yet");
        let diagnostic = context.diagnostic(Code::TL104, id, field, message);
        found.push(diagnostic.help("write the IP address"));
    }
}

/// Placeholders that nothing fills in, and transports that are not built.
pub(super) fn tl104_uri_templates(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, field, uri) in uris(context) {
        let is_contact = field == "/spec/contact";
        let user = uri.user.as_deref().unwrap_or_default();
        let bare = if is_contact {
            user.to_owned()
        } else {
            user.replace("{did}", "").replace("{caller}", "")
        };
        if bare.contains(['{', '}']) {
            let message = format!("`{user}` has a placeholder that nothing fills in");
            let help = if is_contact {
                "a contact has no placeholders: the number called takes the place of the user part"
            } else {
                "the placeholders are `{did}` and `{caller}`"
            };
            found.push(context.diagnostic(Code::TL104, id, field, message).help(help));
        }
        let parameters = uri.parameters.to_ascii_lowercase();
        let transport = parameters.split(';').find_map(|one| one.strip_prefix("transport="));
        if let Some(other) = transport.filter(|transport| *transport != "udp") {
            let message = format!("`transport={other}` is not built yet");
            found.push(
                context
                    .diagnostic(Code::TL104, id, field, message)
                    .help("leave it out, or write udp"),
            );
        }
    }
}

/// Bounds that depend on another field.
pub(super) fn tl106_bounds(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, transport) in context.set.transports() {
        let resource = context.set.get(id);
        let annotation = resource.and_then(|one| one.metadata.annotations.get(EPHEMERAL));
        if transport.port == 0 && annotation.is_none_or(|value| value == "false") {
            let diagnostic =
                context.diagnostic(Code::TL106, id, "/spec/port", "a listener's port is not 0");
            let help = format!("write 1 to 65535; in a test, add the annotation `{EPHEMERAL}`");
            found.push(diagnostic.help(help));
        }
    }
    for (id, trunk) in context.set.trunks() {
        if trunk.keep_alive.interval == Seconds(0) {
            let message = "the keep-alive interval is at least one second";
            let diagnostic =
                context.diagnostic(Code::TL106, id, "/spec/keepAlive/interval", message);
            found.push(diagnostic.help("write `360s`, or `enabled: false` to send none"));
        }
    }
}
