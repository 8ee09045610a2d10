//! Links to providers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Brand, Cidr, Host, InboundParameters, Name, OutboundParameters, Privacy, Protocol, Seconds,
    SecretRef, StatusRange, default, form,
};

/// How a trunk and its provider know each other.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum TrunkType {
    /// We register at the provider.
    Register,
    /// The other side registers with us.
    AcceptRegister,
    /// By source address: no registration.
    Ip,
    /// Microsoft Teams Direct Routing.
    Teams,
    /// WhatsApp Business.
    WhatsApp,
}

impl TrunkType {
    /// The protocol of the listener that a trunk of this type means without naming one.
    pub fn listener_protocol(self) -> Protocol {
        match self {
            Self::Teams => Protocol::Tls,
            Self::Register | Self::AcceptRegister | Self::Ip | Self::WhatsApp => Protocol::Udp,
        }
    }

    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::AcceptRegister => "acceptRegister",
            Self::Ip => "ip",
            Self::Teams => "teams",
            Self::WhatsApp => "whatsApp",
        }
    }
}

/// A link to a provider. Example: `{"type": "ip", "host": "203.0.113.10"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = by_type)]
pub struct Trunk {
    /// The name for people. Example: `Carrier A, London`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::text_of_64")]
    pub display_name: Option<String>,
    /// The type. It cannot be changed: declare another trunk. Example: `ip`.
    #[serde(rename = "type")]
    pub trunk_type: TrunkType,
    /// The provider's preset, with a region where it has some: it fills defaults only, and cannot
    /// be changed. `trunkline explain trunk --brand NAME` shows it. Example: `telnyx/us`.
    #[serde(default, skip_serializing_if = "Brand::is_generic")]
    #[schemars(extend("default" = "generic"))]
    pub brand: Brand,
    /// A key that says which trunks belong to the same provider; it overrides the comparison of
    /// brands, hosts and addresses. Example: `carrier-a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::text_of_63")]
    pub provider: Option<String>,
    /// Whether calls run over it.
    #[serde(default = "default::yes")]
    pub enabled: bool,
    /// The provider's address; calls go there and calls from there are this trunk's. Types
    /// `register` and `ip` need one, unless the brand has it. Example: `203.0.113.10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// The provider's port; 0: by DNS (RFC 3263), for an IP address 5060, with TLS 5061.
    /// Absent: as the brand has it, else 0. Example: `5060`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The name of the Transport to use; absent: the only one of protocol udp, for type `teams` of
    /// protocol tls. Example: `udp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Name>,
    /// Another host that requests are sent to on their way to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_proxy: Option<OutboundProxy>,
    /// Further addresses from which the provider calls; absent: as the brand has them.
    /// Example: `["198.51.100.0/28"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10000))]
    pub associated_ips: Option<Vec<Cidr>>,
    /// Limits on this trunk's calls.
    #[serde(default)]
    pub limits: TrunkLimits,
    /// OPTIONS towards the provider, to know whether it answers.
    #[serde(default)]
    pub keep_alive: KeepAlive,
    /// Whether the private address of the listener is used towards this trunk.
    #[serde(default)]
    pub use_private_address: bool,
    /// Whether the host in Via is replaced by the public address.
    #[serde(default)]
    pub rewrite_via_host: bool,
    /// Whether the source port, too, must be `port` for a packet to be this trunk's.
    #[serde(default)]
    pub verify_port: bool,
    /// Whether requests carry one Via only.
    #[serde(default = "default::yes")]
    pub single_via: bool,
    /// When the next trunk is tried.
    #[serde(default)]
    pub failover: Failover,
    /// What is done with a REFER of the provider. Example: `terminate`.
    #[serde(default)]
    pub refer: Refer,
    /// What is done with a 3xx of the provider. Example: `refuse`.
    #[serde(default)]
    pub redirect: Redirect,
    /// Session timers (RFC 4028).
    #[serde(default)]
    pub session_timer: SessionTimer,
    /// Our own certificate towards this provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TrunkTls>,
    /// The form of numbers that are sent; absent: as the brand has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<NumberFormat>,
    /// What the Privacy header says (RFC 3323) where the caller wants to be hidden.
    /// Example: `ID`.
    #[serde(default)]
    pub privacy: Privacy,
    /// What becomes of Diversion (RFC 5806) between this trunk and the other side of a call, both ways.
    /// Example: `remove`.
    #[serde(default)]
    pub diversion: Passage,
    /// What becomes of History-Info (RFC 7044) between this trunk and the other side of a call, both
    /// ways, in requests and responses. Example: `remove`.
    #[serde(default)]
    pub history_info: Passage,
    /// Where the numbers of a call from the provider are read.
    #[serde(default)]
    pub inbound_parameters: InboundParameters,
    /// What the headers of a call to the provider say.
    #[serde(default)]
    pub outbound_parameters: OutboundParameters,
    /// Where media flows. Example: `direct`.
    #[serde(default)]
    pub media: Media,
    /// How we register; for type `register`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// How the other side registers with us; for type `acceptRegister`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registrar: Option<Registrar>,
    /// For type `teams`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<Teams>,
    /// For type `whatsApp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whats_app: Option<WhatsApp>,
}

