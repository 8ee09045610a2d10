//! Pools that share numbers: one number at one provider belongs to one tenant, and to one of its pools.

use std::collections::BTreeMap;

use super::overlap::{self, Bounds, Met};
use super::provider;
use crate::diag::{Code, Diagnostic};
use crate::model::value::{Name, NumberRange};
use crate::model::{DidOverlap, ResourceId};
use crate::validate::context::{Context, Map, PoolItem, listed};

/// Conflicts told for one provider; of further ones the number.
const MAX_CONFLICTS: usize = 1000;

/// What is compared and counted of one provider's pools.
const BOUNDS: Bounds = Bounds { pairs: 100_000, steps: 10_000_000 };

/// Who has numbers: a tenant, with a trunk and the pool there.
type Owner<'a> = (&'a Name, (&'a ResourceId, &'a ResourceId));

/// The numbers of pools, merged.
type Merged<'a> = Map<&'a ResourceId, Vec<NumberRange>>;

/// Two tenants' pools that share numbers on one trunk, or on trunks of one provider.
pub(super) fn tl301_shared_numbers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let groups = provider::groups(context.set);
    let indices = groups.iter().enumerate();
    let group_of: BTreeMap<&ResourceId, usize> =
        indices.flat_map(|(index, group)| group.iter().map(move |(id, _)| (*id, index))).collect();
    let mut items: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (trunk, tenant, pool) in context.pools() {
        let Some(group) = group_of.get(trunk) else { continue };
        let of_group = items.entry(*group).or_default();
        of_group.extend(pool.iter().map(|item| (item.range, (tenant, (trunk, item.pool)), item)));
    }
    let related = |a: Owner<'_>, b: Owner<'_>| one_provider(context, a, b);
    for mut items in items.into_values() {
        let met = overlap::between_owners(&mut items, related, BOUNDS);
        found.extend(conflicts(context, met, "at the same provider"));
    }
}

/// Two tenants' pools at different providers that share numbers: a number belongs to one tenant of
/// the world. An error (TL301) where the Policy says `didOverlap: global`.
pub(super) fn tl306_shared_anywhere(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let policy = context.declared.policy(context.set);
    let global = policy.is_some_and(|(_, one)| one.did_overlap == DidOverlap::Global);
    let code = if global { Code::TL301 } else { Code::TL306 };
    let mut items = Vec::new();
    for (trunk, tenant, pool) in context.pools() {
        items.extend(pool.iter().map(|item| (item.range, (tenant, (trunk, item.pool)), item)));
    }
    let related = |a: Owner<'_>, b: Owner<'_>| !one_provider(context, a, b);
    let met = overlap::between_owners(&mut items, related, BOUNDS);
    for mut told in conflicts(context, met, "at another provider") {
        if !global {
            let help = "take it out of one of the pools, unless both providers really have it";
            told.help = Some(help.to_owned());
        }
        told.code = code;
        found.push(told);
    }
}

/// Whether the trunks of two owners lead to one provider.
fn one_provider(context: &Context<'_>, (_, (a, _)): Owner<'_>, (_, (b, _)): Owner<'_>) -> bool {
    let trunk = |id: &ResourceId| context.trunk_of(id);
    a == b || trunk(a).zip(trunk(b)).is_some_and(|(a, b)| a.same_provider(b))
}

/// Each pair of pools that share numbers, and how many more there are than are told.
fn conflicts<'a, O: Ord>(
    context: &Context<'a>,
    met: Met<O, &PoolItem<'a>>,
    place: &str,
) -> Vec<Diagnostic> {
    let mut merged = Merged::default();
    let more = met.pairs.len().saturating_sub(MAX_CONFLICTS);
    let mut pairs = met.pairs.into_values();
    let mut found: Vec<_> = pairs
        .by_ref()
        .take(MAX_CONFLICTS)
        .map(|pair| shared(context, pair, place, &mut merged))
        .collect();
    if let Some((a, b)) = pairs.next() {
        let least = if met.stopped.is_none() { "" } else { "at least " };
        let message = format!("{least}{more} more pairs of pools share numbers {place}");
        let (first, second) = ordered(context, (a, b));
        found.push(
            Diagnostic::new(Code::TL301, message)
                .of(second.pool)
                .at(context.item_span(second))
                .related(context.item_span(first), "this is the other one of the first of them")
                .help("mend those that are told, and look again"),
        );
    } else if let Some(item) = met.stopped {
        let message = format!(
            "from `{}` on numbers are not compared {place}: too many pools have the same ones",
            item.range
        );
        found.push(
            Diagnostic::new(Code::TL301, message)
                .of(item.pool)
                .at(context.item_span(item))
                .help("let fewer pools of different tenants have these numbers, and look again"),
        );
    }
    found
}

