//! Which numbers of a pool are answered, and by whom.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic};
use crate::model::value::{DidMatch, DidSet, NumberRange};
use crate::model::{Kind, ResourceId, Usage};
use crate::validate::context::{Context, Map, Share, TrunkName, listed};

/// What a tenant's unmasked rules on one trunk answer.
#[derive(Debug, Default)]
pub(in crate::validate) struct Answers<'a> {
    ranges: Vec<NumberRange>,
    any: Vec<&'a ResourceId>,
    for_calls: bool,
}

/// The enabled, unmasked rules for calls, by trunk and tenant; masked ones do not answer everybody.
pub(in crate::validate) fn answers<'a>(context: &Context<'a>) -> Map<Share<'a>, Answers<'a>> {
    let mut all: Map<Share<'_>, Answers<'_>> = Map::default();
    for (id, rule) in context.set.inbound_rules().filter(|(_, one)| one.enabled) {
        let Some(tenant) = &id.tenant else { continue };
        let TrunkName::Is(trunk, _) = context.trunk(Some(tenant), &rule.trunk) else { continue };
        let entry = all.entry((trunk, tenant)).or_default();
        entry.for_calls |= rule.usage.intersects(Usage::Call);
        if !rule.caller.is_empty() || !rule.usage.intersects(Usage::Call) {
            continue;
        }
        match rule.did {
            DidMatch::Range(range) => entry.ranges.push(range),
            DidMatch::Any => entry.any.push(id),
        }
    }
    all
}

/// Numbers of a pool that no rule answers: one diagnostic for each pool.
pub(super) fn tl510_unanswered(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if context.declared.may_have_any(Kind::InboundRule) {
        return;
    }
    // A rule whose trunk does not exist may be meant for any of its tenant's.
    let astray = super::shares::astray(context);
    // A trunk that no rule uses at all is one mistake: TL418.
    let used = super::shares::used_trunks(context);
    for (trunk, tenant, items) in context.pools() {
        let answer = context.answers(trunk, tenant);
        let complete = answer.is_some_and(|one| !one.any.is_empty());
        if complete
            || !used.contains(trunk)
            || astray.contains(tenant)
            || !context.has_tenant(tenant)
        {
            continue;
        }
        let set = answer.map(|one| DidSet::new(one.ranges.clone()).coverage());
        let mut pools: BTreeMap<&ResourceId, Vec<NumberRange>> = BTreeMap::new();
        for item in items {
            pools.entry(item.pool).or_default().push(item.range);
        }
        for (pool, ranges) in pools {
            let ranges = DidSet::new(ranges).merged().into_iter();
            let missing: Vec<NumberRange> = match &set {
                Some(set) => ranges.flat_map(|range| set.uncovered(range)).collect(),
                None => ranges.collect(),
            };
            if missing.is_empty() {
                continue;
            }
            let message = format!("no rule answers {}", listed(&missing));
            found.push(
                context
                    .diagnostic(Code::TL510, pool, "/spec/numbers", message)
                    .help("add an InboundRule for them, or one with `did: \"*\"` for the rest"),
            );
        }
    }
}

/// A rule for every other number where nothing is left.
pub(super) fn tl508_dead_catch_all(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (trunk, tenant, items) in context.pools() {
        let Some(answer) = context.answers(trunk, tenant) else { continue };
        if answer.any.is_empty() || context.may_have_pool(tenant) || context.has_lost_pool(tenant) {
            continue;
        }
        let set = DidSet::new(answer.ranges.clone()).coverage();
        if items.iter().any(|item| !set.uncovered(item.range).is_empty()) {
            continue;
        }
        for id in &answer.any {
            let message = "this rule takes no call: other rules answer every number of the pool";
            found.push(
                context
                    .diagnostic(Code::TL508, id, "/spec/did", message)
                    .help("remove it, or leave some numbers to it"),
            );
        }
    }
}
