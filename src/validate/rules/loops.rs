//! Calls that would go round in a circle: out over a trunk, and back in at a number of ours.

use std::collections::{BTreeMap, BTreeSet};

use super::dialling::{Callers, Dialled};
use crate::diag::{Code, Diagnostic};
use crate::model::value::{DidMatch, Name, Number, NumberRange};
use crate::model::{Destination, InboundRule, OutboundRoute, ResourceId, Usage};
use crate::validate::context::{Context, PoolItem, TrunkName};

/// Trunks that one call crosses at most; a longer way is no way either.
const MAX_HOPS: usize = 32;

/// The inbound rules of a tenant on a trunk, as a look-up.
#[derive(Default)]
struct Answering<'a> {
    ranges: BTreeMap<Number, (NumberRange, (&'a ResourceId, &'a InboundRule))>,
    any: Option<(&'a ResourceId, &'a InboundRule)>,
}

/// Who owns a number at which trunk, who answers it, and where forwarded calls go.
struct Plan<'c, 'a> {
    context: &'c Context<'a>,
    owners: BTreeMap<Number, (NumberRange, &'a ResourceId, &'a Name)>,
    answering: BTreeMap<(&'a ResourceId, &'a Name), Answering<'a>>,
    outbound: &'c BTreeMap<&'a Name, Vec<Dialled<'a>>>,
}

/// A call at a trunk: which one, and the number called.
type Arrival<'a> = (&'a ResourceId, Number);

impl<'c, 'a> Plan<'c, 'a> {
    fn new(context: &'c Context<'a>) -> Self {
        let mut owners = BTreeMap::new();
        for (trunk, tenant, items) in context.pools() {
            for PoolItem { range, .. } in items {
                owners.insert(range.first(), (*range, trunk, tenant));
            }
        }
        let mut answering: BTreeMap<_, Answering<'_>> = BTreeMap::new();
        let counts = |rule: &InboundRule| {
            rule.enabled && rule.caller.is_empty() && rule.usage.intersects(Usage::Call)
        };
        for (id, rule) in context.set.inbound_rules().filter(|(_, rule)| counts(rule)) {
            let Some(tenant) = &id.tenant else { continue };
            let TrunkName::Is(trunk, _) = context.trunk(Some(tenant), &rule.trunk) else {
                continue;
            };
            let entry = answering.entry((trunk, tenant)).or_default();
            match rule.did {
                DidMatch::Any => entry.any = entry.any.or(Some((id, rule))),
                DidMatch::Range(range) => {
                    entry.ranges.insert(range.first(), (range, (id, rule)));
                }
            }
        }
        Self { context, owners, answering, outbound: context.dialled(false) }
    }

    /// The rules for forwarded calls, which nobody's extension makes.
    fn forwarding(&self, tenant: &Name) -> impl Iterator<Item = &'c Dialled<'a>> {
        let all = self.outbound.get(tenant).into_iter().flatten();
        all.filter(|one| one.callers == Callers::All)
    }

    /// The rule that answers a call, and its tenant.
    fn answer(&self, (trunk, number): &Arrival<'_>) -> Option<(&'a ResourceId, &'a InboundRule)> {
        let (range, owner, tenant) = self.owners.range(..=*number).next_back()?.1;
        if owner != trunk || !range.contains(*number) {
            return None;
        }
        let rules = self.answering.get(&(*trunk, *tenant))?;
        let near = rules.ranges.range(..=*number).next_back().map(|(_, one)| one);
        near.filter(|(range, _)| range.contains(*number)).map(|(_, rule)| *rule).or(rules.any)
    }

