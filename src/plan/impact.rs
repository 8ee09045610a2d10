//! What a change means for calls in progress: they go on as they began, and are told about.

use crate::model::{Kind, Observed};

use super::Change;

/// One sentence, if calls in progress run over what changes.
pub(super) fn impact(change: &Change, observed: Option<&Observed>) -> Option<String> {
    let observed = observed?;
    let name = change.resource.to_string();
    let calls = match change.resource.kind {
        Kind::Trunk => {
            let trunks = observed.trunks.iter().filter(|trunk| trunk.resource == name);
            trunks.map(|trunk| u64::from(trunk.active_calls)).sum()
        }
        Kind::Transport => observed.active_calls,
        Kind::Tenant => {
            let tenant = change.resource.name.as_str();
            count(observed, |call| call.tenant == tenant)
        }
        Kind::InboundRule | Kind::OutboundRule => count(observed, |call| call.rule == name),
        Kind::RouteTest | Kind::Policy => return None,
        Kind::DidPool | Kind::Extension | Kind::Schedule => {
            let tenant = change.resource.tenant.as_ref()?.as_str();
            count(observed, |call| call.tenant == tenant)
        }
    };
    let shown = match calls {
        0 => return None,
        1 => "1 call in progress goes on as it began".to_owned(),
        calls => format!("{calls} calls in progress go on as they began"),
    };
    Some(shown)
}

fn count(observed: &Observed, of: impl Fn(&crate::model::ObservedCall) -> bool) -> u64 {
    let found = observed.calls.iter().filter(|call| of(call)).count();
    u64::try_from(found).unwrap_or(u64::MAX)
}
