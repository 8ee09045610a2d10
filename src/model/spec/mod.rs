//! The specs of the kinds. Field documentation is what editors and `explain` show.

mod default;
mod form;
mod inbound;
mod outbound;
mod parameters;
mod policy;
mod pool;
mod route_test;
mod schedule;
mod tenant;
mod transport;
mod trunk;

pub use form::block_of;
pub use inbound::{Destination, DestinationField, Exception, InboundRule, Usage, When};
pub use outbound::{OutboundMatch, OutboundRoute, OutboundRule, Strategy};
pub use parameters::{
    AddressSlots, HostSlot, HostWord, InboundParameters, InboundSource, NamedSlots,
    OutboundParameters, Privacy, RemovableSlots, UserSlot, UserWord,
};
pub use policy::{Deletions, DidOverlap, Drain, Policy, ScopeOwner, Signers};
pub use pool::{DidPool, Extension, PhoneRegistration};
pub use route_test::{Expectation, InboundCall, OutboundCall, RouteTest};
pub use schedule::{Holiday, OpenHours, Schedule, Weekly};
pub use tenant::{CallerId, CustomHeader, E164, Features, HeaderScope, Tenant, TenantLimits};
pub use transport::{
    ClientCertificate, ListenerTls, Protocol, TlsVersion, Transport, UnknownSources,
};
pub use trunk::{
    Failover, KeepAlive, Media, NumberFormat, OutboundProxy, Passage, Redirect, Refer, Registrar,
    Registration, SessionTimer, TYPE_BLOCKS, Teams, Trunk, TrunkLimits, TrunkTls, TrunkType,
    WhatsApp,
};

use super::brand::Brand;
use super::value::{
    CallerMask, Cidr, Date, DidMatch, DidSet, Host, Name, Number, NumberRange, PhoneNumber,
    Seconds, SecretRef, SipTarget, SourceAddress, StatusRange, TimeRange, Timestamp,
};
