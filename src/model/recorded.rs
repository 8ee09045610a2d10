//! What the engine remembers of calls: their messages, and what happened, for people.

use serde::{Deserialize, Serialize};

/// The messages of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// What the daemon calls it, `c2f`.
    pub call: String,
    /// The Call-IDs of its legs, the A-leg's first.
    pub call_ids: Vec<String>,
    /// `inbound` (from a trunk) or `outbound`.
    pub direction: String,
    /// The tenant's name.
    pub tenant: String,
    /// The trunk it came from, as a resource; of an outbound call empty.
    pub trunk: String,
    /// The rule that routed it, as a resource.
    pub rule: String,
    /// Caller as presented; of a stranger its address.
    pub from: String,
    /// Called number as routed; of a stranger the Transport that it came to.
    pub to: String,
    /// The generation it is pinned to.
    pub generation: u64,
    /// Why it ended, one CamelCase word; nothing while it goes on.
    pub reason: Option<String>,
    /// The final SIP code towards the caller, 200 for an answered call.
    pub code: Option<u16>,
    /// Messages that have given way to newer ones.
    pub dropped: u32,
    /// The messages, oldest first.
    pub messages: Vec<RecordedMessage>,
}

/// One message of a call. Its secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedMessage {
    /// When it passed, in milliseconds since 1970 (UTC).
    pub unix_ms: u64,
    /// `A`, who called; `B`, who was called, of several attempts `B1`, `B2`, …
    pub leg: String,
    /// `in`, to us, or `out`.
    pub direction: String,
    /// The Transport's name.
    pub transport: String,
    /// The far end, `udp 192.0.2.1:5060`.
    pub far_end: String,
    /// Its first line.
    pub first_line: String,
    /// Its method; of a response that of its request.
    pub method: String,
    /// The whole message, lines ending in `\n`.
    pub text: String,
}

/// One thing that happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventLine {
    /// Counts the events of this run, from 1.
    pub number: u64,
    /// When, in milliseconds since 1970 (UTC).
    pub unix_ms: u64,
    /// `began`, `failover`, `answered`, `ended`, `refused`, `health`, `registration`, `counted`, `stranger`.
    pub event: String,
    /// The daemon's name of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The Call-ID of the leg that began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// `inbound` or `outbound`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The tenant's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The trunk, as a resource; of a stranger the one that has its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// The rule, as a resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Caller as presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Called number as routed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// One CamelCase word; of a failed attempt `Refused`, `Silence` or `Unreachable`, of a trunk its
    /// health, of a stranger why it is not the trunk's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A SIP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// How long a call was, or how often something has happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}
