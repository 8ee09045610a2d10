//! Expected outcomes of calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, NumberRange, SourceAddress, Timestamp, form};

/// An expected outcome of one call; never part of the live state. Exactly one of `inbound` and
/// `outbound`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-published" = {
    "oneOf": form::one_of(&["inbound", "outbound"]),
    "examples": [{
        "inbound": {"trunk": "carrier-a", "to": "+442079460000", "from": "+442079460999"},
        "expect": {"rule": "sales"}
    }]
}))]
pub struct RouteTest {
    /// A call from a trunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound: Option<InboundCall>,
    /// A call from an extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound: Option<OutboundCall>,
    /// When the call is made; absent: in hours. Example: `2026-11-24T10:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What must come of it.
    pub expect: Expectation,
}

/// A call from a trunk: `trunk` or `source` says from which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-published" = {
    "oneOf": form::one_of(&["trunk", "source"]),
    "examples": [{"trunk": "carrier-a", "to": "+442079460000", "from": "+442079460999"}]
}))]
pub struct InboundCall {
    /// The trunk's name: the tenant's own, else the system's. Example: `carrier-a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Name>,
    /// The address that the call comes from; without a port: 5060. Example: `203.0.113.10:5060`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceAddress>,
    /// The called number, as presented. Example: `"+442079460000"`.
    #[schemars(schema_with = "form::presented")]
    pub to: String,
    /// The caller's number, as presented. Example: `"+442079460999"`.
    #[schemars(schema_with = "form::presented")]
    pub from: String,
}

/// A call from an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundCall {
    /// The calling extension's number. Example: `1000`.
    pub extension: NumberRange,
    /// The dialled number. Example: `"0044207946000"`.
    #[schemars(schema_with = "form::presented")]
    pub to: String,
}

/// What must come of a call: everything that is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Expectation {
    /// The trunk that is tried first. Example: `carrier-a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Name>,
    /// Every trunk that is tried, in order. Example: `["carrier-a", "own"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    pub trunks: Option<Vec<Name>>,
    /// Where the call is sent. Example: `sip:1000@192.0.2.20:5060`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::text")]
    pub destination: Option<String>,
    /// The number as sent. Example: `"+442079460111"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::text")]
    pub number: Option<String>,
    /// The caller's number as sent. Example: `"442079460000"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::text")]
    pub caller_id: Option<String>,
    /// The SIP code that it is refused with. Example: `404`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 300, max = 699))]
    pub reject: Option<u16>,
    /// The rule that decides. Example: `sales`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Name>,
}
