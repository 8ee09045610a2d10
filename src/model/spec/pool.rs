//! The numbers of tenants, and who answers them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallerId, DidSet, Name, NumberRange, SecretRef, SipTarget, form};

/// The numbers that a tenant owns on one trunk; for a system trunk, this is the assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DidPool {
    /// The trunk's name: the tenant's own, else the system's. Example: `carrier-a`.
    pub trunk: Name,
    /// The numbers, with country code, never with `+`, `0` or `00` in front.
    /// Example: `["442079460000-442079460099"]`.
    pub numbers: DidSet,
    /// The tenant's share of the trunk's calls at the same time; absent: no share limit.
    /// Example: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<u32>,
}

/// One number, or a range of numbers, on the tenant's side: a PBX at a fixed address (`contact`) or
/// a phone that registers (`register`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-published" = {
    "oneOf": form::one_of(&["contact", "register"]),
    "examples": [{"numbers": "1000-1019", "contact": "sip:192.0.2.20:5060"}]
}))]
pub struct Extension {
    /// One number or one range. Example: `1000-1019`.
    pub numbers: NumberRange,
    /// The PBX at a fixed address; it also identifies that PBX's outbound calls. The number called
    /// takes the place of the user part, unless this is one number and the URI has a user.
    /// Example: `sip:192.0.2.20:5060`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<SipTarget>,
    /// The phone that registers at the tenant's SIP domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<PhoneRegistration>,
    /// The group, for outbound rules. Example: `sales`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::text_of_64")]
    pub group: Option<String>,
    /// What is shown to the called, one for each trunk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub caller_ids: Vec<CallerId>,
    /// Whether outbound calls hide who calls.
    #[serde(default)]
    pub anonymous: bool,
}

/// How a phone says who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PhoneRegistration {
    /// The user name. Example: `"1000"`.
    #[schemars(schema_with = "form::username")]
    pub username: String,
    /// The password.
    pub password: SecretRef,
}
