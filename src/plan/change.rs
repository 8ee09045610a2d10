//! What differs between two sets of resources, as values: one [`Change`] per resource.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::diag::Span;
use crate::model::{Kind, Resource, ResourceId, ResourceSet};

use super::fields::{self, Difference};

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It is new.
    Create,
    /// It says something else.
    Change,
    /// A field that cannot change in place does: deleted, then created.
    Replace,
    /// It is no longer declared.
    Delete,
}

impl Action {
    /// The word, as in JSON and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }

    /// The sign in front of a line.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Change => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
        }
    }
}

/// One field of a changed resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// `spec.destination.extension`; list items `spec.routes[0].trunk`, set items `spec.numbers[]`.
    pub path: String,
    /// The value before; `None` where there was none.
    pub old: Option<Value>,
    /// The value afterwards; `None` where there is none.
    pub new: Option<Value>,
    /// Where the new value stands.
    pub span: Option<Span>,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub action: Action,
    /// To whom.
    pub resource: ResourceId,
    /// Where it is declared; a deleted one is declared nowhere.
    pub span: Option<Span>,
    /// The fields that say something else, by name; empty for a creation or deletion.
    pub fields: Vec<FieldChange>,
    /// Why it cannot change in place, for a replacement.
    pub reason: Option<String>,
    /// What it means for calls in progress, one sentence.
    pub impact: Option<String>,
    /// As it is live; `None` for a creation.
    pub old: Option<Arc<Resource>>,
    /// As it is desired; `None` for a deletion.
    pub new: Option<Arc<Resource>>,
}

/// Fields that cannot change in place, and why.
const IMMUTABLE: &[(Kind, &str, &str)] = &[
    (Kind::Transport, "/spec/protocol", "a transport's protocol cannot change in place"),
    (Kind::Trunk, "/spec/brand", "a trunk's brand cannot change in place"),
    (Kind::Trunk, "/spec/type", "a trunk's type cannot change in place"),
];

/// Every difference, ordered by identity. Costs the change where both sets share their resources.
pub(super) fn changes(
    live: &ResourceSet,
    desired: &ResourceSet,
    span: &dyn Fn(&ResourceId, &str) -> Option<Span>,
) -> Vec<Change> {
    differing(live, desired)
        .into_iter()
        .filter_map(|id| change(id, live.get(id).cloned(), desired.get(id).cloned(), span))
        .collect()
}

/// The identities that one set has and the other has not, or has otherwise.
fn differing<'a>(live: &'a ResourceSet, desired: &'a ResourceSet) -> BTreeSet<&'a ResourceId> {
    let same = |one: &Arc<Resource>, other: &Arc<Resource>| Arc::ptr_eq(one, other) || one == other;
    let mut ids = BTreeSet::new();
    let mut old = live.iter().peekable();
    for (id, resource) in desired.iter() {
        while let Some((gone, _)) = old.next_if(|(other, _)| *other < id) {
            ids.insert(gone);
        }
        match old.next_if(|(other, _)| *other == id) {
            Some((_, before)) if same(before, resource) => {}
            _ => {
                ids.insert(id);
            }
        }
    }
    ids.extend(old.map(|(id, _)| id));
    ids.retain(|id| id.kind.is_ever_live());
    ids
}

fn change(
    id: &ResourceId,
    old: Option<Arc<Resource>>,
    new: Option<Arc<Resource>>,
    span: &dyn Fn(&ResourceId, &str) -> Option<Span>,
) -> Option<Change> {
    let differences = match (&old, &new) {
        (Some(old), Some(new)) => fields::differences(&canonical(old), &canonical(new)),
        _ => Vec::new(),
    };
    let action = match (&old, &new) {
        (None, _) => Action::Create,
        (_, None) => Action::Delete,
        _ if differences.is_empty() => return None,
        _ if immutable(id.kind, &differences).is_some() => Action::Replace,
        _ => Action::Change,
    };
    let reason = immutable(id.kind, &differences).map(str::to_owned);
    let fields = differences.into_iter().map(|found| FieldChange {
        span: span(id, &found.pointer),
        path: found.path,
        old: found.old,
        new: found.new,
    });
    let fields = fields.collect();
    let span = span(id, "").filter(|_| new.is_some());
    Some(Change { action, resource: id.clone(), span, fields, reason, impact: None, old, new })
}

fn immutable(kind: Kind, differences: &[Difference]) -> Option<&'static str> {
    let mut rules = IMMUTABLE.iter().filter(|(of, _, _)| *of == kind);
    rules
        .find(|(_, pointer, _)| differences.iter().any(|found| found.pointer == *pointer))
        .map(|(_, _, reason)| *reason)
}

/// The resource as canonical JSON, defaults filled in.
pub(super) fn canonical(resource: &Resource) -> Value {
    serde_json::to_value(resource).expect("a resource has text keys and plain values only")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_new_protocol_or_type_cannot_change_in_place() {
        let found = fields::differences(
            &json!({"spec": {"protocol": "udp", "type": "ip"}}),
            &json!({"spec": {"protocol": "tls", "type": "register"}}),
        );
        assert!(immutable(Kind::Transport, &found).unwrap().contains("protocol"));
        assert!(immutable(Kind::Trunk, &found).unwrap().contains("type"));
        assert_eq!(immutable(Kind::Tenant, &found), None);
    }
}
