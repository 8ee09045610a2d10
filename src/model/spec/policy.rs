//! Guards of the repository itself.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, Seconds, default, form};

/// Guards of the repository itself; one for each repository, in a file of the system's scope: below
/// `tenants/<name>/` a Policy counts for nothing. Example: `{"deletions": {"maxPercent": 10}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Whose files are whose: path globs, relative to the root, with their owner. `*` stays in its
    /// folder, `**` does not; of several that match the longest decides. Absent:
    /// `tenants/<name>/**` belongs to that tenant, all else to the System Admin.
    /// Example: `{"customers/acme/**": {"tenant": "acme"}, "shared/**": "system"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scopes")]
    pub scopes: Option<BTreeMap<String, ScopeOwner>>,
    /// Who may sign commits that touch a scope.
    /// Example: `[{"scope": "system", "files": ["signers/admins"]}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub signers: Vec<Signers>,
    /// Whether what is gone from the repository is deleted.
    #[serde(default = "default::yes")]
    pub prune: bool,
    /// How much one revision may delete.
    #[serde(default)]
    pub deletions: Deletions,
    /// Which tenants' pools must not overlap: those at one provider, or all. Example: `provider`.
    #[serde(default)]
    pub did_overlap: DidOverlap,
    /// How calls of a removed trunk end.
    #[serde(default)]
    pub drain: Drain,
    /// Whether a revision without any resource is taken; a live Policy has to say so before it.
    #[serde(default)]
    pub allow_empty: bool,
}

fn scopes(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let owner = generator.subschema_for::<ScopeOwner>();
    schemars::json_schema!({"type": "object", "additionalProperties": owner})
}

/// Who owns a scope: the word `system`, or a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScopeOwner {
    /// The System Admin.
    System,
    /// A tenant's administrators.
    Tenant(Name),
}

impl FromStr for ScopeOwner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "system" {
            return Ok(Self::System);
        }
        let tenant = text.strip_prefix("tenant:").map(str::trim);
        let tenant = tenant.ok_or_else(|| {
            format!("`{text}` is neither `system` nor a tenant: write `tenant: NAME`")
        })?;
        tenant.parse().map(Self::Tenant)
    }
}

/// The mapping form of a tenant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantOwner {
    tenant: Name,
}

impl Serialize for ScopeOwner {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::System => serializer.serialize_str("system"),
            Self::Tenant(tenant) => TenantOwner { tenant: tenant.clone() }.serialize(serializer),
        }
    }
}

/// Reads the written forms of a [`ScopeOwner`].
struct Owner;

impl<'de> serde::de::Visitor<'de> for Owner {
    type Value = ScopeOwner;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("`system` or `tenant: NAME`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ScopeOwner, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<ScopeOwner, A::Error> {
        let map = serde::de::value::MapAccessDeserializer::new(map);
        TenantOwner::deserialize(map).map(|owner| ScopeOwner::Tenant(owner.tenant))
    }
}

impl<'de> Deserialize<'de> for ScopeOwner {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Owner)
    }
}

impl JsonSchema for ScopeOwner {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ScopeOwner".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let tenant = generator.subschema_for::<Name>();
        let published = form::choice(&[
            serde_json::json!({"type": "string", "enum": ["system"]}),
            serde_json::json!({"type": "string", "pattern": "^tenant: *[a-z0-9-]+$"}),
            form::block_of("tenant", &owner_name(&tenant)),
        ]);
        schemars::json_schema!({
            "type": ["string", "object"],
            "pattern": "^(system|tenant: *[a-z0-9-]+)$",
            "properties": {"tenant": tenant},
            "required": ["tenant"],
            "additionalProperties": false,
            "x-published": published,
            "description": "The word `system`, or `tenant: NAME`",
            "examples": ["system", {"tenant": "acme"}]
        })
    }
}

fn owner_name(name: &schemars::Schema) -> serde_json::Value {
    let mut name = name.clone();
    name.insert("description".to_owned(), "The tenant's name".into());
    name.to_value()
}

/// Who may sign commits that touch a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-published" = {"anyOf": [
    {"title": "keys", "required": ["keys"]}, {"title": "files", "required": ["files"]}
]}))]
pub struct Signers {
    /// The scope: `system`, or `tenant: NAME`. Example: `system`.
    pub scope: ScopeOwner,
    /// Lines as in OpenSSH's allowed-signers file.
    /// Example: `["admin@example.net ssh-ed25519 AAAA…"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub keys: Vec<String>,
    /// Allowed-signers files, relative to the root. Example: `["signers/admins"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub files: Vec<String>,
}

/// How much one revision may delete, of the live resources of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deletions {
    /// At most this many; absent: no such limit. Example: `50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u32>,
    /// At most this share in percent; counted only above 10 resources. Example: `30`.
    #[serde(default = "default::thirty")]
    #[schemars(range(max = 100))]
    pub max_percent: u32,
}

impl Default for Deletions {
    fn default() -> Self {
        Self { max_count: None, max_percent: default::thirty() }
    }
}

/// Which pools must not overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DidOverlap {
    /// Those of two tenants at one provider.
    #[default]
    Provider,
    /// Those of two tenants anywhere.
    Global,
}

/// How calls of a removed trunk end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Drain {
    /// How long calls in progress may go on. Example: `1h`.
    #[serde(default = "default::hour")]
    pub timeout: Seconds,
    /// Whether calls still in progress then are ended.
    #[serde(default)]
    pub force: bool,
}

impl Default for Drain {
    fn default() -> Self {
        Self { timeout: default::hour(), force: false }
    }
}
