//! What the manifest language has and the engine of this build does not carry out yet (TL805). A
//! plan with any of it is refused: nothing is ignored in silence. Whoever builds one takes it out.

use crate::diag::{Code, Diagnostic, Span};
use crate::model::value::SipTarget;
use crate::model::{
    Destination, E164, Extension, Features, InboundRule, OutboundParameters, OutboundRule, Policy,
    ResourceId, ResourceSet, Spec, Strategy, Tenant, Transport, Trunk, TrunkType, Usage,
};

/// Diagnostics of one plan; further ones show when these are mended.
const MAX_TOLD: usize = 1000;

/// Annotations with their place.
const ANNOTATIONS: &[(&str, &str)] =
    &[("trunkline.dev/moved-from", "/metadata/annotations/trunkline.dev~1moved-from")];

/// Everything in a set that this build's engine does not carry out, one diagnostic for each field.
pub fn unbuilt(
    set: &ResourceSet,
    span: &dyn Fn(&ResourceId, &str) -> Option<Span>,
) -> Vec<Diagnostic> {
    let uses = set.iter().flat_map(|(id, resource)| {
        let mut found = fields(&resource.spec);
        let notes = &resource.metadata.annotations;
        found.extend(ANNOTATIONS.iter().map(|(key, pointer)| (*pointer, notes.contains_key(*key))));
        found.into_iter().filter(|(_, used)| *used).map(move |(pointer, _)| (id, pointer))
    });
    uses.take(MAX_TOLD).map(|(id, pointer)| tell(id, pointer, span)).collect()
}

fn tell(
    id: &ResourceId,
    pointer: &str,
    span: &dyn Fn(&ResourceId, &str) -> Option<Span>,
) -> Diagnostic {
    let field = pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/");
    let message = format!("the engine of this build does not carry out `{field}` of {id} yet");
    Diagnostic::new(Code::TL805, message)
        .of(id)
        .at(span(id, pointer))
        .help("it is valid, and `validate` takes it; take it out to put the rest into force")
}

/// Fields with whether something that is not built is said there.
fn fields(spec: &Spec) -> Vec<(&'static str, bool)> {
    match spec {
        Spec::Transport(one) => transport(one),
        Spec::Tenant(one) => tenant(one),
        Spec::Trunk(one) => trunk(one),
        Spec::Extension(one) => extension(one),
        Spec::InboundRule(one) => inbound(one),
        Spec::OutboundRule(one) => outbound(one),
        Spec::Policy(one) => policy(one),
        Spec::DidPool(_) | Spec::Schedule(_) | Spec::RouteTest(_) => Vec::new(),
    }
}

fn transport(one: &Transport) -> Vec<(&'static str, bool)> {
    vec![("/spec/trustedProxies", !one.trusted_proxies.is_empty())]
}

fn tenant(one: &Tenant) -> Vec<(&'static str, bool)> {
    vec![
        ("/spec/areaCode", one.area_code.is_some()),
        ("/spec/e164", one.e164 != E164::default()),
        ("/spec/callerIds", !one.caller_ids.is_empty()),
        ("/spec/allowedCountries", one.allowed_countries.is_some()),
        ("/spec/blockedPrefixes", !one.blocked_prefixes.is_empty()),
        ("/spec/blockedNumbers", !one.blocked_numbers.is_empty()),
        ("/spec/emergencyNumbers", !one.emergency_numbers.is_empty()),
        ("/spec/schedule", one.schedule.is_some()),
        ("/spec/voicemail", one.voicemail.is_some()),
        ("/spec/customHeaders", !one.custom_headers.is_empty()),
        ("/spec/features", one.features != Features::default()),
    ]
}

fn trunk(one: &Trunk) -> Vec<(&'static str, bool)> {
    vec![
        ("/spec/type", matches!(one.trunk_type, TrunkType::Teams | TrunkType::WhatsApp)),
        ("/spec/usePrivateAddress", one.use_private_address),
        ("/spec/rewriteViaHost", one.rewrite_via_host),
        ("/spec/singleVia", !one.single_via),
        ("/spec/number", one.number.is_some()),
        ("/spec/privacy", one.privacy != crate::model::Privacy::default()),
        ("/spec/inboundParameters", one.inbound_parameters != Default::default()),
        ("/spec/outboundParameters", one.outbound_parameters != OutboundParameters::default()),
        ("/spec/media", one.media != crate::model::Media::default()),
    ]
}

fn extension(one: &Extension) -> Vec<(&'static str, bool)> {
    vec![
        ("/spec/contact", one.contact.as_ref().is_some_and(speaks_else)),
        ("/spec/callerIds", !one.caller_ids.is_empty()),
        ("/spec/anonymous", one.anonymous),
    ]
}

/// Whether a contact wants to be spoken to in what we do not speak.
fn speaks_else(target: &SipTarget) -> bool {
    let parameters = target.parameters.to_ascii_lowercase();
    let mut transport = parameters.split(';').filter_map(|one| one.strip_prefix("transport="));
    transport.any(|one| !["udp", "tcp", "tls"].contains(&one))
}

fn inbound(one: &InboundRule) -> Vec<(&'static str, bool)> {
    let built = |destination: &Destination| match destination {
        Destination::Extension(_) | Destination::Reject(_) => true,
        Destination::Sip(target) => !speaks_else(target),
        Destination::Number(_) | Destination::Voicemail(_) | Destination::Keep(_) => false,
    };
    vec![
        ("/spec/caller", !one.caller.is_empty()),
        ("/spec/usage", one.usage == Usage::Message),
        ("/spec/schedule", one.schedule.is_some()),
        ("/spec/destination", !built(&one.destination)),
        ("/spec/advanced", !one.advanced.is_empty()),
    ]
}

fn outbound(one: &OutboundRule) -> Vec<(&'static str, bool)> {
    vec![
        ("/spec/match/lengths", !one.matches.lengths.is_empty()),
        ("/spec/match/extensions", one.matches.extensions.is_some()),
        ("/spec/match/groups", !one.matches.groups.is_empty()),
        ("/spec/strategy", one.strategy != Strategy::Ordered),
        ("/spec/schedule", one.schedule.is_some()),
        ("/spec/emergency", one.emergency),
        ("/spec/routes", one.routes.iter().any(|route| route.caller_id.is_some())),
    ]
}

fn policy(one: &Policy) -> Vec<(&'static str, bool)> {
    vec![
        ("/spec/signers", !one.signers.is_empty()),
        ("/spec/prune", !one.prune),
        ("/spec/drain", one.drain.force),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(spec: serde_json::Value) -> Vec<&'static str> {
        let spec = serde_json::from_value(spec).unwrap();
        fields(&spec).into_iter().filter(|(_, used)| *used).map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn what_is_left_at_its_default_is_not_told() {
        let trunk = serde_json::json!({"kind": "Trunk", "spec": {
            "type": "ip", "host": "192.0.2.1", "singleVia": true, "keepAlive": {"failAfter": 5}
        }});
        assert_eq!(told(trunk), Vec::<&str>::new());
    }

    #[test]
    fn every_field_that_says_more_is_told() {
        let trunk = serde_json::json!({"kind": "Trunk", "spec": {
            "type": "teams", "host": "sip.example.net", "singleVia": false
        }});
        assert_eq!(told(trunk), ["/spec/type", "/spec/singleVia"]);
        let rule = serde_json::json!({"kind": "InboundRule", "spec": {
            "trunk": "a", "did": "*", "schedule": "office", "destination": {"voicemail": "1000"}
        }});
        assert_eq!(told(rule), ["/spec/schedule", "/spec/destination"]);
    }
}
