//! What the trunk of an attempt says of going on to the next one.

use std::time::Duration;

use super::context::Party;
use super::{ATTEMPT_LIMIT, HUNT_BUDGET};
use crate::model::{Failover, TrunkType};
use crate::routing::{Table, TrunkIndex};

/// The rules of one attempt; a contact's are the standard ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'t> {
    said: Option<(&'t Failover, TrunkType)>,
}

impl<'t> Rules<'t> {
    pub(super) fn of(table: &'t Table, trunk: Option<TrunkIndex>) -> Self {
        let entry = trunk.and_then(|trunk| table.trunk(trunk));
        Self { said: entry.map(|entry| (&entry.spec.failover, entry.spec.trunk_type)) }
    }

    /// Those of who stands at the far end.
    pub(super) fn of_party(table: &'t Table, party: Option<Party>) -> Self {
        match party {
            Some(Party::Trunk(trunk)) => Self::of(table, Some(trunk)),
            Some(Party::Tenant(_)) | None => Self { said: None },
        }
    }

    /// How long it may stay without ringing or an answer.
    pub(super) fn attempt_timeout(self) -> Duration {
        self.said.map_or(ATTEMPT_LIMIT, |(rules, _)| rules.attempt_timeout.duration())
    }

    /// How long after the call's beginning it may begin, and go on without ringing.
    pub(super) fn total_timeout(self) -> Duration {
        self.said.map_or(HUNT_BUDGET, |(rules, _)| rules.total_timeout.duration())
    }

    /// Whether its failure makes the next one worth trying; silence is none of the codes. A far end
    /// that is busy or will not be called stops the hunt whatever the manifest says (engine.md G34).
    pub(super) fn lead_on(self, code: Option<u16>, rang: bool) -> bool {
        let after_progress = self.said.is_some_and(|(rules, _)| rules.after_progress);
        let codes = self.said.and_then(|(rules, _)| rules.codes.as_deref());
        let teams = self.said.is_some_and(|(_, kind)| kind == TrunkType::Teams);
        let leads = match (code, codes) {
            (None, _) => true,
            (Some(486 | 487 | 600..), _) => false,
            (Some(code), Some(codes)) => codes.iter().any(|range| range.contains(code)),
            (Some(500 | 502), None) => !teams,
            (Some(code), None) => matches!(code, 408 | 503 | 504),
        };
        leads && (!rang || after_progress)
    }
}
