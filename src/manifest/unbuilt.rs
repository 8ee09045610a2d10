//! What the manifest language specifies and this build does not know yet. It is refused by name,
//! never ignored; whoever builds one takes it out of these tables.

/// Kinds.
pub(super) const KINDS: &[&str] = &["Schedule", "RouteTest", "Policy"];

/// Fields: kind, JSON pointer of the mapping (`*` for any list item), names.
const FIELDS: &[(&str, &str, &[&str])] = &[
    ("Transport", "/spec", &["tls", "unknownSources", "trustedProxies"]),
    (
        "Tenant",
        "/spec",
        &[
            "areaCode",
            "e164",
            "callerIds",
            "allowedCountries",
            "blockedPrefixes",
            "blockedNumbers",
            "emergencyNumbers",
            "schedule",
            "voicemail",
            "customHeaders",
            "features",
        ],
    ),
    ("Tenant", "/spec/limits", &["callsPerSecond"]),
    (
        "Trunk",
        "/spec",
        &[
            "brand",
            "outboundProxy",
            "usePrivateAddress",
            "rewriteViaHost",
            "singleVia",
            "failover",
            "refer",
            "redirect",
            "sessionTimer",
            "tls",
            "number",
            "privacy",
            "inboundParameters",
            "outboundParameters",
            "media",
            "registration",
            "registrar",
            "teams",
            "whatsApp",
        ],
    ),
    ("Trunk", "/spec/limits", &["callsPerSecond", "maxCallDuration"]),
    ("Trunk", "/spec/keepAlive", &["failAfter", "recoverAfter", "downCodes"]),
    ("Extension", "/spec", &["register", "group", "callerIds", "anonymous"]),
    ("InboundRule", "/spec", &["caller", "usage", "schedule", "outOfHours", "holiday", "advanced"]),
    ("InboundRule", "/spec/destination", &["number", "voicemail", "keep"]),
    ("OutboundRule", "/spec", &["strategy", "schedule", "emergency"]),
    ("OutboundRule", "/spec/match", &["lengths", "extensions", "groups"]),
    ("OutboundRule", "/spec/routes/*", &["callerId", "weight"]),
];

/// Words of an enumeration: kind, JSON pointer, words.
const WORDS: &[(&str, &str, &[&str])] = &[
    ("Transport", "/spec/protocol", &["tcp", "tls"]),
    ("Trunk", "/spec/type", &["register", "acceptRegister", "teams", "whatsApp"]),
];

/// What stands in for a required field: kind, JSON pointer of the mapping, the field, unbuilt fields
/// beside it. Whoever writes one of these forgot nothing, and is told of one mistake.
const STAND_INS: &[(&str, &str, &str, &[&str])] = &[
    ("Extension", "/spec", "contact", &["register"]),
    ("Trunk", "/spec", "host", &["brand", "registrar", "teams", "whatsApp"]),
    ("OutboundRule", "/spec/match", "prefixes", &["lengths", "extensions", "groups"]),
];

/// Types of trunks that need no `host`.
const HOSTLESS: &[&str] = &["acceptRegister", "teams", "whatsApp"];

/// Whether an unbuilt field beside a missing one takes its place.
pub(super) fn stands_in(kind: &str, mapping: &str, missing: &str, beside: &str) -> bool {
    let listed = |(of, at, field, names): &&(&str, &str, &str, &[&str])| {
        *of == kind && *at == mapping && *field == missing && names.contains(&beside)
    };
    STAND_INS.iter().any(|one| listed(&one))
}

/// Whether a type of trunk has no `host`.
pub(super) fn is_hostless(kind: &str, trunk_type: &str) -> bool {
    kind == "Trunk" && HOSTLESS.contains(&trunk_type)
}

/// Whether a field of a mapping is specified but not built.
pub(super) fn is_field(kind: &str, mapping: &str, name: &str) -> bool {
    listed(FIELDS, kind, mapping, name)
}

/// Whether a word is specified for a field but not built.
pub(super) fn is_word(kind: &str, field: &str, word: &str) -> bool {
    listed(WORDS, kind, field, word)
}

fn listed(table: &[(&str, &str, &[&str])], kind: &str, pointer: &str, name: &str) -> bool {
    table.iter().any(|(of, at, names)| *of == kind && is_at(at, pointer) && names.contains(&name))
}

fn is_at(pattern: &str, pointer: &str) -> bool {
    let mut segments = pointer.split('/');
    pattern.split('/').all(|part| segments.next().is_some_and(|seg| part == "*" || part == seg))
        && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_match_with_any_list_index() {
        assert!(is_field("OutboundRule", "/spec/routes/3", "weight"));
        assert!(!is_field("OutboundRule", "/spec/routes", "weight"));
        assert!(!is_field("OutboundRule", "/spec/routes/3/x", "weight"));
        assert!(is_word("Trunk", "/spec/type", "register"));
        assert!(!is_word("Trunk", "/spec/type", "ip"));
    }
}
