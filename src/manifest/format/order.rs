//! The order of keys in a manifest: that of the language's own description, so that what a block is
//! about stands first and its details follow.

/// What a document begins with.
const DOCUMENT: &[&str] = &["apiVersion", "kind", "metadata", "spec"];

/// The fields of `spec`, by kind.
const SPECS: &[(&str, &[&str])] = &[
    (
        "Transport",
        &["protocol", "bind", "port", "publicAddress", "tls", "unknownSources", "trustedProxies"],
    ),
    (
        "Tenant",
        &[
            "displayName",
            "sipDomain",
            "enabled",
            "timezone",
            "countryCode",
            "areaCode",
            "e164",
            "limits",
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
    (
        "Trunk",
        &[
            "displayName",
            "type",
            "brand",
            "provider",
            "enabled",
            "host",
            "port",
            "transport",
            "registration",
            "registrar",
            "teams",
            "whatsApp",
            "outboundProxy",
            "associatedIps",
            "limits",
            "keepAlive",
            "usePrivateAddress",
            "rewriteViaHost",
            "verifyPort",
            "singleVia",
            "failover",
            "refer",
            "redirect",
            "sessionTimer",
            "tls",
            "number",
            "privacy",
            "diversion",
            "historyInfo",
            "inboundParameters",
            "outboundParameters",
            "media",
        ],
    ),
    ("DidPool", &["trunk", "numbers", "concurrentCalls"]),
    ("Extension", &["numbers", "contact", "register", "group", "callerIds", "anonymous"]),
    ("Schedule", &["timezone", "weekly", "holidays"]),
    (
        "InboundRule",
        &[
            "trunk",
            "did",
            "caller",
            "usage",
            "enabled",
            "schedule",
            "destination",
            "outOfHours",
            "holiday",
            "advanced",
        ],
    ),
    ("OutboundRule", &["priority", "match", "strategy", "routes", "schedule", "emergency"]),
    ("RouteTest", &["inbound", "outbound", "at", "expect"]),
    ("Policy", &["scopes", "signers", "prune", "deletions", "didOverlap", "drain", "allowEmpty"]),
];

/// Where a call is sent: exactly one of them.
const DESTINATION: &[&str] = &["extension", "number", "sip", "voicemail", "keep", "reject"];

/// The words of a SIP address in a header.
const SLOTS: &[&str] = &["remove", "displayName", "user", "host"];

/// The fields of every other block, by the key that it stands under (of a list: the list's). What is
/// not here (labels, annotations, scopes) is the writer's own, in the writer's order.
const BLOCKS: &[(&str, &[&str])] = &[
    ("metadata", &["name", "tenant", "labels", "annotations"]),
    ("tls", &["certificate", "privateKey", "clientCertificate", "clientCa", "minVersion"]),
    (
        "e164",
        &[
            "enabled",
            "internationalCode",
            "nationalCode",
            "prefix",
            "removeSpecialChars",
            "removeDuplicateCountries",
            "removeDuplicateAreaCodes",
        ],
    ),
    ("limits", &["concurrentCalls", "callsPerSecond", "maxCallDuration"]),
    ("callerIds", &["trunk", "number", "displayName"]),
    ("customHeaders", &["name", "value", "scope"]),
    ("features", &["tenantTrunks", "teams", "whatsApp"]),
    ("outboundProxy", &["host", "port", "force"]),
    ("keepAlive", &["enabled", "interval", "failAfter", "recoverAfter", "downCodes"]),
    ("failover", &["codes", "attemptTimeout", "totalTimeout", "afterProgress"]),
    ("sessionTimer", &["expires", "min"]),
    ("number", &["keepPlus", "telUri"]),
    ("registration", &["username", "authUsername", "password", "realm", "expires", "enabled"]),
    ("registrar", &["domain", "username", "password", "maxContacts", "minExpires", "maxExpires"]),
    (
        "whatsApp",
        &["phoneNumberId", "businessAccountId", "accessToken", "appSecret", "verifyToken"],
    ),
    ("inboundParameters", &["callerNumber", "callerName", "calledNumber", "privacy"]),
    (
        "outboundParameters",
        &[
            "requestUri",
            "contact",
            "to",
            "from",
            "remotePartyIdCalled",
            "remotePartyIdCalling",
            "pAssertedIdentity",
            "pPreferredIdentity",
            "pCalledPartyId",
            "privacy",
        ],
    ),
    ("requestUri", SLOTS),
    ("contact", SLOTS),
    ("to", SLOTS),
    ("from", SLOTS),
    ("remotePartyIdCalled", SLOTS),
    ("remotePartyIdCalling", SLOTS),
    ("pAssertedIdentity", SLOTS),
    ("pPreferredIdentity", SLOTS),
    ("pCalledPartyId", SLOTS),
    ("register", &["username", "password"]),
    ("weekly", &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]),
    ("holidays", &["name", "from", "to", "everyYear"]),
    ("destination", DESTINATION),
    ("outOfHours", DESTINATION),
    ("holiday", DESTINATION),
    ("advanced", &["when", "extension", "number", "sip", "voicemail", "keep", "reject"]),
    ("when", &["years", "months", "days", "weekdays", "times"]),
    ("match", &["prefixes", "lengths", "extensions", "groups"]),
    ("routes", &["trunk", "strip", "prepend", "callerId", "weight", "enabled"]),
    ("inbound", &["trunk", "source", "to", "from"]),
    ("outbound", &["extension", "to"]),
    ("expect", &["trunk", "trunks", "destination", "number", "callerId", "reject", "rule"]),
    ("signers", &["scope", "keys", "files"]),
    ("deletions", &["maxCount", "maxPercent"]),
    ("drain", &["timeout", "force"]),
];

/// Which block of a document a mapping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// The document itself.
    Document,
    /// What stands under a key, or is an item of the list there.
    Under(&'a str),
}

/// The order of the keys of a mapping in a document of a kind; empty: any.
pub(super) fn keys(kind: &str, place: Place<'_>) -> &'static [&'static str] {
    let listed = |table: &[(&str, &'static [&'static str])], name: &str| {
        table.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, keys)| *keys)
    };
    match place {
        Place::Document => DOCUMENT,
        Place::Under("spec") => listed(SPECS, kind),
        Place::Under(key) => listed(BLOCKS, key),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::manifest::schema;

    /// Every block of a schema that has more than one field, with the key that it stands under.
    fn blocks(
        whole: &Value,
        at: &Value,
        key: &str,
        depth: usize,
        found: &mut Vec<(String, Vec<String>)>,
    ) {
        let target = at.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
        if let Some(target) = target.filter(|_| depth < 12) {
            blocks(whole, whole.pointer(target).unwrap(), key, depth + 1, found);
        }
        if let Some(fields) = at.get("properties").and_then(Value::as_object) {
            if fields.len() > 1 {
                found.push((key.to_owned(), fields.keys().cloned().collect()));
            }
            for (name, field) in fields.iter().filter(|_| depth < 12) {
                blocks(whole, field, name, depth + 1, found);
            }
        }
        for key_word in ["items", "additionalProperties"] {
            if let Some(items) = at.get(key_word) {
                blocks(whole, items, key, depth + 1, found);
            }
        }
        // Each of these blocks has one of the fields.
        let branches = at.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let fields = branches.filter_map(|one| one.get("properties")?.as_object());
        let mut fields: Vec<_> = fields.flat_map(|fields| fields.keys().cloned()).collect();
        fields.sort();
        if fields.len() > 1 {
            found.push((key.to_owned(), fields));
        }
        for several in ["oneOf", "anyOf", "allOf"] {
            for one in at.get(several).and_then(Value::as_array).into_iter().flatten() {
                blocks(whole, one, key, depth + 1, found);
            }
        }
    }

    #[test]
    fn every_field_of_every_schema_has_its_place() {
        for (file, schema) in schema::published() {
            let Some(kind) = schema["title"].as_str().filter(|_| file != "any.schema.json") else {
                continue;
            };
            let mut found = Vec::new();
            blocks(&schema, &schema["properties"]["spec"], "spec", 0, &mut found);
            blocks(&schema, &schema["properties"]["metadata"], "metadata", 0, &mut found);
            assert!(!found.is_empty(), "{kind}");
            for (key, fields) in found {
                if fields == ["age", "env", "file"] {
                    continue;
                }
                let order = keys(kind, Place::Under(&key));
                for field in fields {
                    assert!(order.contains(&&*field), "{kind}: `{field}` under `{key}`");
                }
            }
        }
    }
}
