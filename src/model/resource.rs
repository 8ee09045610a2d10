//! One resource: who it is and what it says.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::{Kind, ResourceId};
use super::spec::{
    DidPool, Extension, InboundRule, OutboundRule, Policy, RouteTest, Schedule, Tenant, Transport,
    Trunk,
};
use super::value::Name;

/// The one API version that this build reads.
pub const API_VERSION: &str = "trunkline.dev/v1";

/// The annotation that keeps a live resource from being deleted or replaced.
pub const PREVENT_DESTROY: &str = "trunkline.dev/prevent-destroy";

/// Identity and notes of a resource, as under `metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// An RFC 1123 label of at most 63 characters, unique per kind and tenant. Example: `sales`.
    pub name: Name,
    /// The owning tenant; absent means the system scope. Example: `acme`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Free labels; the prefix `trunkline.dev/` is ours. Example: `{"team": "sales"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub labels: BTreeMap<String, String>,
    /// Free notes; the prefix `trunkline.dev/` is ours.
    /// Example: `{"trunkline.dev/prevent-destroy": "true"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "notes")]
    pub annotations: BTreeMap<String, String>,
}

impl Metadata {
    /// Whether the resource, once live, may not be deleted or replaced.
    pub fn is_protected(&self) -> bool {
        self.annotations.get(PREVENT_DESTROY).is_some_and(|value| value == "true")
    }
}

/// Values are texts; `on: true` and `floor: 3` are read as they are written.
fn texts(form: &str) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": {
            "type": ["string", "integer", "boolean"], "maxLength": 65536, "format": form
        }
    })
}

fn labels(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    texts("Label")
}

fn notes(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    texts("Note")
}

/// What a resource says, by kind. On the wire: the fields `kind` and `spec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "spec")]
pub enum Spec {
    /// Guards of the repository.
    Policy(Policy),
    /// A local SIP listener.
    Transport(Transport),
    /// A customer.
    Tenant(Box<Tenant>),
    /// A link to a provider.
    Trunk(Box<Trunk>),
    /// The numbers a tenant owns on one trunk.
    DidPool(DidPool),
    /// Office hours and holidays.
    Schedule(Schedule),
    /// Numbers on the tenant's side.
    Extension(Extension),
    /// From a trunk's number to a destination.
    InboundRule(InboundRule),
    /// From a dialled number to trunks.
    OutboundRule(OutboundRule),
    /// An expected outcome of one call.
    RouteTest(RouteTest),
}

impl Spec {
    /// The kind that this is the spec of.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Policy(_) => Kind::Policy,
            Self::Schedule(_) => Kind::Schedule,
            Self::RouteTest(_) => Kind::RouteTest,
            Self::Transport(_) => Kind::Transport,
            Self::Tenant(_) => Kind::Tenant,
            Self::Trunk(_) => Kind::Trunk,
            Self::DidPool(_) => Kind::DidPool,
            Self::Extension(_) => Kind::Extension,
            Self::InboundRule(_) => Kind::InboundRule,
            Self::OutboundRule(_) => Kind::OutboundRule,
        }
    }
}

/// One resource. Serialises as `{metadata, kind, spec}`, the stored form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Identity and notes.
    pub metadata: Metadata,
    /// Kind and content.
    #[serde(flatten)]
    pub spec: Spec,
}

impl Resource {
    /// The same resource with another spec of its kind.
    pub fn with(&self, spec: Spec) -> Arc<Self> {
        Arc::new(Self { metadata: self.metadata.clone(), spec })
    }

    /// The identity.
    pub fn id(&self) -> ResourceId {
        ResourceId {
            kind: self.spec.kind(),
            tenant: self.metadata.tenant.clone(),
            name: self.metadata.name.clone(),
        }
    }
}
