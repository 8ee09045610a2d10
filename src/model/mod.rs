//! What a configuration is: resources, their values, and what is observed of them.
//!
//! The specs are the single source of the JSON Schemas and of the stored form: camelCase names,
//! unknown fields refused, defaults filled in. Nothing here knows spans, files or JSON text.
#![deny(clippy::disallowed_methods)]

mod brand;
mod commit;
mod id;
mod observed;
mod preset;
mod provider;
mod recorded;
mod resource;
mod resource_set;
mod revision;
mod secret;
mod server;
mod spec;
pub mod value;

pub use brand::{BRANDS, Brand};
pub use commit::{Commit, ObjectId, Signature, SignatureForm};
pub use id::{Kind, ResourceId};
pub use observed::{
    CallState, Condition, Observed, ObservedBinding, ObservedCall, ObservedRegistration,
    ObservedStrangers, ObservedTarget, ObservedTransport, ObservedTrunk, ObservedWaiting,
    RegistrationState, TrunkHealth,
};
pub use preset::{Preset, PresetDefaults, brand_labels, preset};
pub use recorded::{CallRecord, EventLine, RecordedMessage};
pub use resource::{API_VERSION, Metadata, PREVENT_DESTROY, Resource, Spec};
pub use resource_set::ResourceSet;
pub use revision::Revision;
pub use secret::{
    LookUp, Outside, REGISTER_PASSWORD, REGISTRAR_PASSWORD, REGISTRATION_PASSWORD, Resolved,
    Secret, inline_pem, outside,
};
pub use server::ServerName;
pub use spec::{
    AddressSlots, CallerId, ClientCertificate, CustomHeader, Deletions, Destination,
    DestinationField, DidOverlap, DidPool, Drain, E164, Exception, Expectation, Extension,
    Failover, Features, HeaderScope, Holiday, HostSlot, HostWord, InboundCall, InboundParameters,
    InboundRule, InboundSource, KeepAlive, ListenerTls, Media, NamedSlots, NumberFormat, OpenHours,
    OutboundCall, OutboundMatch, OutboundParameters, OutboundProxy, OutboundRoute, OutboundRule,
    Passage, PhoneRegistration, Policy, Privacy, Protocol, Redirect, Refer, Registrar,
    Registration, RemovableSlots, RouteTest, Schedule, ScopeOwner, SessionTimer, Signers, Strategy,
    TYPE_BLOCKS, Teams, Tenant, TenantLimits, TlsVersion, Transport, Trunk, TrunkLimits, TrunkTls,
    TrunkType, UnknownSources, Usage, UserSlot, UserWord, Weekly, WhatsApp, When, block_of,
};
