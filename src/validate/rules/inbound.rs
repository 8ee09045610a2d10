//! Rules about inbound rules.

use std::collections::{BTreeMap, BTreeSet};

use super::beside::{pools_of, with_pools};
use super::overlap;
use super::references::own_numbers;
use crate::diag::{Code, Diagnostic};
use crate::model::value::{DidMatch, Name, Number, NumberRange};
use crate::model::{Destination, InboundRule, ResourceId, Usage};
use crate::validate::context::{Context, Map, Share, TrunkName, listed, number_set};
use crate::validate::gaps::Gap;
use crate::validate::section::Section;

/// The tenant of a rule with the trunk that the rule means, where both are known.
fn on_trunk<'a>(
    context: &Context<'a>,
    id: &'a ResourceId,
    rule: &InboundRule,
) -> Option<(&'a Name, &'a ResourceId)> {
    let tenant = id.tenant.as_ref()?;
    match context.trunk(Some(tenant), &rule.trunk) {
        TrunkName::Is(trunk, _) => Some((tenant, trunk)),
        TrunkName::Refused | TrunkName::OfTenant | TrunkName::Nothing => None,
    }
}

/// Numbers of a rule that the tenant does not own on the rule's trunk; which these are.
pub(super) fn tl501_outside_pool<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) -> Vec<Gap<Share<'a>>> {
    let (mut sets, mut gaps) = (Map::default(), Vec::new());
    let mut too_long = BTreeSet::new();
    let known = |id: &ResourceId| context.knows(id, &["/spec/trunk", "/spec/did"]);
    for (id, rule) in section.inbound_rules().filter(|(id, _)| known(id)) {
        let DidMatch::Range(range) = rule.did else { continue };
        let Some((tenant, trunk)) = on_trunk(context, id, rule) else { continue };
        // Without any pool there, the whole rule is at fault: TL506.
        let Some(items) = context.pool_items(trunk, tenant) else { continue };
        if context.may_have_pool(tenant) {
            continue;
        }
        let (set, pools) =
            sets.entry((tenant, trunk)).or_insert_with(|| (number_set(items).coverage(), None));
        let missing = set.uncovered(range);
        if missing.is_empty() {
            continue;
        }
        let message = format!(
            "tenant `{tenant}` has no pool on trunk `{}` with {}",
            rule.trunk,
            listed(&missing)
        );
        let lost = context.has_lost_pool(tenant);
        if !lost && ends_elsewhere(rule, range, |part| set.uncovered(part).is_empty()) {
            too_long.insert(id.to_string());
        }
        let told = context
            .diagnostic(Code::TL501, id, "/spec/did", message)
            .follows(lost)
            .help("add the numbers to a DidPool of the tenant, or correct `did`");
        let pools = pools.get_or_insert_with(|| pools_of(items));
        let told = with_pools(context, told, pools);
        gaps.extend(Gap::new((trunk, tenant), (found.len(), &told), missing));
        found.push(told);
    }
    // One end of `did` is wrong, and its length with it.
    let of_length = found.iter_mut().filter(|one| one.code == Code::TL503);
    for one in of_length.filter(|one| one.resource.as_ref().is_some_and(|id| too_long.contains(id)))
    {
        one.follows = true;
    }
    gaps
}

/// Whether the numbers of a rule would be owned, and as many as its destination has, if another end of
/// their range stood there.
fn ends_elsewhere(
    rule: &InboundRule,
    range: NumberRange,
    owned: impl Fn(NumberRange) -> bool,
) -> bool {
    rule.destinations().any(|(_, destination)| {
        let Destination::Extension(target) = *destination else { return false };
        let size = target.size();
        if size == 1 || size == range.size() {
            return false;
        }
        ends(range, size).any(&owned)
    })
}

/// The ranges of a size that have one of the two ends of a range.
fn ends(range: NumberRange, size: u64) -> impl Iterator<Item = NumberRange> {
    let from =
        move |first: Number| NumberRange::new(first, first.offset(size.checked_sub(1)?)?).ok();
    let behind = range.size().checked_sub(size).and_then(|more| range.first().offset(more));
    [Some(range.first()), behind].into_iter().flatten().filter_map(from)
}

