//! What the engine tells of calls, for logs and, later, call records. Nothing here pins a generation.

use std::net::SocketAddr;
use std::sync::Arc;

use super::generation::Generation;
use crate::model::value::Name;
use crate::model::{RegistrationState, ResourceId, TrunkHealth};
use crate::routing::{Direction, TenantIndex, TrunkIndex};

/// What is known of a call from its beginning, in names that outlive its generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Counts the INVITEs of this run; what we call the call.
    pub number: u32,
    /// The Call-ID of the leg that began it.
    pub id: Box<str>,
    /// Which way.
    pub direction: Direction,
    /// Caller as presented.
    pub from: Box<str>,
    /// Called number as routed.
    pub to: Box<str>,
    /// The tenant.
    pub tenant: Option<ResourceId>,
    /// The trunk that it came from; an outbound call has none yet.
    pub trunk: Option<ResourceId>,
    /// The rule that routed it.
    pub rule: Option<ResourceId>,
    /// The number of the generation it is pinned to.
    pub generation: u64,
}

impl About {
    /// What we call the call, for people: `c2f`.
    pub fn name(&self) -> String {
        format!("c{:x}", self.number)
    }
}

/// The same in the terms of the generation that the call pins.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) about: Arc<About>,
    pub(super) direction: Direction,
    pub(super) generation: Arc<Generation>,
    pub(super) tenant: Option<TenantIndex>,
    pub(super) trunk: Option<TrunkIndex>,
}

impl Facts {
    /// The name of a trunk of the generation.
    pub(super) fn trunk_id(&self, trunk: Option<TrunkIndex>) -> Option<&ResourceId> {
        self.generation.table.trunk(trunk?).map(|entry| &entry.id)
    }
}

/// Something worth a line in the log.
#[derive(Debug, Clone)]
pub enum Event {
    /// A call was admitted and routed.
    Began(Arc<About>),
    /// An attempt failed and hunting goes on.
    Failover {
        /// Which call.
        about: Arc<About>,
        /// The trunk that was tried.
        trunk: Option<ResourceId>,
        /// `Refused`, `Silence`, or `Unreachable`: the request could not be sent, or reached nobody.
        reason: &'static str,
        /// Its SIP code; 408 for silence, 503 for who cannot be reached.
        code: u16,
    },
    /// It was answered.
    Answered(Arc<About>),
    /// It is over.
    Ended {
        /// Which call.
        about: Arc<About>,
        /// One CamelCase word.
        reason: &'static str,
        /// The final SIP code towards the caller, 200 for an answered call.
        code: u16,
        /// From INVITE to here, in whole seconds.
        seconds: u64,
    },
    /// A call was refused before anything was tried.
    Refused {
        /// Which call.
        about: Arc<About>,
        /// One CamelCase word.
        reason: &'static str,
        /// The SIP code that the caller got.
        code: u16,
    },
    /// The health of a trunk changed.
    Health(ResourceId, TrunkHealth),
    /// Something was refused or dropped; told now and then, with how often it has happened so far.
    Counted(&'static str, u64),
    /// Of the packets of nobody the one that is counted just before: where it came from.
    Stranger {
        /// The sender.
        source: SocketAddr,
        /// The Transport that it came to.
        transport: Option<Name>,
        /// The trunk that has its address, and in one CamelCase word why that was not it.
        near: Option<(ResourceId, &'static str)>,
    },
    /// A registration of ours came into another state; with the last code, if there was one.
    Registration(ResourceId, RegistrationState, Option<u16>),
}
