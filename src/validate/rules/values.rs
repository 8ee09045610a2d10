//! Values that are well formed but not possible, or not possible in this build.

use crate::diag::{Code, Diagnostic};
use crate::model::value::{Host, Seconds, SipTarget};
use crate::model::{Destination, ResourceId};
use crate::validate::context::Context;

/// Lets a transport take any free port; for tests.
const EPHEMERAL: &str = "trunkline.dev/ephemeral";

/// What labels and annotations of ours begin with.
const OURS: &str = "trunkline.dev/";

/// Annotations of the language that this build does not obey yet.
const NOT_BUILT: &[&str] = &["trunkline.dev/moved-from", "trunkline.dev/prevent-destroy"];

/// Labels and annotations under our prefix that nothing obeys: a guard that is not there, or a
/// misspelt one, must not look as if it were.
pub(super) fn tl103_ours(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, resource) in context.set.iter() {
        let labels = resource.metadata.labels.keys().map(|key| ("labels", key));
        let annotations = resource.metadata.annotations.keys().map(|key| ("annotations", key));
        let ours = labels.chain(annotations).filter(|(_, key)| key.starts_with(OURS));
        for (field, key) in ours.filter(|(field, key)| *field == "labels" || *key != EPHEMERAL) {
            let pointer =
                format!("/metadata/{field}/{}", key.replace('~', "~0").replace('/', "~1"));
            let (message, help) = if NOT_BUILT.contains(&key.as_str()) {
                (format!("`{key}` is not built yet"), "remove it: nothing obeys it")
            } else {
                let words = format!("`{key}` is unknown, and the prefix `{OURS}` is ours");
                (words, "remove it, or give it another prefix")
            };
            let diagnostic = Diagnostic::new(Code::TL103, message).of(id);
            found.push(diagnostic.at(context.key_span(id, &pointer)).help(help));
        }
    }
}

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