/// Rules with their numbers, and the first rule for every other one.
type OfUsage<'a> = (Vec<(NumberRange, &'a ResourceId)>, Option<&'a ResourceId>);

/// The enabled rules of one tenant on one trunk: those without callers, for messages and for calls,
/// each with their numbers, or for every other one; and the masked ones.
#[derive(Default)]
struct OfPlace<'a> {
    plain: [OfUsage<'a>; 2],
    masked: Vec<(&'a ResourceId, &'a InboundRule)>,
}

/// Two enabled rules of one trunk that answer the same numbers for the same callers and use. Masked
/// rules come before the others, so that only their like contends with them.
pub(super) fn tl502_same_numbers<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let mut places: Map<_, OfPlace<'_>> = Map::default();
    let mut pairs: BTreeMap<(&ResourceId, &ResourceId), String> = BTreeMap::new();
    let read = ["/spec/trunk", "/spec/did", "/spec/caller", "/spec/usage", "/spec/enabled"];
    let rules = section.inbound_rules().filter(|(id, _)| context.knows(id, &read));
    for (id, rule) in rules.filter(|(_, rule)| rule.enabled) {
        let Some(place) = on_trunk(context, id, rule) else { continue };
        let place = places.entry(place).or_default();
        if !rule.caller.is_empty() {
            place.masked.push((id, rule));
            continue;
        }
        for (of_usage, usage) in place.plain.iter_mut().zip([Usage::Message, Usage::Call]) {
            if !rule.usage.intersects(usage) {
                continue;
            }
            match rule.did {
                DidMatch::Range(range) => of_usage.0.push((range, id)),
                DidMatch::Any => {
                    let other = *of_usage.1.get_or_insert(id);
                    if other != id {
                        pairs.insert((id, other), "every other number".to_owned());
                    }
                }
            }
        }
    }
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_unstable_by_key(|(place, _)| *place);
    for (_, OfPlace { plain: [(messages, _), (calls, _)], masked }) in &places {
        // Most rules are for both.
        let calls = Some(calls).filter(|calls| *calls != messages);
        for rules in std::iter::once(messages).chain(calls) {
            for (id, other, shared) in overlap::with_an_earlier_one(rules) {
                pairs.entry((id, other)).or_insert_with(|| shared.to_string());
            }
        }
        masked_pairs(masked, &mut pairs);
    }
    for ((id, other), shared) in pairs {
        let conflict = context.conflict(Code::TL502, "/spec/did", (id, other), |_, other| {
            format!("rule `{}` answers {shared} too", other.name)
        });
        found.push(conflict.help(
            "leave each number to one enabled rule, or give the rules callers that differ; `\"*\"` takes what no other rule does",
        ));
    }
}

/// Masked rules that share numbers, callers and use: a sweep over the callers, in which the rules at
/// work lie apart in their numbers unless they contend.
fn masked_pairs<'a>(
    rules: &[(&'a ResourceId, &'a InboundRule)],
    pairs: &mut BTreeMap<(&'a ResourceId, &'a ResourceId), String>,
) {
    for usage in [Usage::Call, Usage::Message] {
        let mut items: Vec<_> = rules
            .iter()
            .filter(|(_, rule)| rule.usage.intersects(usage))
            .flat_map(|(id, rule)| {
                rule.caller.iter().map(move |mask| (mask.range(), *id, rule.did))
            })
            .collect();
        items.sort_unstable_by_key(|(mask, id, _)| (*mask, *id));
        let mut active: BTreeMap<Option<Number>, (NumberRange, Option<NumberRange>, &ResourceId)> =
            BTreeMap::new();
        for (mask, id, did) in items {
            let range = match did {
                DidMatch::Any => None,
                DidMatch::Range(range) => Some(range),
            };
            let (first, last) = (range.map(NumberRange::first), range.map(NumberRange::last));
            let near = active.range(..=last).rev().take(2);
            let met = near.filter(|(at, _)| at.is_some() == first.is_some()).find(
                |(_, (callers, numbers, other))| {
                    let shared = match (range, numbers) {
                        (Some(range), Some(numbers)) => range.intersection(*numbers).is_some(),
                        _ => true,
                    };
                    *other != id && shared && callers.intersection(mask).is_some()
                },
            );
            if let Some((_, (callers, numbers, other))) = met {
                let both = callers.intersection(mask).map(|it| it.to_string()).unwrap_or_default();
                let dids = range.zip(*numbers).and_then(|(one, two)| one.intersection(two));
                let dids =
                    dids.map_or_else(|| "every other number".to_owned(), |it| it.to_string());
                let pair = (id.max(*other), id.min(*other));
                pairs.entry(pair).or_insert_with(|| format!("{dids} from {both}"));
                continue;
            }
            // What ended before this mask began can meet no later one either.
            active.retain(|_, (callers, _, _)| callers.last() >= mask.first());
            active.insert(first, (mask, range, id));
        }
    }
}

