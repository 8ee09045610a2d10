//! What the engine tells of calls as they happen, for logs and, later, call records.

use std::sync::Arc;

use super::generation::Generation;
use crate::model::{ResourceId, TrunkHealth};
use crate::routing::{Direction, RuleIndex, TenantIndex, TrunkIndex};

/// What is known of a call from its beginning.
#[derive(Debug)]
pub struct Facts {
    /// The Call-ID of the leg that began it.
    pub id: Box<str>,
    /// Which way.
    pub direction: Direction,
    /// Caller as presented.
    pub from: Box<str>,
    /// Called number as routed.
    pub to: Box<str>,
    pub(super) generation: Arc<Generation>,
    pub(super) tenant: Option<TenantIndex>,
    pub(super) trunk: Option<TrunkIndex>,
    pub(super) rule: Option<RuleIndex>,
}

impl Facts {
    /// The number of the generation it is pinned to.
    pub fn generation(&self) -> u64 {
        self.generation.number
    }

    /// The tenant.
    pub fn tenant(&self) -> Option<&ResourceId> {
        self.generation.table.tenant(self.tenant?).map(|entry| &entry.id)
    }

    /// The trunk that it came from; an outbound call has none yet.
    pub fn trunk(&self) -> Option<&ResourceId> {
        self.generation.table.trunk(self.trunk?).map(|entry| &entry.id)
    }

    /// The rule that routed it.
    pub fn rule(&self) -> Option<&ResourceId> {
        self.generation.table.rule_id(self.rule?)
    }
}

/// Something worth a line in the log.
#[derive(Debug, Clone)]
pub enum Event {
    /// A call was admitted and routed.
    Began(Arc<Facts>),
    /// An attempt failed and hunting goes on; with the SIP code, 408 for silence.
    Failover(Arc<Facts>, u16),
    /// It was answered.
    Answered(Arc<Facts>),
    /// It is over.
    Ended {
        /// Which call.
        facts: Arc<Facts>,
        /// One CamelCase word.
        reason: &'static str,
        /// The final SIP code towards the caller, 200 for an answered call.
        code: u16,
        /// From INVITE to here, in whole seconds.
        seconds: u64,
    },
    /// The health of a trunk changed.
    Health(ResourceId, TrunkHealth),
}
