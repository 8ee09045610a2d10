//! Which numbers of a pool are answered, and by whom.

use std::collections::BTreeMap;

use super::shares::Uses;
use crate::diag::{Code, Diagnostic};
use crate::model::value::{DidMatch, DidSet, NumberRange};
use crate::model::{Kind, ResourceId, TrunkType, Usage};
use crate::validate::context::{Context, PoolItem, TrunkName, listed, number_set};
use crate::validate::section::Section;

/// What a tenant's rules on one trunk answer.
#[derive(Debug, Default)]
pub(in crate::validate) struct Answers<'a> {
    ranges: Vec<NumberRange>,
    any: Vec<&'a ResourceId>,
    /// Rules that answer some callers only, or messages only: with the field that says so.
    partial: Vec<(&'a ResourceId, DidMatch, Partial)>,
}

impl Answers<'_> {
    /// Whether a rule is for numbers that these pools do not have.
    fn is_outside(&self, items: &[PoolItem<'_>]) -> bool {
        let pool = number_set(items).coverage();
        self.ranges.iter().any(|range| !pool.uncovered(*range).is_empty())
    }
}

/// Why a rule does not answer everybody's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Partial {
    Callers,
    Messages,
}

/// A tenant's enabled rules by trunk: those for all calls, and those for some.
pub(in crate::validate) fn answers<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
) -> BTreeMap<&'a ResourceId, Answers<'a>> {
    let mut all: BTreeMap<&ResourceId, Answers<'_>> = BTreeMap::new();
    for (id, rule) in section.sound.inbound_rules().filter(|(_, one)| one.enabled) {
        let TrunkName::Is(trunk, spec) = context.trunk(section.tenant, &rule.trunk) else {
            continue;
        };
        let entry = all.entry(trunk).or_default();
        // What comes over such a trunk is messages.
        let is_wanted =
            spec.trunk_type == TrunkType::WhatsApp || rule.usage.intersects(Usage::Call);
        let partial = match (is_wanted, rule.caller.is_empty()) {
            (false, _) => Some(Partial::Messages),
            (true, false) => Some(Partial::Callers),
            (true, true) => None,
        };
        if let Some(why) = partial {
            entry.partial.push((id, rule.did, why));
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
    // A rule whose trunk does not exist may be meant for any of its tenant's; a trunk that no rule
    // uses at all is one mistake: TL418.
    let Uses { trunks: used, astray } = context.uses();
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
        // A rule for numbers of somewhere else may be meant for these: TL501.
        let outside = answer.is_some_and(|one| one.is_outside(items));
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
            found.push(unanswered(context, (pool, &missing), answer).follows(outside));
        }
    }
}

/// Numbers that nothing answers, or nothing but rules for some callers or for messages.
fn unanswered(
    context: &Context<'_>,
    (pool, missing): (&ResourceId, &[NumberRange]),
    answer: Option<&Answers<'_>>,
) -> Diagnostic {
    let meets = |did: &DidMatch| match did {
        DidMatch::Any => true,
        DidMatch::Range(range) => missing.iter().any(|one| one.intersection(*range).is_some()),
    };
    let partial = answer.into_iter().flat_map(|one| &one.partial);
    let partial: Vec<_> = partial.filter(|(_, did, _)| meets(did)).collect();
    let numbers = listed(missing);
    let of = |why: Partial| {
        let mut names = partial.iter().filter(|one| one.2 == why).map(|one| one.0.name.as_str());
        let first = names.next()?;
        Some((first, names.count()))
    };
    let rules = |(name, more): (&str, usize), one: &str, several: &str| match more {
        0 => format!("rule `{name}` {one}"),
        1 => format!("rule `{name}` and another one {several}"),
        more => format!("rule `{name}` and {more} others {several}"),
    };
    let callers = of(Partial::Callers)
        .map(|names| rules(names, "takes only some callers", "take only some callers"));
    let messages =
        of(Partial::Messages).map(|names| rules(names, "is for messages", "are for messages"));
    let why: Vec<String> = callers.into_iter().chain(messages).collect();
    let message = match why.as_slice() {
        [] => format!("no rule answers {numbers}"),
        why => format!("no rule answers every call to {numbers}: {}", why.join(", ")),
    };
    let mut told = context.diagnostic(Code::TL510, pool, "/spec/numbers", message);
    for (id, _, why) in partial.iter().take(context.room.of(partial.len())) {
        let (field, words) = match why {
            Partial::Callers => ("/spec/caller", "only these callers are answered"),
            Partial::Messages => ("/spec/usage", "only messages are taken"),
        };
        told = told.related(context.span(id, field), words);
    }
    told.help(if why.is_empty() {
        "add an InboundRule for them, or one with `did: \"*\"` for the rest"
    } else {
        "add an InboundRule for them without `caller`, for calls; `did: \"*\"` is one for the rest"
    })
}

/// A rule for every other number where nothing is left.
pub(super) fn tl508_dead_catch_all<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(tenant) = section.tenant else { return };
    if context.may_have_pool(tenant) || context.has_lost_pool(tenant) {
        return;
    }
    for (trunk, answer) in section.answers(context).iter().filter(|(_, one)| !one.any.is_empty()) {
        let Some(items) = context.pool_items(trunk, tenant) else { continue };
        let set = DidSet::new(answer.ranges.clone()).coverage();
        if items.iter().any(|item| !set.uncovered(item.range).is_empty()) {
            continue;
        }
        // Rules for numbers of somewhere else may be meant for fewer: TL501.
        let outside = answer.is_outside(items);
        for id in &answer.any {
            let message = "this rule takes no call: other rules answer every number of the pool";
            found.push(
                context
                    .diagnostic(Code::TL508, id, "/spec/did", message)
                    .follows(outside)
                    .help("remove it, or leave some numbers to it"),
            );
        }
    }
}
