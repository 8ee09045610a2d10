//! Pools of different tenants: one number at one provider belongs to one tenant.

use std::collections::BTreeMap;

use super::{overlap, provider};
use crate::diag::{Code, Diagnostic};
use crate::model::value::{Name, NumberRange};
use crate::model::{DidOverlap, ResourceId};
use crate::validate::context::{Context, PoolItem, listed};

/// Conflicts told for one provider; further ones show when these are mended.
const MAX_CONFLICTS: usize = 1000;

/// Two tenants' pools that share numbers on one trunk, or on trunks of one provider.
pub(super) fn tl301_shared_numbers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let groups = provider::groups(context.set);
    let indices = groups.iter().enumerate();
    let group_of: BTreeMap<&ResourceId, usize> =
        indices.flat_map(|(index, group)| group.iter().map(move |(id, _)| (*id, index))).collect();
    // The owner of an item is its tenant with its trunk.
    let mut items: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (trunk, tenant, pool) in context.pools() {
        let Some(group) = group_of.get(trunk) else { continue };
        let of_group = items.entry(*group).or_default();
        of_group.extend(pool.iter().map(|item| (item.range, (tenant, trunk), item)));
    }
    let related = |(a, on_a): (&Name, &ResourceId), (b, on_b): (&Name, &ResourceId)| {
        let same = || Some(context.trunk_of(on_a)?.same_provider(context.trunk_of(on_b)?));
        a != b && (on_a == on_b || same().unwrap_or(false))
    };
    for mut items in items.into_values() {
        let pairs = overlap::between_owners(&mut items, related, MAX_CONFLICTS);
        found.extend(pairs.into_values().map(|(a, b)| shared(context, a, b)));
    }
}

/// Two tenants' pools at different providers that share numbers: a number belongs to one tenant of
/// the world. An error (TL301) where the Policy says `didOverlap: global`.
pub(super) fn tl306_shared_anywhere(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let global = context.set.policies().any(|(_, one)| one.did_overlap == DidOverlap::Global);
    let code = if global { Code::TL301 } else { Code::TL306 };
    let mut items = Vec::new();
    for (trunk, tenant, pool) in context.pools() {
        items.extend(pool.iter().map(|item| (item.range, (tenant, trunk), item)));
    }
    let trunk = |id: &ResourceId| context.trunk_of(id);
    let related = |(tenant, a): (&Name, &ResourceId), (other, b): (&Name, &ResourceId)| {
        let one_provider =
            a == b || trunk(a).zip(trunk(b)).is_some_and(|(a, b)| a.same_provider(b));
        tenant != other && !one_provider
    };
    let pairs = overlap::between_owners(&mut items, related, MAX_CONFLICTS);
    for (a, b) in pairs.into_values() {
        let mut told = shared(context, a, b);
        told.message = told.message.replace("at the same provider", "at another provider");
        if !global {
            let help = "take it out of one of the pools, unless both providers really have it";
            told.help = Some(help.to_owned());
        }
        told.code = code;
        found.push(told);
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

fn shared(context: &Context<'_>, a: &PoolItem<'_>, b: &PoolItem<'_>) -> Diagnostic {
    // The later place is blamed; without places, the later name.
    let order = |item: &PoolItem<'_>| (context.item_span(item), item.pool.clone());
    let (first, second) = if order(a) <= order(b) { (a, b) } else { (b, a) };
    let numbers = common(context, first, second);
    let other = first.pool;
    let tenant = other.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    let message = format!(
        "`{}` shares numbers with `{}` of tenant `{tenant}` at the same provider: {numbers}",
        second.range, first.range
    );
    Diagnostic::new(Code::TL301, message)
        .of(second.pool)
        .at(context.item_span(second))
        .related(context.item_span(first), format!("{other} has `{}`", first.range))
        .help("a number at a provider belongs to one tenant: take it out of one of the pools")
}

/// Everything that the two pools share.
fn common(context: &Context<'_>, a: &PoolItem<'_>, b: &PoolItem<'_>) -> String {
    let merged = |item: &PoolItem<'_>| {
        let tenant = item.pool.tenant.as_ref();
        let pool = context.set.did_pool(tenant, &item.pool.name);
        pool.map(|pool| pool.numbers.merged()).unwrap_or_default()
    };
    let (a, b) = (merged(a), merged(b));
    let mut shared = Vec::new();
    let mut rest = b.iter().peekable();
    for left in &a {
        while rest.peek().is_some_and(|right| right.last() < left.first()) {
            rest.next();
        }
        let mut ahead = rest.clone();
        while let Some(right) = ahead.next_if(|right| right.first() <= left.last()) {
            shared.extend(left.intersection(*right));
        }
    }
    listed(&shared)
}
