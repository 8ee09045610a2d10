//! Rules about inbound rules.

use std::collections::BTreeMap;

use super::overlap;
use crate::diag::{Code, Diagnostic};
use crate::model::value::{DidMatch, Name};
use crate::model::{Destination, InboundRule, Kind, ResourceId};
use crate::validate::context::{Context, TrunkName, listed, number_set};

/// The tenant of a rule with the trunk that the rule means, where both are known.
fn on_trunk<'a>(
    context: &Context<'a>,
    id: &'a ResourceId,
    rule: &InboundRule,
) -> Option<(&'a Name, ResourceId)> {
    let tenant = id.tenant.as_ref()?;
    match context.trunk(Some(tenant), &rule.trunk) {
        TrunkName::Is(trunk) => Some((tenant, trunk)),
        TrunkName::Refused | TrunkName::OfTenant(_) | TrunkName::Nothing => None,
    }
}

/// Numbers of a rule that the tenant does not own on the rule's trunk.
pub(super) fn tl501_outside_pool(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut sets = BTreeMap::new();
    for (id, rule) in context.set.inbound_rules() {
        let DidMatch::Range(range) = rule.did else { continue };
        let Some((tenant, trunk)) = on_trunk(context, id, rule) else { continue };
        // Without any pool there, the whole rule is at fault: TL506.
        let Some(items) = context.pool_items(&trunk, tenant) else { continue };
        if context.declared.may_have(Kind::DidPool, Some(tenant)) {
            continue;
        }
        let set = sets.entry((tenant, trunk)).or_insert_with(|| {
            // Merged once: each look-up merges again, which is then linear in disjoint ranges.
            crate::model::value::DidSet::new(number_set(items).merged())
        });
        let missing = set.uncovered(range);
        if missing.is_empty() {
            continue;
        }
        let message = format!(
            "tenant `{tenant}` has no pool on trunk `{}` with {}",
            rule.trunk,
            listed(&missing)
        );
        let pool = items.first().and_then(|item| context.span(&item.pool, "/spec/numbers"));
        found.push(
            context
                .diagnostic(Code::TL501, id, "/spec/did", message)
                .related(pool, "the pool")
                .help("add the numbers to a DidPool of the tenant, or correct `did`"),
        );
    }
}

/// Two enabled rules of one trunk that answer the same numbers.
pub(super) fn tl502_same_numbers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut ranges: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut any: BTreeMap<_, &ResourceId> = BTreeMap::new();
    let mut clash =
        |id: &ResourceId, other: &ResourceId, shared: String| {
            let conflict = context.conflict(Code::TL502, "/spec/did", (id, other), |_, other| {
                format!("rule `{}` answers {shared} too", other.name)
            });
            found.push(conflict.help(
                "leave each number to one enabled rule; `\"*\"` takes what no other rule does",
            ));
        };
    for (id, rule) in context.set.inbound_rules().filter(|(_, rule)| rule.enabled) {
        let Some(place) = on_trunk(context, id, rule) else { continue };
        match rule.did {
            DidMatch::Range(range) => ranges.entry(place).or_default().push((range, id)),
            DidMatch::Any => {
                let other = *any.entry(place).or_insert(id);
                if other != id {
                    clash(id, other, "every other number".to_owned());
                }
            }
        }
    }
    for rules in ranges.values() {
        for (id, other, shared) in overlap::with_an_earlier_one(rules) {
            clash(id, other, shared.to_string());
        }
    }
}

/// A range of extensions is mapped to the range of DIDs by offset: both are equally long.
pub(super) fn tl503_lengths(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, rule) in context.set.inbound_rules() {
        let Destination::Extension(target) = rule.destination else { continue };
        let dids = match rule.did {
            DidMatch::Range(range) => Some(range.size()),
            DidMatch::Any => None,
        };
        if target.size() == 1 || dids == Some(target.size()) {
            continue;
        }
        let found_dids = dids.map_or_else(|| "any number".to_owned(), |dids| count(dids, "number"));
        let message =
            format!("the destination has {}, the DID {found_dids}", count(target.size(), "number"));
        let diagnostic =
            context.diagnostic(Code::TL503, id, "/spec/destination/extension", message);
        found.push(
            diagnostic
                .related(context.span(id, "/spec/did"), "the DID")
                .help("write one extension for all, or a range as long as the DID range"),
        );
    }
}

fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A trunk that the tenant neither owns nor has a pool on.
pub(super) fn tl506_foreign_trunk(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, rule) in context.set.inbound_rules() {
        found.extend(foreign_trunk(context, id, &rule.trunk, "/spec/trunk"));
    }
}

/// The fault of a rule that uses a trunk which is not the tenant's, if it is one.
pub(super) fn foreign_trunk(
    context: &Context<'_>,
    id: &ResourceId,
    name: &Name,
    field: &str,
) -> Option<Diagnostic> {
    let tenant = id.tenant.as_ref()?;
    let TrunkName::Is(trunk) = context.trunk(Some(tenant), name) else { return None };
    // A tenant that does not exist is told by itself.
    let assigned = !context.has_tenant(tenant)
        || trunk.tenant.is_some()
        || context.pool_items(&trunk, tenant).is_some()
        || context.declared.may_have(Kind::DidPool, Some(tenant));
    if assigned {
        return None;
    }
    let message = format!("trunk `{name}` is not assigned to tenant `{tenant}`");
    Some(
        context
            .diagnostic(Code::TL506, id, field, message)
            .help("a DidPool of the tenant on that trunk is the assignment"),
    )
}
