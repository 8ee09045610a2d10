//! Numbers that are shown to the called.

use std::collections::{BTreeMap, BTreeSet};

use super::beside::{pools_of, with_pools};
use super::inbound::{not_assigned, tl501_outside_pool};
use crate::diag::{Code, Diagnostic};
use crate::model::value::{Coverage, DidMatch, Name, NumberRange, PhoneNumber};
use crate::model::{Kind, ResourceId};
use crate::validate::context::{Context, Field, Map, Share, TrunkName, number_set};
use crate::validate::gaps::{self, Gap};
use crate::validate::section::{Section, owner};

/// Every caller ID of an owner: the resource, its place, the trunk, the number.
fn caller_ids<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
) -> impl Iterator<Item = (&'a ResourceId, Field, &'a Name, &'a PhoneNumber)> {
    let routes = section.outbound_rules().flat_map(|(id, rule)| {
        rule.routes.iter().enumerate().filter_map(move |(at, route)| {
            let number = route.caller_id.as_ref()?;
            let field = Field("/spec/routes", Some((at, "/callerId")));
            Some((id, field, &route.trunk, number))
        })
    });
    let tenants = section.tenants().map(|(id, one)| (id, &one.caller_ids));
    let extensions = section.extensions().map(|(id, one)| (id, &one.caller_ids));
    let lists = tenants.chain(extensions).flat_map(|(id, list)| {
        let numbered = list.iter().enumerate();
        numbered.map(move |(at, one)| {
            (id, Field("/spec/callerIds", Some((at, "/number"))), &one.trunk, &one.number)
        })
    });
    let all = routes.chain(lists);
    all.filter(|(id, field, ..)| {
        let trunk = Field(field.0, field.1.map(|(at, _)| (at, "/trunk")));
        context.is_whole(id) || context.knows(id, &[&field.to_string(), &trunk.to_string()])
    })
}

/// Numbers that rules are for (TL501) and that are shown (TL507), and that the tenant does not have on
/// that trunk. What one item of a pool may have held is one mistake.
pub(super) fn tl501_tl507_outside_pools<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let mut gaps = tl501_outside_pool(context, section, found);
    numbers_of_others_follow(section, &gaps, found);
    gaps.extend(tl507_foreign_number(context, section, found));
    let mut own: Map<Share<'_>, Coverage> = Map::default();
    for (trunk, tenant) in gaps.iter().map(Gap::owner) {
        own.entry((trunk, tenant)).or_insert_with(|| {
            number_set(context.pool_items(trunk, tenant).unwrap_or_default()).coverage()
        });
    }
    gaps::once(found, gaps, |share| own.get(&share));
}

/// A `did` of which nothing is the tenant's may have the numbers of another rule, too: it is wrong for one
/// reason.
fn numbers_of_others_follow<'a>(
    section: &Section<'a>,
    gaps: &[Gap<Share<'a>>],
    found: &mut [Diagnostic],
) {
    if gaps.is_empty() {
        return;
    }
    let dids = section.inbound_rules().filter_map(|(id, rule)| match rule.did {
        DidMatch::Range(range) => Some((id.to_string(), range)),
        DidMatch::Any => None,
    });
    let dids: BTreeMap<String, NumberRange> = dids.collect();
    let outside = gaps.iter().filter_map(|gap| {
        let id = found.get(gap.at())?.resource.clone()?;
        gap.is_all_of(*dids.get(&id)?).then_some(id)
    });
    let outside: BTreeSet<String> = outside.collect();
    let same = found.iter_mut().filter(|one| one.code == Code::TL502 && !outside.is_empty());
    for one in same {
        let other = one.related.iter().filter_map(|one| one.message.strip_suffix(" stands here"));
        let mut rules = other.chain(one.resource.as_deref());
        one.follows |= rules.any(|rule| outside.contains(rule));
    }
}

/// A number that is shown and is not the tenant's on that trunk; which these are.
fn tl507_foreign_number<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) -> Vec<Gap<Share<'a>>> {
    let mut gaps = Vec::new();
    let foreign: BTreeSet<String> =
        found.iter().filter(|one| one.code == Code::TL506).map(|one| one.message.clone()).collect();
    let mut sets = Map::default();
    for (id, field, trunk, number) in caller_ids(context, section) {
        let Some(tenant) = owner(id).filter(|one| context.has_tenant(one)) else { continue };
        let TrunkName::Is(trunk_id, _) = context.trunk(Some(tenant), trunk) else { continue };
        if context.may_have_pool(tenant) {
            continue;
        }
        let items = context.pool_items(trunk_id, tenant);
        // A route over a trunk that is not the tenant's is told as that: TL506.
        if items.is_none() && id.kind == Kind::OutboundRule && trunk_id.tenant.is_none() {
            continue;
        }
        let (set, pools) = sets
            .entry((trunk_id, tenant))
            .or_insert_with(|| (number_set(items.unwrap_or_default()).coverage(), None));
        let range = number.bare().map(NumberRange::single);
        if range.is_some_and(|range| set.uncovered(range).is_empty()) {
            continue;
        }
        let message = format!("`{number}` is in no pool of tenant `{tenant}` on trunk `{trunk}`");
        let mut told = context.diagnostic(Code::TL507, id, &field.to_string(), message);
        // Without any pool there, that is the mistake: TL305 of a trunk of its own, TL506 of another.
        let no_pool = items.is_none()
            && (trunk_id.tenant.is_some() || foreign.contains(&not_assigned(trunk, tenant)));
        told = told.follows(no_pool || context.has_lost_pool(tenant));
        let pools = pools.get_or_insert_with(|| pools_of(items.unwrap_or_default()));
        told = with_pools(context, told, pools);
        let help = "show a number of the pool: a provider refuses calls with somebody else's";
        let told = told.help(help);
        let missing = range.into_iter().collect();
        gaps.extend(Gap::new((trunk_id, tenant), (found.len(), &told), missing));
        found.push(told);
    }
    gaps
}
