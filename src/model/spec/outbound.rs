//! From a dialled number to an ordered list of trunks.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DidSet, Name, PhoneNumber, default, form};

/// Which calls an outbound rule takes: at least one condition; all that are written must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct OutboundMatch {
    /// The dialled number begins with one of these: digits, `+`, `*`, `#`. Example: `["00", "1"]`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(schema_with = "prefixes")]
    pub prefixes: BTreeSet<String>,
    /// The dialled number has one of these lengths. Example: `[8, 10, 12]`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(schema_with = "lengths")]
    pub lengths: BTreeSet<u8>,
    /// The calling extension is one of these: a list, or one text with `;`.
    /// Example: `["100-200"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<DidSet>,
    /// The calling extension is in one of these groups. Example: `["sales"]`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(schema_with = "groups")]
    pub groups: BTreeSet<String>,
}

fn prefixes(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let item = form::dialled(generator);
    schemars::json_schema!({"type": "array", "minItems": 1, "items": item})
}

fn lengths(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1, "maximum": 64}
    })
}

fn groups(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array", "minItems": 1,
        "items": form::text_of_64(generator)
    })
}

/// In which order the routes of a rule are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Strategy {
    /// As they are written.
    #[default]
    Ordered,
    /// Any order, each as likely as the other.
    Random,
    /// Any order, the first by `weight`.
    Weighted,
}

/// One trunk choice of an outbound rule. Strip first, then prepend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundRoute {
    /// The trunk's name: the tenant's own, else the system's. Example: `carrier-a`.
    pub trunk: Name,
    /// How many leading digits to take away, 0 to 9. Example: `2`.
    #[serde(default)]
    #[schemars(range(max = 9))]
    pub strip: u8,
    /// What to put in front afterwards: digits, `+`, `*`, `#`. Example: `"+44"`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "form::prepend")]
    pub prepend: String,
    /// What is shown to the called, one number of the tenant's pool on the trunk.
    /// Example: `442079460000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<PhoneNumber>,
    /// Its share under `strategy: weighted`, beside the others'. Example: `3`.
    #[serde(default = "default::one")]
    #[schemars(range(max = 1_000_000))]
    pub weight: u32,
    /// Whether the route is tried.
    #[serde(default = "default::yes")]
    pub enabled: bool,
}

/// From a dialled number to an ordered list of trunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundRule {
    /// Lower is tried first; equal ones by name. Example: `100`.
    #[serde(default = "default::thousand")]
    pub priority: u32,
    /// Which calls it takes.
    #[serde(rename = "match")]
    pub matches: OutboundMatch,
    /// In which order the routes are tried. Example: `ordered`.
    #[serde(default)]
    pub strategy: Strategy,
    /// One to six trunks.
    #[schemars(length(min = 1, max = 6))]
    pub routes: Vec<OutboundRoute>,
    /// The hours: the name of a Schedule; outside, the call is refused. Example: `office`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Name>,
    /// Whether it is for emergency numbers: then only for them, and before all others.
    #[serde(default)]
    pub emergency: bool,
}
