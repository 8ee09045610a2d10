//! What a plan may not take away, though nothing uses it: protected resources (TL802), too much of
//! one owner at once (TL803), everything (TL804).
//!
//! The limits are the stricter ones of the live and the desired Policy, so that no revision can
//! relax the guard and use that in one go; without a Policy the defaults hold.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};
use crate::model::value::Name;
use crate::model::{Deletions, Kind, PREVENT_DESTROY, Policy, ResourceId, ResourceSet};

use super::{Action, Change};

/// Owners with at most this many live resources have no limit in percent: one of three is 33 %.
const MAX_UNCOUNTED: u64 = 10;

/// Why these changes may not be made as far as they delete; empty where they may.
pub(super) fn refusals(
    live: &ResourceSet,
    desired: &ResourceSet,
    changes: &[Change],
    span: &dyn Fn(&ResourceId, &str) -> Option<Span>,
) -> Vec<Diagnostic> {
    let empty = is_empty(desired) && !is_empty(live);
    if empty && !Guards::of(live, desired).allow_empty {
        return vec![emptied(live)];
    }
    let protected = changes.iter().filter(|change| destroys_protected(change)).map(protected);
    let mut found: Vec<_> = protected.collect();
    // Who may delete everything may delete much.
    if !empty {
        found.extend(too_many(live, desired, changes, span));
    }
    found
}

/// Whether nothing is declared that would be live.
fn is_empty(set: &ResourceSet) -> bool {
    set.iter().all(|(id, _)| !id.kind.is_ever_live())
}

fn emptied(live: &ResourceSet) -> Diagnostic {
    let count = live.iter().filter(|(id, _)| id.kind.is_ever_live()).count();
    let message = match count {
        1 => "the new revision is empty: the one live resource would go".to_owned(),
        count => format!("the new revision is empty: all {count} live resources would go"),
    };
    Diagnostic::new(Code::TL804, message).help(
        "if the directory was moved or is not mounted, put it back; to delete everything, first apply a revision whose Policy says `allowEmpty: true`, then this one",
    )
}

fn destroys_protected(change: &Change) -> bool {
    let destroys = matches!(change.action, Action::Delete | Action::Replace);
    destroys && change.old.as_ref().is_some_and(|old| old.metadata.is_protected())
}

fn protected(change: &Change) -> Diagnostic {
    let id = &change.resource;
    let (message, help) = match &change.reason {
        Some(reason) => (
            format!("{id} is protected, and would be deleted and created again: {reason}"),
            format!(
                "first apply a revision that takes `{PREVENT_DESTROY}` out of its annotations and changes nothing else of it, then this one; or leave it as it is"
            ),
        ),
        None => (
            format!("{id} is protected, and would be deleted"),
            format!(
                "put its manifest back without the annotation `{PREVENT_DESTROY}`, apply that, then delete it; or put it back as it was"
            ),
        ),
    };
    Diagnostic::new(Code::TL802, message).of(id).at(change.span).help(help)
}

/// What the two Policies allow together.
#[derive(Debug)]
struct Guards {
    deletions: Deletions,
    allow_empty: bool,
}

impl Guards {
    fn of(live: &ResourceSet, desired: &ResourceSet) -> Self {
        let policy =
            |set: &ResourceSet| set.policies().next().map(|(_, policy)| Self::from(policy));
        let live = policy(live)
            .unwrap_or_else(|| Self { deletions: Deletions::default(), allow_empty: false });
        match policy(desired) {
            Some(desired) => live.and(&desired),
            None => live,
        }
    }

    fn and(&self, other: &Self) -> Self {
        let counts = [self.deletions.max_count, other.deletions.max_count];
        let max_count = counts.into_iter().flatten().min();
        let max_percent = self.deletions.max_percent.min(other.deletions.max_percent);
        let allow_empty = self.allow_empty && other.allow_empty;
        Self { deletions: Deletions { max_count, max_percent }, allow_empty }
    }

    /// How many of `total` may go, and the words for that limit.
    fn allowed(&self, total: u64) -> Option<(u64, String)> {
        let Deletions { max_count, max_percent } = self.deletions;
        let count = max_count.map(u64::from);
        let share = (total > MAX_UNCOUNTED).then(|| total * u64::from(max_percent) / 100);
        match (count, share) {
            (Some(count), share) if share.is_none_or(|share| count <= share) => {
                Some((count, format!("maxCount: {count}")))
            }
            (_, share) => share.map(|share| (share, format!("maxPercent: {max_percent}"))),
        }
    }
}

impl From<&Policy> for Guards {
    fn from(policy: &Policy) -> Self {
        Self { deletions: policy.deletions.clone(), allow_empty: policy.allow_empty }
    }
}

/// The live resources of one owner: how many there are, and how many go.
#[derive(Debug, Default)]
struct Owned {
    total: u64,
    deleted: u64,
}

