//! The names of headers that a tenant may not add to its calls (`customHeaders`).

/// Headers that make a message what it is, or say how it is read: the engine writes them, or answers
/// for what they say. Small letters; compact forms are too short for a name.
const OF_MESSAGES: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "allow",
    "allow-events",
    "call-id",
    "contact",
    "content-disposition",
    "content-encoding",
    "content-id",
    "content-language",
    "content-length",
    "content-type",
    "cseq",
    "date",
    "expires",
    "from",
    "max-breadth",
    "max-forwards",
    "mime-version",
    "path",
    "proxy-require",
    "reason",
    "record-route",
    "request-disposition",
    "require",
    "retry-after",
    "route",
    "server",
    "service-route",
    "supported",
    "timestamp",
    "to",
    "unsupported",
    "user-agent",
    "via",
    "warning",
    "x-trunkline-loop",
];

/// Headers that say what becomes of a dialog, or of another one.
const OF_DIALOGS: &[&str] = &[
    "event",
    "in-reply-to",
    "join",
    "min-expires",
    "min-se",
    "priv-answer-mode",
    "rack",
    "recv-info",
    "refer-events-at",
    "refer-sub",
    "refer-to",
    "referred-by",
    "replaces",
    "rseq",
    "session-expires",
    "session-id",
    "subscription-state",
    "target-dialog",
];

/// Headers that speak for identity: who calls, who vouches for that, who diverted the call, who pays.
const OF_IDENTITY: &[&str] = &[
    "additional-identity",
    "attestation-info",
    "cellular-network-info",
    "diversion",
    "geolocation",
    "geolocation-routing",
    "history-info",
    "identity",
    "identity-info",
    "origination-id",
    "p-access-network-info",
    "p-asserted-identity",
    "p-asserted-service",
    "p-associated-uri",
    "p-called-party-id",
    "p-charge-info",
    "p-charging-function-addresses",
    "p-charging-vector",
    "p-preferred-identity",
    "p-preferred-service",
    "p-private-network-indication",
    "p-profile-key",
    "p-served-user",
    "p-user-database",
    "p-visited-network-id",
    "privacy",
    "remote-party-id",
    "resource-priority",
];

/// Headers of proofs and of the secrets behind them.
const OF_PROOFS: &[&str] = &[
    "authentication-info",
    "authorization",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "security-client",
    "security-server",
    "security-verify",
    "www-authenticate",
];

const OWN_NAME: &str = "give the header a name of its own, like `X-Customer`";

/// Why no tenant may add the header of a name, in small letters, and what to do; `None` if it may.
pub(super) fn why_not(name: &str) -> Option<(&'static str, &'static str)> {
    let groups = [
        (OF_MESSAGES, "every call has it or may have it, as the engine writes it", OWN_NAME),
        (OF_DIALOGS, "it says what becomes of a dialog, which the engine does", OWN_NAME),
        (
            OF_IDENTITY,
            "it speaks for the identity of a caller",
            "say who calls with `callerIds`, or with `outboundParameters` of the trunk",
        ),
        (
            OF_PROOFS,
            "it belongs to a proof of who sends the message",
            "write `registration` in the Trunk: the engine answers what asks for a proof",
        ),
    ];
    let found = groups.into_iter().find(|(names, ..)| names.binary_search(&name).is_ok());
    found.map(|(_, why, help)| (why, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_the_harmless_are_none_of_them() {
        for names in [OF_MESSAGES, OF_DIALOGS, OF_IDENTITY, OF_PROOFS] {
            assert!(names.is_sorted(), "{names:?}");
            assert!(names.iter().all(|name| why_not(name).is_some()));
        }
        for name in ["x-customer", "subject", "organization", "priority", "alert-info", "call-info"]
        {
            assert_eq!(why_not(name), None, "{name}");
        }
    }
}