    /// Where a call that arrives goes next, if it comes in again at a number of ours: over the first
    /// open route, back over a trunk of the same provider.
    fn next(&self, arrival: &Arrival<'a>) -> Option<Arrival<'a>> {
        let (id, rule) = self.answer(arrival)?;
        let dialled = match &rule.destination {
            Destination::Number(number) => number.as_str().to_owned(),
            Destination::Keep(_) => arrival.1.to_string(),
            Destination::Extension(_)
            | Destination::Sip(_)
            | Destination::Voicemail(_)
            | Destination::Reject(_) => return None,
        };
        let tenant = id.tenant.as_ref()?;
        let taken = self.forwarding(tenant).find(|one| one.takes(&dialled))?;
        let (trunk, sent) =
            taken.rule.routes.iter().find_map(|r| self.sent(tenant, r, &dialled))?;
        let bare = sent.strip_prefix('+').or_else(|| sent.strip_prefix("00")).unwrap_or(&sent);
        let number: Number = bare.parse().ok()?;
        let (range, owner, _) = self.owners.range(..=number).next_back()?.1;
        if !range.contains(number) {
            return None;
        }
        let of = |id: &ResourceId| self.context.trunk_of(id);
        let home = trunk == *owner || of(trunk)?.same_provider(of(owner)?);
        home.then_some((*owner, number))
    }

    /// The trunk of a route and the number as sent over it, if it is open.
    fn sent(
        &self,
        tenant: &Name,
        route: &OutboundRoute,
        dialled: &str,
    ) -> Option<(&'a ResourceId, String)> {
        let TrunkName::Is(id, trunk) = self.context.trunk(Some(tenant), &route.trunk) else {
            return None;
        };
        let rest = dialled.get(usize::from(route.strip)..).filter(|rest| !rest.is_empty())?;
        (route.enabled && trunk.enabled).then(|| (id, format!("{}{rest}", route.prepend)))
    }

    /// The arrivals that show everything a rule does: both ends of what it answers, and where a
    /// prefix of an outbound rule begins and ends.
    fn witnesses(&self, id: &ResourceId, rule: &InboundRule) -> Vec<Arrival<'a>> {
        let Some(tenant) = &id.tenant else { return Vec::new() };
        let TrunkName::Is(trunk, _) = self.context.trunk(Some(tenant), &rule.trunk) else {
            return Vec::new();
        };
        let items = self.context.pool_items(trunk, tenant).unwrap_or_default();
        let ranges = items.iter().filter_map(|item| match rule.did {
            DidMatch::Any => Some(item.range),
            DidMatch::Range(did) => did.intersection(item.range),
        });
        let keeps = matches!(rule.destination, Destination::Keep(_));
        let mut numbers = BTreeSet::new();
        for range in ranges {
            numbers.extend([range.first(), range.last()]);
            for one in self.forwarding(tenant).filter(|_| keeps) {
                let begins = one.prefixes.iter().filter_map(|prefix| beginning(prefix, range));
                numbers.extend(begins.flat_map(|part| [part.first(), part.last()]));
            }
        }
        numbers.into_iter().map(|number| (trunk, number)).collect()
    }
}

/// The numbers of a range that begin with a prefix.
fn beginning(prefix: &str, range: NumberRange) -> Option<NumberRange> {
    let free = usize::from(range.first().digits()).checked_sub(prefix.len())?;
    let end = |digit: &str| format!("{prefix}{}", digit.repeat(free)).parse::<Number>().ok();
    NumberRange::new(end("0")?, end("9")?).ok()?.intersection(range)
}

/// Forwarded calls that come back to a number that they were at before.
pub(super) fn tl511_circles(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let forwards = |rule: &InboundRule| {
        matches!(rule.destination, Destination::Number(_) | Destination::Keep(_))
    };
    if !context.set.inbound_rules().any(|(_, rule)| rule.enabled && forwards(rule)) {
        return;
    }
    let plan = Plan::new(context);
    let mut told: BTreeSet<BTreeSet<&ResourceId>> = BTreeSet::new();
    for (id, rule) in context.set.inbound_rules().filter(|(_, one)| one.enabled && forwards(one)) {
        for start in plan.witnesses(id, rule) {
            let Some(way) = circle(&plan, &start) else { continue };
            let rules: BTreeSet<_> = way.iter().filter_map(|at| Some(plan.answer(at)?.0)).collect();
            // Each circle is told once, at the first of its rules.
            if rules.contains(id) && told.insert(rules.clone()) {
                found.push(round(context, id, &way, &rules));
                break;
            }
        }
    }
}

/// The arrivals of the circle that a call gets into, beginning with the one it comes back to.
fn circle<'a>(plan: &Plan<'_, 'a>, start: &Arrival<'a>) -> Option<Vec<Arrival<'a>>> {
    let mut way = vec![*start];
    while way.len() <= MAX_HOPS {
        let next = plan.next(way.last()?)?;
        if let Some(at) = way.iter().position(|seen| *seen == next) {
            return Some(way.split_off(at));
        }
        way.push(next);
    }
    Some(way)
}

fn round(
    context: &Context<'_>,
    id: &ResourceId,
    way: &[Arrival<'_>],
    rules: &BTreeSet<&ResourceId>,
) -> Diagnostic {
    let first = way.first().map(|(_, number)| number.to_string()).unwrap_or_default();
    let numbers: Vec<_> = way.iter().map(|(_, number)| number.to_string()).collect();
    let message = format!(
        "a call to {first} would go round in a circle: {} and again {first}",
        numbers.join(", ")
    );
    let told = context.diagnostic(Code::TL511, id, "/spec/destination", message);
    let others = rules.iter().filter(|other| **other != id).take(5);
    let told = others.fold(told, |told, other| {
        told.related(context.span(other, "/spec/destination"), format!("{other} sends it on"))
    });
    told.help("send the call to an extension, or out over a trunk that does not own the number")
}
