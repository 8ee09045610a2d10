//! The specs of the kinds. Field documentation is what editors and `explain` show.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Cidr, DidMatch, DidSet, Host, Name, NumberRange, Seconds, SipTarget};

/// The protocol of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// SIP over UDP.
    Udp,
}

/// A local SIP listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transport {
    /// The protocol. It cannot be changed: declare another transport. Example: `udp`.
    pub protocol: Protocol,
    /// The local address to listen on. Example: `203.0.113.5`.
    #[serde(default = "any_address")]
    pub bind: IpAddr,
    /// The local port, 1 to 65535. Port 0 (any free port) is for tests only and needs the
    /// annotation `trunkline.dev/ephemeral`. Example: `5060`.
    pub port: u16,
    /// What stands in Via and Contact; absent: the bound address. Example: `sbc.example.net`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<Host>,
}

fn any_address() -> IpAddr {
    IpAddr::V4(Ipv4Addr::UNSPECIFIED)
}

/// A customer: SIP domain, number plan, limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// The name for people; absent: the resource's name. Example: `Acme Ltd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub display_name: Option<String>,
    /// The tenant's SIP domain, unique among all tenants; it need not resolve in DNS.
    /// Example: `acme.voice.example.net`.
    pub sip_domain: Host,
    /// Whether calls from and to this tenant are accepted.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The IANA time zone. Example: `Europe/London`.
    #[serde(default = "utc")]
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$")
    )]
    pub timezone: String,
    /// The country code, digits only. Example: `"44"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "country_code")]
    pub country_code: Option<String>,
    /// Limits on this tenant's calls.
    #[serde(default)]
    pub limits: TenantLimits,
}

fn country_code(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["string", "integer"], "pattern": "^[1-9][0-9]{0,3}$", "minimum": 1, "maximum": 9999
    })
}

/// Limits of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantLimits {
    /// Calls at the same time, both directions. Example: `20`.
    #[serde(default = "twenty")]
    pub concurrent_calls: u32,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self { concurrent_calls: twenty() }
    }
}

/// How a trunk and its provider know each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TrunkType {
    /// By source address: no registration.
    Ip,
}

/// A link to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trunk {
    /// The name for people. Example: `Carrier A, London`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub display_name: Option<String>,
    /// The type. It cannot be changed: declare another trunk. Example: `ip`.
    #[serde(rename = "type")]
    pub trunk_type: TrunkType,
    /// A key that says which trunks belong to the same provider; it overrides the comparison of
    /// hosts and addresses. Example: `carrier-a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub provider: Option<String>,
    /// Whether calls run over it.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The provider's address; calls go there and calls from there are this trunk's.
    /// Example: `203.0.113.10`.
    pub host: Host,
    /// The provider's port; 0 means 5060 for an IP address. Example: `5060`.
    #[serde(default)]
    pub port: u16,
    /// The name of the Transport to use; absent: the only one of protocol udp. Example: `udp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Name>,
    /// Further addresses from which the provider calls. Example: `["198.51.100.0/28"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub associated_ips: Vec<Cidr>,
    /// Whether the source port, too, must be `port` for a packet to be this trunk's.
    #[serde(default)]
    pub verify_port: bool,
    /// Limits on this trunk's calls.
    #[serde(default)]
    pub limits: TrunkLimits,
    /// OPTIONS towards the provider, to know whether it answers.
    #[serde(default)]
    pub keep_alive: KeepAlive,
}

/// Limits of a trunk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrunkLimits {
    /// Calls at the same time, both directions; absent: no limit. Example: `30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<u32>,
}

/// The keep-alive of a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeepAlive {
    /// Whether OPTIONS are sent.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Time between two probes, at least one second. Example: `360s`.
    #[serde(default = "six_minutes")]
    pub interval: Seconds,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { enabled: true, interval: six_minutes() }
    }
}

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<u32>,
}

/// One number, or a range of numbers, on the tenant's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Extension {
    /// One number or one range. Example: `1000-1019`.
    pub numbers: NumberRange,
    /// The PBX at a fixed address; it also identifies that PBX's outbound calls. The number called
    /// takes the place of the user part, unless this is one number and the URI has a user.
    /// Example: `sip:192.0.2.20:5060`.
    pub contact: SipTarget,
}

/// Where a call goes: exactly one of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Destination {
    /// An extension of the tenant, or a range as long as the DID range, mapped by offset.
    /// Example: `1000`.
    Extension(NumberRange),
    /// A SIP URI; `{did}` and `{caller}` in the user part are filled in.
    /// Example: `sip:{did}@192.0.2.30`.
    Sip(SipTarget),
    /// Refuse with this SIP code, 400 to 699. Example: `486`.
    Reject(#[schemars(range(min = 400, max = 699))] u16),
}

/// From a trunk's number to a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundRule {
    /// The trunk's name: the tenant's own, else the system's. Example: `carrier-a`.
    pub trunk: Name,
    /// One number, one range, or `"*"`. Example: `442079460000`.
    pub did: DidMatch,
    /// Whether the rule counts.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Where the call goes.
    pub destination: Destination,
}

/// Which calls an outbound rule takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundMatch {
    /// The dialled number begins with one of these: digits, `+`, `*`, `#`. Example: `["00", "1"]`.
    #[schemars(length(min = 1), schema_with = "prefixes")]
    pub prefixes: BTreeSet<String>,
}

fn prefixes(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array", "minItems": 1,
        "items": {"type": ["string", "integer"], "pattern": "^[0-9+*#]{1,64}$", "minimum": 0}
    })
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
    #[schemars(schema_with = "prepend")]
    pub prepend: String,
    /// Whether the route is tried.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn prepend(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["string", "integer"], "pattern": "^[0-9+*#]{0,32}$", "minimum": 0
    })
}

/// From a dialled number to an ordered list of trunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundRule {
    /// Lower is tried first; equal ones by name. Example: `100`.
    #[serde(default = "thousand")]
    pub priority: u32,
    /// Which calls it takes.
    #[serde(rename = "match")]
    pub matches: OutboundMatch,
    /// One to six trunks, tried in order.
    #[schemars(length(min = 1, max = 6))]
    pub routes: Vec<OutboundRoute>,
}

fn yes() -> bool {
    true
}

fn utc() -> String {
    "UTC".to_owned()
}

fn twenty() -> u32 {
    20
}

fn thousand() -> u32 {
    1000
}

fn six_minutes() -> Seconds {
    Seconds(360)
}