/// A range of extensions is mapped to the range of DIDs by offset: both are equally long.
pub(super) fn tl503_lengths<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, rule) in section.inbound_rules() {
        for (field, destination) in rule.destinations() {
            let Destination::Extension(target) = *destination else { continue };
            if target.size() == 1 {
                continue;
            }
            let field = format!("{field}/extension");
            if !context.knows(id, &["/spec/did", &field]) {
                continue;
            }
            let Some(told) = other_length(context, (id, rule), target, &field) else { continue };
            // One end of the range is wrong, and extensions are missing for that.
            let one_of_length = |missing: &&mut Diagnostic| {
                missing.code == Code::TL201
                    && missing.span == told.span
                    && missing.resource == told.resource
                    && missing.related.is_empty()
            };
            if let Some(missing) = found.iter_mut().find(one_of_length)
                && would_exist(section, rule, target)
            {
                missing.follows = true;
            }
            found.push(told);
        }
    }
}

/// Whether a range of extensions would exist with as many numbers as the DID has, and one of its ends.
fn would_exist(section: &Section<'_>, rule: &InboundRule, target: NumberRange) -> bool {
    let DidMatch::Range(dids) = rule.did else { return false };
    let own = own_numbers(section);
    ends(target, dids.size()).any(|range| own.uncovered(range).is_empty())
}

fn other_length(
    context: &Context<'_>,
    (id, rule): (&ResourceId, &InboundRule),
    target: NumberRange,
    field: &str,
) -> Option<Diagnostic> {
    let dids = match rule.did {
        DidMatch::Range(range) => Some(range.size()),
        DidMatch::Any => None,
    };
    if dids == Some(target.size()) {
        return None;
    }
    let found_dids = dids.map_or_else(|| "any number".to_owned(), |dids| count(dids, "number"));
    let message =
        format!("the destination has {}, the DID {found_dids}", count(target.size(), "number"));
    Some(
        context
            .diagnostic(Code::TL503, id, field, message)
            .related(context.span(id, "/spec/did"), "the DID")
            .help("write one extension for all, or a range as long as the DID range"),
    )
}

fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A trunk that the tenant neither owns nor has a pool on.
pub(super) fn tl506_foreign_trunk<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, rule) in section.inbound_rules() {
        found.extend(foreign_trunk(context, id, &rule.trunk, "/spec/trunk"));
    }
}

/// What is said of a trunk that a tenant may not use.
pub(super) fn not_assigned(trunk: &Name, tenant: &Name) -> String {
    format!("trunk `{trunk}` is not assigned to tenant `{tenant}`")
}

/// The fault of a rule that uses a trunk which is not the tenant's, if it is one.
pub(super) fn foreign_trunk(
    context: &Context<'_>,
    id: &ResourceId,
    name: &Name,
    field: &str,
) -> Option<Diagnostic> {
    let tenant = id.tenant.as_ref()?;
    let TrunkName::Is(trunk, _) = context.trunk(Some(tenant), name) else { return None };
    // A tenant that does not exist is told by itself.
    let assigned = !context.has_tenant(tenant)
        || !context.knows(id, &[field])
        || trunk.tenant.is_some()
        || context.pool_items(trunk, tenant).is_some()
        || context.may_have_pool(tenant);
    if assigned {
        return None;
    }
    let message = not_assigned(name, tenant);
    Some(
        context
            .diagnostic(Code::TL506, id, field, message)
            .follows(context.has_lost_pool(tenant))
            .help("a DidPool of the tenant on that trunk is the assignment"),
    )
}