/// One refusal for each owner who would lose more than is allowed.
fn too_many(
    live: &ResourceSet,
    desired: &ResourceSet,
    changes: &[Change],
    span: &dyn Fn(&ResourceId, &str) -> Option<Span>,
) -> Vec<Diagnostic> {
    if !changes.iter().any(|change| change.action == Action::Delete) {
        return Vec::new();
    }
    let mut owners: BTreeMap<Option<&Name>, Owned> = BTreeMap::new();
    for (id, _) in live.iter().filter(|(id, _)| id.kind.is_ever_live()) {
        owners.entry(id.tenant.as_ref()).or_default().total += 1;
    }
    for change in changes.iter().filter(|change| change.action == Action::Delete) {
        owners.entry(change.resource.tenant.as_ref()).or_default().deleted += 1;
    }
    let guards = Guards::of(live, desired);
    let policy = desired.policies().next().map(|(id, _)| id);
    let place = policy.and_then(|id| span(id, "/spec/deletions"));
    let refused = owners.into_iter().filter_map(|(owner, owned)| {
        let (allowed, limit) = guards.allowed(owned.total)?;
        (owned.deleted > allowed).then(|| {
            over(owner, &owned, (allowed, &limit), raised(live, desired, &owned)).at(place)
        })
    });
    refused.collect()
}

/// What a Policy would have to say of deletions so that they pass; `None` where the desired one
/// says so already, and only the live one does not yet.
fn raised(live: &ResourceSet, desired: &ResourceSet, owned: &Owned) -> Option<String> {
    let alone = |set: &ResourceSet| Guards::of(set, &ResourceSet::default());
    let passes = |guards: &Guards| {
        guards.allowed(owned.total).is_none_or(|(allowed, _)| owned.deleted <= allowed)
    };
    if passes(&alone(desired)) && desired.policies().next().is_some() {
        return None;
    }
    let both = Guards::of(live, desired).deletions;
    let percent = (owned.deleted * 100).div_ceil(owned.total.max(1));
    let share = owned.total > MAX_UNCOUNTED && percent > u64::from(both.max_percent);
    let share = share.then(|| format!("maxPercent: {percent}"));
    let count = both.max_count.filter(|count| u64::from(*count) < owned.deleted);
    let count = count.map(|_| format!("maxCount: {}", owned.deleted));
    Some(count.into_iter().chain(share).collect::<Vec<_>>().join(", "))
}

fn over(
    owner: Option<&Name>,
    owned: &Owned,
    (allowed, limit): (u64, &str),
    raised: Option<String>,
) -> Diagnostic {
    let Owned { total, deleted } = *owned;
    let whose = match owner {
        Some(tenant) => format!("tenant `{tenant}`"),
        None => "the system scope".to_owned(),
    };
    let verb = if deleted == 1 { "is" } else { "are" };
    let message = format!(
        "{deleted} of the {total} live resources of {whose} {verb} to be deleted ({}), the limit is {allowed} (`deletions: {{{limit}}}`)",
        percent(deleted, total),
    );
    let first = match raised {
        Some(raised) => {
            format!(
                "first apply a revision whose Policy says `deletions: {{{raised}}}`, then this one"
            )
        }
        None => "first apply the new Policy alone: until then the former limit holds".to_owned(),
    };
    let help = match allowed {
        0 => first,
        allowed => format!("delete at most {allowed} in one revision; or {first}"),
    };
    let told = Diagnostic::new(Code::TL803, message).help(help);
    match owner {
        Some(tenant) => told.of(ResourceId::system(Kind::Tenant, tenant.clone())),
        None => told,
    }
}

/// A share with one decimal where it needs one, rounded up so that it never reads as the limit.
fn percent(part: u64, whole: u64) -> String {
    let tenths = (part * 1000).div_ceil(whole.max(1));
    match tenths % 10 {
        0 => format!("{} %", tenths / 10),
        tenth => format!("{}.{tenth} %", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards(max_count: Option<u32>, max_percent: u32) -> Guards {
        Guards { deletions: Deletions { max_count, max_percent }, allow_empty: false }
    }

    #[test]
    fn the_tighter_limit_counts_and_ten_resources_have_none_in_percent() {
        let allowed = |guards: &Guards, total| guards.allowed(total).map(|(count, _)| count);
        for (guards, total, expected) in [
            (guards(None, 30), 10, None),
            (guards(None, 30), 11, Some(3)),
            (guards(None, 30), 20, Some(6)),
            (guards(None, 0), 11, Some(0)),
            (guards(None, 100), 11, Some(11)),
            (guards(Some(5), 30), 10, Some(5)),
            (guards(Some(5), 30), 11, Some(3)),
            (guards(Some(5), 30), 100, Some(5)),
        ] {
            assert_eq!(allowed(&guards, total), expected, "{guards:?} of {total}");
        }
    }

    #[test]
    fn of_two_policies_the_stricter_counts() {
        let both = guards(Some(5), 100).and(&guards(None, 40));
        assert_eq!(both.deletions, Deletions { max_count: Some(5), max_percent: 40 });
        let both = guards(Some(5), 10).and(&guards(Some(3), 40));
        assert_eq!(both.deletions, Deletions { max_count: Some(3), max_percent: 10 });
    }

    #[test]
    fn shares_have_a_decimal_where_they_need_one() {
        assert_eq!(percent(12, 20), "60 %");
        assert_eq!(percent(7, 22), "31.9 %");
        assert_eq!(percent(3001, 10_000), "30.1 %");
    }
}
