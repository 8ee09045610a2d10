//! Values that are well formed but not possible, or not possible in this build.

use crate::diag::{Code, Diagnostic};
use crate::model::value::{Seconds, SipTarget};
use crate::model::{Destination, ResourceId};
use crate::validate::context::Context;

/// Lets a transport take any free port; for tests.
const EPHEMERAL: &str = "trunkline.dev/ephemeral";

/// What labels and annotations of ours begin with.
const OURS: &str = "trunkline.dev/";

/// The annotations of the language.
const KNOWN: &[&str] = &[EPHEMERAL, "trunkline.dev/moved-from", "trunkline.dev/prevent-destroy"];

/// Labels and annotations under our prefix that nothing obeys: a guard that is not there, or a
/// misspelt one, must not look as if it were.
pub(super) fn tl103_ours(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, resource) in context.set.iter() {
        let labels = resource.metadata.labels.keys().map(|key| ("labels", key));
        let annotations = resource.metadata.annotations.keys().map(|key| ("annotations", key));
        let ours = labels.chain(annotations).filter(|(_, key)| key.starts_with(OURS));
        for (field, key) in
            ours.filter(|(field, key)| *field == "labels" || !KNOWN.contains(&key.as_str()))
        {
            let pointer =
                format!("/metadata/{field}/{}", key.replace('~', "~0").replace('/', "~1"));
            let message = format!("`{key}` is unknown, and the prefix `{OURS}` is ours");
            let help = "remove it, or give it another prefix";
            let diagnostic = Diagnostic::new(Code::TL103, message).of(id);
            found.push(diagnostic.at(context.key_span(id, &pointer)).help(help));
        }
    }
}

/// Every SIP URI of the set with its place.
fn uris<'a>(
    context: &Context<'a>,
) -> impl Iterator<Item = (&'a ResourceId, &'static str, &'a SipTarget)> {
    let contacts = context.set.extensions();
    let contacts =
        contacts.filter_map(|(id, one)| Some((id, "/spec/contact", one.contact.as_ref()?)));
    let targets = context.set.inbound_rules().filter_map(|(id, rule)| match &rule.destination {
        Destination::Sip(target) => Some((id, "/spec/destination/sip", target)),
        Destination::Extension(_)
        | Destination::Number(_)
        | Destination::Voicemail(_)
        | Destination::Keep(_)
        | Destination::Reject(_) => None,
    });
    contacts.chain(targets)
}

/// Placeholders that nothing fills in.
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