/// Two pools of one tenant on one trunk with the same numbers: whose share of calls counts is not
/// to be seen.
pub(super) fn tl304_own_pools(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (_, _, pool) in context.pools() {
        let several = pool.iter().zip(pool.iter().skip(1)).any(|(one, two)| one.pool != two.pool);
        if !several {
            continue;
        }
        let mut items: Vec<_> =
            pool.iter().map(|item| (item.range, (item.pool, ()), item)).collect();
        let met = overlap::between_owners(&mut items, |_, _| true, BOUNDS);
        for mut told in conflicts(context, met, "on the same trunk") {
            told.code = Code::TL304;
            told.help = Some(
                "leave each number to one pool: of two the one whose range begins first counts"
                    .to_owned(),
            );
            found.push(told);
        }
    }
}

/// Items of one pool that could be written as one.
pub(super) fn tl304_mergeable(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, pool) in context.set.did_pools() {
        let items = pool.numbers.items();
        let merged = pool.numbers.merged();
        if merged.len() == items.len() {
            continue;
        }
        let mut sorted: Vec<(NumberRange, usize)> =
            items.iter().enumerate().map(|(index, range)| (*range, index)).collect();
        sorted.sort_unstable();
        let mut furthest: Option<(NumberRange, usize)> = None;
        let mut pair = None;
        for (range, index) in sorted {
            if let Some((before, other)) = furthest
                && before.last().offset(1).is_none_or(|next| range.first() <= next)
                && before.last().digits() == range.first().digits()
            {
                pair = Some((index, other, before.intersection(range).is_some()));
                break;
            }
            if furthest.is_none_or(|(before, _)| before.last() < range.last()) {
                furthest = Some((range, index));
            }
        }
        let Some((index, other, overlaps)) = pair else { continue };
        let item = |index: usize| {
            let range = items.get(index).copied();
            range.map(|range| PoolItem { pool: id, index, range })
        };
        let (Some(one), Some(two)) = (item(index.max(other)), item(index.min(other))) else {
            continue;
        };
        let how = if overlaps { "has numbers of" } else { "goes on where" };
        let rest = if overlaps { "" } else { " ends" };
        let message = format!("`{}` {how} `{}`{rest}: one item would do", one.range, two.range);
        found.push(
            Diagnostic::new(Code::TL304, message)
                .of(id)
                .at(context.item_span(&one))
                .related(context.item_span(&two), "the other item")
                .help(format!("write the pool as {}", listed(&merged))),
        );
    }
}

/// The later place is blamed; without places, the later name.
fn ordered<'i, 'a>(
    context: &Context<'_>,
    (a, b): (&'i PoolItem<'a>, &'i PoolItem<'a>),
) -> (&'i PoolItem<'a>, &'i PoolItem<'a>) {
    let order = |item: &PoolItem<'_>| (context.item_span(item), item.pool.clone());
    if order(a) <= order(b) { (a, b) } else { (b, a) }
}

fn shared<'a>(
    context: &Context<'a>,
    pair: (&PoolItem<'a>, &PoolItem<'a>),
    place: &str,
    merged: &mut Merged<'a>,
) -> Diagnostic {
    let (first, second) = ordered(context, pair);
    for item in [first, second] {
        merged.entry(item.pool).or_insert_with(|| {
            let pool = context.set.did_pool(item.pool.tenant.as_ref(), &item.pool.name);
            pool.map(|pool| pool.numbers.merged()).unwrap_or_default()
        });
    }
    let numbers = |item: &PoolItem<'_>| merged.get(item.pool).map_or(&[][..], Vec::as_slice);
    let numbers = listed(&common(numbers(first), numbers(second)));
    let other = first.pool;
    let whose = match &other.tenant {
        Some(tenant) if second.pool.tenant != other.tenant => format!("tenant `{tenant}`"),
        Some(_) | None => format!("pool `{}`", other.name),
    };
    let message = format!(
        "`{}` shares numbers with `{}` of {whose} {place}: {numbers}",
        second.range, first.range
    );
    Diagnostic::new(Code::TL301, message)
        .of(second.pool)
        .at(context.item_span(second))
        .related(context.item_span(first), format!("{other} has `{}`", first.range))
        .help("a number at a provider belongs to one tenant: take it out of one of the pools")
}

/// Everything that two pools share.
fn common(a: &[NumberRange], b: &[NumberRange]) -> Vec<NumberRange> {
    let mut shared = Vec::new();
    let mut rest = b.iter().peekable();
    for left in a {
        while rest.next_if(|right| right.last() < left.first()).is_some() {}
        let mut ahead = rest.clone();
        while let Some(right) = ahead.next_if(|right| right.first() <= left.last()) {
            shared.extend(left.intersection(*right));
        }
    }
    shared
}
