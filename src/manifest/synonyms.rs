//! What other systems call our fields: words that no edit distance leads from.

/// The words of Asterisk, FreePBX, 3CX, Kamailio and of carriers' portals for a field, without `_`,
/// `-` and capitals. One word may stand for several fields: the first one counts that is absent where it is
/// written.
const SYNONYMS: &[(&str, &[&str])] = &[
    (
        "host",
        &[
            "address",
            "domain",
            "fqdn",
            "gateway",
            "hostname",
            "ip",
            "ipaddress",
            "peer",
            "proxy",
            "registrar",
            "server",
            "sipdomain",
            "sipserver",
            "uri",
        ],
    ),
    ("domain", &["host", "realm", "server", "sipdomain"]),
    ("sipDomain", &["domain", "fqdn", "host", "realm"]),
    ("fqdn", &["domain", "host", "hostname", "server"]),
    ("port", &["sipport"]),
    (
        "username",
        &[
            "account",
            "accountname",
            "authid",
            "authname",
            "authuser",
            "defaultuser",
            "fromuser",
            "id",
            "login",
            "loginname",
            "name",
            "uid",
            "user",
        ],
    ),
    ("authUsername", &["authenticationid", "authid", "authname", "authuser"]),
    ("password", &["authpassword", "key", "pass", "passwd", "pin", "pwd", "secret"]),
    (
        "registration",
        &["account", "auth", "authentication", "credentials", "login", "reg", "register"],
    ),
    ("registrar", &["accept", "acceptregister", "register", "registration"]),
    ("register", &["account", "auth", "credentials", "phone", "registration"]),
    ("contact", &["address", "aor", "host", "ip", "pbx", "sip", "uri"]),
    (
        "numbers",
        &[
            "ddi",
            "ddis",
            "did",
            "dids",
            "exten",
            "extension",
            "extensions",
            "list",
            "phonenumbers",
            "range",
            "ranges",
            "tn",
            "tns",
        ],
    ),
    (
        "did",
        &[
            "called",
            "callednumber",
            "ddi",
            "didnumber",
            "dids",
            "exten",
            "number",
            "numbers",
            "range",
        ],
    ),
    ("extension", &["caller", "exten", "from", "user"]),
    ("caller", &["callerid", "callernumber", "cid", "cidnumber", "cli", "from"]),
    (
        "destination",
        &["action", "dest", "dst", "forward", "forwardto", "goto", "route", "target", "to"],
    ),
    ("outOfHours", &["afterhours", "closed", "nomatch"]),
    ("trunk", &["carrier", "gateway", "line", "peer", "provider", "siptrunk", "via"]),
    ("routes", &["carriers", "gateways", "route", "trunk", "trunks", "via"]),
    (
        "match",
        &[
            "condition",
            "conditions",
            "dialpattern",
            "dialpatterns",
            "filter",
            "if",
            "pattern",
            "patterns",
            "when",
        ],
    ),
    ("when", &["condition", "if", "match"]),
    ("prefixes", &["dialprefix", "pattern", "patterns", "prefix", "startswith"]),
    ("prepend", &["add", "prefix"]),
    ("strip", &["drop", "remove", "stripdigits"]),
    ("callerId", &["cid", "cli", "clid", "from", "fromnumber", "outboundcid"]),
    ("priority", &["order", "prio"]),
    ("expect", &["expected", "result", "want"]),
    ("to", &["called", "callednumber", "did", "number"]),
    ("from", &["caller", "callerid", "cli", "start"]),
    ("bind", &["address", "bindaddr", "bindaddress", "host", "interface", "ip", "listen"]),
    (
        "publicAddress",
        &[
            "advertise",
            "externaddr",
            "externaladdress",
            "externalip",
            "externip",
            "natip",
            "publicip",
        ],
    ),
    ("protocol", &["proto", "transport"]),
    ("transport", &["listener", "protocol"]),
    (
        "associatedIps",
        &["acl", "allow", "allowedips", "cidrs", "ips", "networks", "permit", "whitelist"],
    ),
    ("concurrentCalls", &["calllimit", "calls", "channels", "maxcalls", "maxchannels"]),
    ("callsPerSecond", &["cps", "rate"]),
    ("keepAlive", &["options", "ping", "qualify"]),
    ("everyYear", &["annual", "annually", "recurring", "repeat", "yearly"]),
    ("interval", &["every", "frequency", "qualifyfrequency"]),
    ("expires", &["expiration", "expiry", "ttl"]),
    ("enabled", &["active", "enable"]),
    ("timezone", &["tz", "zone"]),
    ("weekly", &["days", "hours", "officehours", "week"]),
    ("holidays", &["closed", "publicholidays", "vacations"]),
    ("displayName", &["description", "label", "title"]),
    ("value", &["content", "text"]),
    ("certificate", &["cert", "certfile", "chain", "pem"]),
    ("privateKey", &["key", "keyfile"]),
    ("type", &["kind", "mode"]),
    ("tenant", &["client", "customer", "namespace", "organisation", "organization", "owner"]),
    ("name", &["id", "title"]),
    ("metadata", &["meta"]),
    ("spec", &["config", "settings", "specification"]),
];

/// The words for what we say in several fields: of one day, its first and its last.
const OF_SEVERAL: &[(&[&str], &[&str])] = &[(&["from", "to"], &["date", "dates", "day", "on"])];

/// The fields that one word of other systems stands for together.
pub(super) fn several(name: &str) -> Option<&'static [&'static str]> {
    let found = OF_SEVERAL.iter().find(|(_, words)| words.contains(&name));
    found.map(|(fields, _)| *fields)
}

/// Letters of the longest word.
const MAX_LETTERS: usize = 32;

/// The fields that a word of other systems may stand for, the likeliest first.
pub(super) fn of(name: &str) -> impl Iterator<Item = &'static str> + use<> {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-')).take(MAX_LETTERS);
    let bare: String = letters.flat_map(char::to_lowercase).collect();
    SYNONYMS.iter().filter(move |(_, words)| words.contains(&&*bare)).map(|(field, _)| *field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_they_are_spelt() {
        for name in ["sip_server", "SipServer", "sip-server"] {
            assert_eq!(of(name).next(), Some("host"), "{name}");
        }
        assert_eq!(of("xyzzy").next(), None);
        for (field, words) in SYNONYMS {
            let spelt = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
            assert!(words.iter().all(spelt) && words.is_sorted(), "{field}");
            assert!(!words.contains(&field.to_lowercase().as_str()), "{field}");
        }
    }
}