/// The blocks that belong to one type of trunk, and the type.
pub const TYPE_BLOCKS: &[(&str, TrunkType)] = &[
    ("registration", TrunkType::Register),
    ("registrar", TrunkType::AcceptRegister),
    ("teams", TrunkType::Teams),
    ("whatsApp", TrunkType::WhatsApp),
];

/// For each type: the block it must have, and those that it cannot have.
fn by_type(schema: &mut schemars::Schema) {
    let types = [
        TrunkType::Register,
        TrunkType::AcceptRegister,
        TrunkType::Ip,
        TrunkType::Teams,
        TrunkType::WhatsApp,
    ];
    let branches = types.map(|one| {
        let own: Vec<&str> =
            TYPE_BLOCKS.iter().filter(|(_, of)| *of == one).map(|(name, _)| *name).collect();
        let others = TYPE_BLOCKS.iter().filter(|(_, of)| *of != one);
        let others: serde_json::Map<String, Value> =
            others.map(|(name, _)| ((*name).to_owned(), json!(false))).collect();
        json!({
            "if": {"properties": {"type": {"const": one.as_str()}}, "required": ["type"]},
            "then": {"required": own, "properties": others},
        })
    });
    let generic = json!({
        "if": {
            "properties": {
                "type": {"enum": [TrunkType::Register.as_str(), TrunkType::Ip.as_str()]},
                "brand": {"const": "generic"},
            },
            "required": ["type"],
        },
        "then": {"required": ["host"]},
    });
    let all: Vec<Value> = branches.into_iter().chain([generic]).collect();
    schema.insert("allOf".to_owned(), all.into());
}

/// A host on the way to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundProxy {
    /// Its address. Example: `203.0.113.20`.
    pub host: Host,
    /// Its port; 0: by DNS, for an IP address 5060. Example: `5060`.
    #[serde(default)]
    pub port: u16,
    /// Whether requests inside a dialog go there, too.
    #[serde(default)]
    pub force: bool,
}

/// Limits of a trunk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrunkLimits {
    /// Calls at the same time, both directions; absent: no limit. Example: `30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<u32>,
    /// New calls in a second; absent: no limit. Example: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<u32>,
    /// How long a call may last, at least one second; absent: no limit. Example: `4h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-least" = 1))]
    pub max_call_duration: Option<Seconds>,
}

/// The keep-alive of a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeepAlive {
    /// Whether OPTIONS are sent.
    #[serde(default = "default::yes")]
    pub enabled: bool,
    /// Time between two probes, at least one second. Example: `360s`.
    #[serde(default = "default::six_minutes")]
    #[schemars(extend("x-least" = 1))]
    pub interval: Seconds,
    /// So many failures in a row make the trunk Down. Example: `3`.
    #[serde(default = "default::three")]
    #[schemars(range(min = 1, max = 100))]
    pub fail_after: u32,
    /// So many answers in a row make it Up again. Example: `1`.
    #[serde(default = "default::one")]
    #[schemars(range(min = 1, max = 100))]
    pub recover_after: u32,
    /// Answers that count as failures: codes and ranges. Example: `[408, "500-599"]`.
    #[serde(default = "default::down_codes")]
    #[schemars(length(max = 100))]
    pub down_codes: Vec<StatusRange>,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: default::six_minutes(),
            fail_after: default::three(),
            recover_after: default::one(),
            down_codes: default::down_codes(),
        }
    }
}

/// When the next trunk of a rule is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failover {
    /// Answers after which the next trunk is tried; absent: 408, 500, 502, 503 and 504, for type
    /// `teams` 408, 503 and 504. Example: `[408, 503]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub codes: Option<Vec<StatusRange>>,
    /// How long one attempt may stay without ringing or a final answer; silence is at most 32s.
    /// Example: `32s`.
    #[serde(default = "default::half_minute")]
    #[schemars(extend("x-least" = 1))]
    pub attempt_timeout: Seconds,
    /// How long all attempts together may take. Example: `60s`.
    #[serde(default = "default::minute")]
    #[schemars(extend("x-least" = 1))]
    pub total_timeout: Seconds,
    /// Whether the next trunk is tried after a provisional answer other than 100.
    #[serde(default)]
    pub after_progress: bool,
}

