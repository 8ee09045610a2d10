//! What a configuration is: resources, their values, and what is observed of them.
//!
//! The specs are the single source of the JSON Schemas and of the stored form: camelCase names,
//! unknown fields refused, defaults filled in. Nothing here knows spans, files or JSON text.
#![deny(clippy::disallowed_methods)]

mod id;
mod observed;
mod provider;
mod resource;
mod resource_set;
mod revision;
mod spec;
pub mod value;

pub use id::{Kind, ResourceId};
pub use observed::{
    CallState, Condition, Observed, ObservedCall, ObservedTransport, ObservedTrunk, TrunkHealth,
};
pub use resource::{API_VERSION, Metadata, Resource, Spec};
pub use resource_set::ResourceSet;
pub use revision::Revision;
pub use spec::{
    Destination, DidPool, Extension, InboundRule, KeepAlive, OutboundMatch, OutboundRoute,
    OutboundRule, Protocol, Tenant, TenantLimits, Transport, Trunk, TrunkLimits, TrunkType,
};
