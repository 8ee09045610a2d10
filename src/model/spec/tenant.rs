//! Customers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Host, Name, PhoneNumber, SipTarget, default, form};

/// A customer: SIP domain, number plan, limits, lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// The name for people; absent: the resource's name. Example: `Acme Ltd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::text_of_1024")]
    pub display_name: Option<String>,
    /// The tenant's SIP domain, unique among all tenants; it need not resolve in DNS.
    /// Example: `acme.voice.example.net`.
    pub sip_domain: Host,
    /// Whether calls from and to this tenant are accepted.
    #[serde(default = "default::yes")]
    pub enabled: bool,
    /// The IANA time zone. Example: `Europe/London`.
    #[serde(default = "default::utc")]
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$")
    )]
    pub timezone: String,
    /// The country code, digits only. Example: `"44"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::country_code")]
    pub country_code: Option<String>,
    /// The area code, without the national prefix. Example: `"20"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::digits")]
    pub area_code: Option<String>,
    /// How dialled numbers are normalised before outbound rules look at them.
    #[serde(default)]
    pub e164: E164,
    /// Limits on this tenant's calls.
    #[serde(default)]
    pub limits: TenantLimits,
    /// The company's caller IDs, one for each trunk; extension and route come before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub caller_ids: Vec<CallerId>,
    /// The countries that may be called, by country code; absent: all. Example: `["44", "1"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::country_codes")]
    pub allowed_countries: Option<Vec<String>>,
    /// Numbers that begin with one of these are not called. Example: `["900"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "form::dialled_list")]
    pub blocked_prefixes: Vec<String>,
    /// Numbers that are not called. Example: `["442079460999"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "form::dialled_list")]
    pub blocked_numbers: Vec<String>,
    /// Emergency numbers: they bypass limits, hours and lists. Example: `["112", "999"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "form::dialled_list")]
    pub emergency_numbers: Vec<String>,
    /// The tenant's office hours: the name of a Schedule. Example: `office`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Name>,
    /// Where voicemail is; `{extension}` in the user part is filled in.
    /// Example: `sip:{extension}@192.0.2.40`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voicemail: Option<SipTarget>,
    /// Headers that every call of the tenant carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub custom_headers: Vec<CustomHeader>,
    /// What the tenant's own administrators may declare.
    #[serde(default)]
    pub features: Features,
}

/// Number processing of a tenant (`domain.md` section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct E164 {
    /// Whether a leading `+` is processed.
    #[serde(default)]
    pub enabled: bool,
    /// What an international call is dialled with. Example: `"00"`.
    #[serde(default = "default::international")]
    #[schemars(schema_with = "form::digits")]
    pub international_code: String,
    /// What a national call is dialled with. Example: `"0"`.
    #[serde(default = "default::national")]
    #[schemars(schema_with = "form::digits")]
    pub national_code: String,
    /// What is put in front of every processed number. Example: `"9"`.
    #[serde(default)]
    #[schemars(schema_with = "form::digits")]
    pub prefix: String,
    /// Whether `(`, `)` and blanks are dropped from a dialled number.
    #[serde(default)]
    pub remove_special_chars: bool,
    /// Whether the own country code is dropped after `+`.
    #[serde(default = "default::yes")]
    pub remove_duplicate_countries: bool,
    /// Whether the own area code is dropped after the own country code.
    #[serde(default = "default::yes")]
    pub remove_duplicate_area_codes: bool,
}

impl Default for E164 {
    fn default() -> Self {
        Self {
            enabled: false,
            international_code: default::international(),
            national_code: default::national(),
            prefix: String::new(),
            remove_special_chars: false,
            remove_duplicate_countries: true,
            remove_duplicate_area_codes: true,
        }
    }
}

/// Limits of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantLimits {
    /// Calls at the same time, both directions. Example: `20`.
    #[serde(default = "default::twenty")]
    pub concurrent_calls: u32,
    /// New calls in a second; absent: no limit. Example: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<u32>,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self { concurrent_calls: default::twenty(), calls_per_second: None }
    }
}

/// What is shown to the called on one trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallerId {
    /// The trunk's name: the tenant's own, else the system's. Example: `carrier-a`.
    pub trunk: Name,
    /// The number, one of the tenant's pool on that trunk. Example: `442079460000`.
    pub number: PhoneNumber,
    /// The name beside it. Example: `Acme Ltd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "form::text_of_128")]
    pub display_name: Option<String>,
}

/// A header that is added to calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomHeader {
    /// The header's name, 2 to 32 characters. Example: `X-Customer`.
    #[schemars(length(min = 2, max = 32), regex(pattern = "^[A-Za-z][A-Za-z0-9-]*$"))]
    pub name: String,
    /// Its value, 1 to 64 visible characters. Example: `acme`.
    #[schemars(schema_with = "header_value")]
    pub value: String,
    /// Which calls carry it. Example: `trunk`.
    #[serde(default)]
    pub scope: HeaderScope,
}

fn header_value(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": ["string", "integer"], "pattern": "^[ -~]{1,64}$"})
}

/// Which legs carry a header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HeaderScope {
    /// Every leg.
    #[default]
    All,
    /// Legs to trunks.
    Trunk,
    /// Legs to the tenant's side.
    User,
}

/// What a tenant's administrators may declare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Features {
    /// Trunks of their own.
    #[serde(default = "default::yes")]
    pub tenant_trunks: bool,
    /// Microsoft Teams trunks.
    #[serde(default = "default::yes")]
    pub teams: bool,
    /// WhatsApp trunks.
    #[serde(default = "default::yes")]
    pub whats_app: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self { tenant_trunks: true, teams: true, whats_app: true }
    }
}