impl Default for Failover {
    fn default() -> Self {
        Self {
            codes: None,
            attempt_timeout: default::half_minute(),
            total_timeout: default::minute(),
            after_progress: false,
        }
    }
}

/// What is done with a REFER.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Refer {
    /// Handed to the other side of the call.
    Relay,
    /// Carried out here.
    #[default]
    Terminate,
    /// Refused.
    Refuse,
}

/// What is done with a 3xx.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Redirect {
    /// The call fails.
    #[default]
    Refuse,
    /// The call goes where it says.
    Follow,
}

/// What becomes of a header that tells where a call was before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Passage {
    /// It passes as it is.
    #[default]
    Pass,
    /// It is taken out.
    Remove,
}

/// Session timers (RFC 4028).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionTimer {
    /// The interval after which a silent session ends. Example: `1800s`.
    #[serde(default = "default::half_hour")]
    #[schemars(extend("x-least" = 90))]
    pub expires: Seconds,
    /// The shortest interval that we take, at least 90 seconds. Example: `90s`.
    #[serde(default = "default::minute_and_a_half")]
    #[schemars(extend("x-least" = 90))]
    pub min: Seconds,
}

impl Default for SessionTimer {
    fn default() -> Self {
        Self { expires: default::half_hour(), min: default::minute_and_a_half() }
    }
}

/// Our certificate towards one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrunkTls {
    /// The certificate chain: a PEM file below the daemon's secrets folder, or the PEM text itself.
    /// Example: `carrier-a/client.pem`.
    #[schemars(length(min = 1, max = 65536), extend("format" = "PemOrFile"))]
    pub certificate: String,
    /// The private key of the certificate, PEM.
    pub private_key: SecretRef,
}

/// The form of numbers that are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NumberFormat {
    /// Whether a leading `+` is kept; absent: as the brand has it, else kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_plus: Option<bool>,
    /// Whether numbers are sent as `tel:` URIs; absent: as the brand has it, else not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tel_uri: Option<bool>,
}

/// Where media flows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Media {
    /// Between the two ends.
    #[default]
    Direct,
    /// Through rtpengine.
    Rtpengine,
}

/// How we register at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// The user name. Example: `acct001`.
    #[schemars(schema_with = "form::username")]
    pub username: String,
    /// The user name for authentication, where it is another. Example: `auth001`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::username")]
    pub auth_username: Option<String>,
    /// The password.
    pub password: SecretRef,
    /// The only realm that is answered; absent: any that the provider's own registrar or proxy
    /// asks for. Example: `sip.example.net`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::text_of_128")]
    pub realm: Option<String>,
    /// For how long we register at a time. Example: `600s`.
    #[serde(default = "default::ten_minutes")]
    #[schemars(extend("x-least" = 1))]
    pub expires: Seconds,
    /// `false`: the credentials only answer challenges, nothing is registered.
    #[serde(default = "default::yes")]
    pub enabled: bool,
}

/// How the other side registers with us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registrar {
    /// The domain that it registers at; no tenant's SIP domain. Example: `gw1.sip.example.net`.
    pub domain: Host,
    /// Its user name. Example: `gateway1`.
    #[schemars(schema_with = "form::username")]
    pub username: String,
    /// Its password.
    pub password: SecretRef,
    /// So many contacts at most. Example: `5`.
    #[serde(default = "default::five")]
    #[schemars(range(min = 1, max = 100))]
    pub max_contacts: u32,
    /// The shortest registration. Example: `60s`.
    #[serde(default = "default::minute")]
    pub min_expires: Seconds,
    /// The longest registration. Example: `3600s`.
    #[serde(default = "default::hour")]
    #[schemars(extend("x-least" = 1))]
    pub max_expires: Seconds,
}

/// Microsoft Teams Direct Routing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Teams {
    /// The name that Teams knows this tenant's gateway by: the tenant's `sipDomain`.
    /// Example: `acme.sbc.example.net`.
    pub fqdn: Host,
}

/// WhatsApp Business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhatsApp {
    /// Meta's id of the number. Example: `"106540352242922"`.
    #[schemars(schema_with = "form::opaque")]
    pub phone_number_id: String,
    /// Meta's id of the account. Example: `"102290129340398"`.
    #[schemars(schema_with = "form::opaque")]
    pub business_account_id: String,
    /// The token that messages are sent with.
    pub access_token: SecretRef,
    /// The secret that events are signed with.
    pub app_secret: SecretRef,
    /// The word that Meta says when it verifies the webhook.
    pub verify_token: SecretRef,
}
