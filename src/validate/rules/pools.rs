//! Pools of different tenants: one number at one provider belongs to one tenant.

use std::collections::BTreeMap;

use super::{overlap, provider};
use crate::diag::{Code, Diagnostic};
use crate::model::{ResourceId, Trunk};
use crate::validate::context::{Context, PoolItem, listed};

/// Conflicts told for one provider; further ones show when these are mended.
const MAX_CONFLICTS: usize = 1000;

/// Two tenants' pools that share numbers on one trunk, or on trunks of one provider.
pub(super) fn tl301_shared_numbers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for group in provider::groups(context.set) {
        let trunks: BTreeMap<&ResourceId, &Trunk> = group.into_iter().collect();
        // The owner of an item is its tenant with its trunk.
        let mut items = Vec::new();
        for (trunk, tenant, pool) in context.pools() {
            if trunks.contains_key(trunk) {
                items.extend(pool.iter().map(|item| (item.range, (tenant, trunk), item)));
            }
        }
        let related = |(a, on_a), (b, on_b)| {
            let same = || Some(trunks.get(on_a)?.same_provider(trunks.get(on_b)?));
            a != b && (on_a == on_b || same().unwrap_or(false))
        };
        let pairs = overlap::between_owners(&mut items, related, MAX_CONFLICTS);
        found.extend(pairs.into_values().map(|(a, b)| shared(context, a, b)));
    }
}

fn shared(context: &Context<'_>, a: &PoolItem, b: &PoolItem) -> Diagnostic {
    // The later place is blamed; without places, the later name.
    let order = |item: &PoolItem| (context.item_span(item), item.pool.clone());
    let (first, second) = if order(a) <= order(b) { (a, b) } else { (b, a) };
    let numbers = common(context, first, second);
    let other = &first.pool;
    let tenant = other.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    let message = format!(
        "`{}` shares numbers with `{}` of tenant `{tenant}` at the same provider: {numbers}",
        second.range, first.range
    );
    Diagnostic::new(Code::TL301, message)
        .of(&second.pool)
        .at(context.item_span(second))
        .related(context.item_span(first), format!("{other} has `{}`", first.range))
        .help("a number at a provider belongs to one tenant: take it out of one of the pools")
}

/// Everything that the two pools share.
fn common(context: &Context<'_>, a: &PoolItem, b: &PoolItem) -> String {
    let merged = |item: &PoolItem| {
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
