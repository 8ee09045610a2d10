//! Forwarded calls: in over a trunk at a number of ours, out over another, and in again where the
//! number that is sent is ours at the same provider.
//!
//! What a rule that keeps the called number does to the numbers of a range is the same for all of
//! them between two bounds: of its pool, of the rules that answer, of the beginnings that outbound
//! rules ask for, and of what routes put in front. So circles are found from those bounds alone:
//! strip and prepend move a range as a whole, and the least number of a circle is at a bound
//! somewhere on its way.

use std::collections::{BTreeMap, BTreeSet};

use super::dialling::{Dialled, FirstTaker};
use super::provider;
use crate::model::value::{Coverage, DidMatch, DidSet, Name, Number, NumberRange};
use crate::model::{
    Destination, DestinationField, InboundRule, Kind, OutboundRoute, ResourceId, Tenant, Usage,
};
use crate::routing::called_number;
use crate::validate::context::{Context, Map, Share, TrunkName};

/// A call at a trunk: which one, whose number, and the number.
pub(super) type Arrival<'a> = (&'a ResourceId, &'a Name, Number);

/// An inbound rule.
pub(super) type Inbound<'a> = (&'a ResourceId, &'a InboundRule);

/// A call that comes in again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Return<'c, 'a> {
    /// The rule that sends it on, and by which of its destinations.
    pub rule: Inbound<'a>,
    pub field: DestinationField,
    /// The rule that it leaves by.
    pub outbound: &'c Dialled<'a>,
    /// The index of the route.
    pub route: usize,
    /// Where it comes in.
    pub to: Arrival<'a>,
}

/// The inbound rules of a tenant on a trunk, as a look-up.
#[derive(Debug, Default)]
struct Answering<'a> {
    ranges: BTreeMap<Number, (NumberRange, Inbound<'a>)>,
    any: Option<Inbound<'a>>,
    numbers: Coverage,
}

impl<'a> Answering<'a> {
    fn rule(&self, number: Number) -> Option<Inbound<'a>> {
        if !self.numbers.uncovered(NumberRange::single(number)).is_empty() {
            return None;
        }
        let near = self.ranges.range(..=number).next_back().map(|(_, one)| one);
        near.filter(|(range, _)| range.contains(number)).map(|(_, rule)| *rule).or(self.any)
    }

    fn rules(&self) -> impl Iterator<Item = Inbound<'a>> {
        self.ranges.values().map(|(_, rule)| *rule).chain(self.any)
    }
}

/// The numbers of one group of trunks, by their beginnings.
#[derive(Debug, Default)]
struct Owned<'a> {
    /// With the number that this range, or an earlier one, reaches.
    ranges: Vec<(NumberRange, Share<'a>, Number)>,
}

impl<'a> Owned<'a> {
    fn new(mut items: Vec<(NumberRange, Share<'a>)>) -> Self {
        items.sort_unstable();
        let mut furthest: Option<Number> = None;
        let ranges = items.into_iter().map(|(range, share)| {
            let last = range.last();
            let reached = furthest.unwrap_or(last).max(last);
            furthest = Some(reached);
            (range, share, reached)
        });
        Self { ranges: ranges.collect() }
    }

    /// Everybody who has a number.
    fn holders(&self, number: Number) -> BTreeSet<Share<'a>> {
        let end = self.ranges.partition_point(|(range, ..)| range.first() <= number);
        let before = self.ranges.get(..end).unwrap_or_default().iter().rev();
        let near = before.take_while(|(_, _, reached)| *reached >= number);
        near.filter(|(range, ..)| range.contains(number)).map(|(_, share, _)| *share).collect()
    }
}

/// Who owns a number at which trunk, who answers it, and where forwarded calls go.
#[derive(Debug)]
pub(super) struct Forwards<'c, 'a> {
    context: &'c Context<'a>,
    /// The provider's group of each trunk, and the numbers there.
    group_of: Map<&'a ResourceId, usize>,
    owned: Vec<Owned<'a>>,
    answering: BTreeMap<Share<'a>, Answering<'a>>,
    leaving: BTreeMap<&'a Name, Leaving<'c, 'a>>,
}

/// The outbound rules of a tenant, for forwarded calls.
#[derive(Debug)]
struct Leaving<'c, 'a> {
    ordinary: FirstTaker<'c, 'a>,
    urgent: FirstTaker<'c, 'a>,
    tenant: Option<&'a Tenant>,
}

impl<'c, 'a> Leaving<'c, 'a> {
    /// The rule that a dialled number leaves by. Emergency calls pass the lists.
    fn rule(&self, dialled: &str) -> Option<&'c Dialled<'a>> {
        let Some(tenant) = self.tenant else { return self.ordinary.of(dialled) };
        if tenant.emergency_numbers.iter().any(|number| number == dialled) {
            return self.urgent.of(dialled).or_else(|| self.ordinary.of(dialled));
        }
        let blocked = tenant.blocked_prefixes.iter().any(|one| dialled.starts_with(one.as_str()))
            || tenant.blocked_numbers.iter().any(|one| one == dialled);
        if blocked { None } else { self.ordinary.of(dialled) }
    }
}

impl<'c, 'a> Forwards<'c, 'a> {
    pub(super) fn new(context: &'c Context<'a>) -> Self {
        let groups = provider::groups(context.set);
        let mut group_of = Map::default();
        for (index, group) in groups.iter().enumerate() {
            group_of.extend(group.iter().map(|(id, _)| (*id, index)));
        }
        let mut items: Vec<Vec<_>> = vec![Vec::new(); groups.len()];
        let mut answering: BTreeMap<_, Answering<'_>> = BTreeMap::new();
        for (trunk, tenant, pool) in context.pools() {
            if !is_open(context, trunk, tenant) {
                continue;
            }
            let numbers = DidSet::new(pool.iter().map(|item| item.range).collect());
            let group = group_of.get(trunk).and_then(|group| items.get_mut(*group));
            if let Some(group) = group {
                let merged = numbers.merged().into_iter();
                group.extend(merged.map(|range| (range, (trunk, tenant))));
            }
            answering.entry((trunk, tenant)).or_default().numbers = numbers.coverage();
        }
        for (id, rule) in context.set.inbound_rules().filter(|(_, rule)| counts(rule)) {
            let Some(tenant) = &id.tenant else { continue };
            let TrunkName::Is(trunk, _) = context.trunk(Some(tenant), &rule.trunk) else {
                continue;
            };
            let Some(entry) = answering.get_mut(&(trunk, tenant)) else { continue };
            match rule.did {
                DidMatch::Any => entry.any = entry.any.or(Some((id, rule))),
                DidMatch::Range(range) => {
                    entry.ranges.insert(range.first(), (range, (id, rule)));
                }
            }
        }
        let owned = items.into_iter().map(Owned::new).collect();
        let leaving = BTreeMap::new();
        let mut forwards = Self { context, group_of, owned, answering, leaving };
        forwards.leaving = forwards.leaving();
        forwards
    }

    /// What leaves, of the tenants that forward calls.
    fn leaving(&self) -> BTreeMap<&'a Name, Leaving<'c, 'a>> {
        let rules = self.answering.iter().flat_map(|(share, one)| {
            one.rules().filter(|(_, rule)| forwards(rule)).map(|_| share.1)
        });
        let tenants: BTreeSet<_> = rules.collect();
        let of = |emergency: bool, tenant: &Name| {
            FirstTaker::new(self.context.dialled(tenant, emergency))
        };
        let leaving = tenants.into_iter().map(|name| {
            let tenant = self.context.set.tenant(None, name);
            (name, Leaving { ordinary: of(false, name), urgent: of(true, name), tenant })
        });
        leaving.collect()
    }

    /// The rule that answers a call.
    pub(super) fn answer(&self, (trunk, tenant, number): Arrival<'a>) -> Option<Inbound<'a>> {
        self.answering.get(&(trunk, tenant))?.rule(number)
    }

    /// Everywhere that a call comes in again: by every destination of the rule that answers it, and
    /// every open route of the rule that it leaves by, as the routes before it may fail.
    pub(super) fn returns(&self, arrival: Arrival<'a>) -> Vec<Return<'c, 'a>> {
        let Some(rule) = self.answer(arrival) else { return Vec::new() };
        let Some(leaving) = self.leaving.get(arrival.1) else { return Vec::new() };
        let mut all = Vec::new();
        for (field, destination) in looked_at(rule.1) {
            let dialled = match &destination {
                Destination::Number(number) => match leaving.tenant {
                    Some(tenant) => processed(tenant, number.as_str()),
                    None => Some(number.as_str().to_owned()),
                },
                Destination::Keep(_) => Some(arrival.2.to_string()),
                Destination::Extension(_)
                | Destination::Sip(_)
                | Destination::Voicemail(_)
                | Destination::Reject(_) => None,
            };
            let Some(dialled) = dialled else { continue };
            let Some(outbound) = leaving.rule(&dialled) else { continue };
            for (route, by) in outbound.rule.routes.iter().enumerate() {
                let arrivals = self.arrivals(arrival.1, by, &dialled).into_iter();
                all.extend(arrivals.map(|to| Return { rule, field, outbound, route, to }));
            }
        }
        all
    }

    /// Where a call comes in that leaves by a route: wherever its number is ours at that provider.
    fn arrivals(&self, tenant: &Name, route: &OutboundRoute, dialled: &str) -> Vec<Arrival<'a>> {
        let TrunkName::Is(id, trunk) = self.context.trunk(Some(tenant), &route.trunk) else {
            return Vec::new();
        };
        let rest = dialled.get(usize::from(route.strip)..).filter(|rest| !rest.is_empty());
        let Some(rest) = rest.filter(|_| route.enabled && trunk.enabled) else { return Vec::new() };
        let Some(number) = called_number(&format!("{}{rest}", route.prepend)) else {
            return Vec::new();
        };
        let owned = self.group_of.get(id).and_then(|group| self.owned.get(*group));
        let holders = owned.map(|owned| owned.holders(number)).unwrap_or_default();
        let same = |at: &ResourceId| {
            let other = || self.context.trunk_of(at);
            at == id || other().is_some_and(|other| trunk.same_provider(other))
        };
        let here = holders.into_iter().filter(|(at, _)| same(at));
        here.map(|(at, tenant)| (at, tenant, number)).collect()
    }

    /// The calls from which every circle can be found, in order.
    pub(super) fn starts(&self) -> BTreeSet<Arrival<'a>> {
        let in_front = self.in_front();
        let mut starts = BTreeSet::new();
        for ((trunk, tenant), answering) in &self.answering {
            if !answering.rules().any(|(_, rule)| forwards(rule)) {
                continue;
            }
            let mut numbers: BTreeSet<Number> =
                answering.numbers.ranges().iter().map(|range| range.first()).collect();
            for (range, _) in answering.ranges.values() {
                bounds(*range, &mut numbers);
            }
            if answering.rules().any(|(_, rule)| keeps(rule)) {
                let front = self.group_of.get(trunk).and_then(|group| in_front.get(group));
                self.add_beginnings((tenant, answering), front, &mut numbers);
            }
            let forwarded = numbers
                .into_iter()
                .filter(|number| answering.rule(*number).is_some_and(|(_, rule)| forwards(rule)));
            starts.extend(forwarded.map(|number| (*trunk, *tenant, number)));
        }
        starts
    }

    /// What routes of tenants that keep numbers put in front of them, by group of trunks.
    fn in_front(&self) -> BTreeMap<usize, BTreeSet<&'a str>> {
        let mut found: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        let keeping = self.answering.iter().filter(|(_, one)| one.rules().any(|it| keeps(it.1)));
        let tenants: BTreeSet<_> = keeping.map(|((_, tenant), _)| *tenant).collect();
        for tenant in tenants {
            let all = [false, true].map(|emergency| self.context.dialled(tenant, emergency));
            for route in all.into_iter().flatten().flat_map(|one| &one.rule.routes) {
                let TrunkName::Is(trunk, _) = self.context.trunk(Some(tenant), &route.trunk) else {
                    continue;
                };
                let bare = route.prepend.strip_prefix('+');
                let bare = bare.or_else(|| route.prepend.strip_prefix("00"));
                if let Some(group) = self.group_of.get(trunk) {
                    found.entry(*group).or_default().insert(bare.unwrap_or(&route.prepend));
                }
            }
        }
        found
    }

    /// Where the treatment of kept numbers may change: at the bounds of every beginning and every
    /// single number that something asks for, in each length in use.
    fn add_beginnings(
        &self,
        (tenant, answering): (&Name, &Answering<'a>),
        in_front: Option<&BTreeSet<&str>>,
        numbers: &mut BTreeSet<Number>,
    ) {
        let Some(leaving) = self.leaving.get(tenant) else { return };
        let mut beginnings: BTreeSet<&str> = leaving.ordinary.prefixes().collect();
        beginnings.extend(leaving.urgent.prefixes());
        beginnings.extend(in_front.into_iter().flatten());
        let mut single: Vec<&String> = Vec::new();
        if let Some(tenant) = leaving.tenant {
            beginnings.extend(tenant.blocked_prefixes.iter().map(String::as_str));
            single.extend(tenant.blocked_numbers.iter().chain(&tenant.emergency_numbers));
        }
        let lengths: BTreeSet<u8> =
            answering.numbers.ranges().iter().map(|range| range.first().digits()).collect();
        for beginning in beginnings {
            for length in &lengths {
                if let Some(range) = beginning_with(beginning, *length) {
                    bounds(range, numbers);
                }
            }
        }
        let single = single.into_iter().filter_map(|number| number.parse().ok());
        single.for_each(|number| bounds(NumberRange::single(number), numbers));
    }
}

/// The first number of a range, and the first behind it.
fn bounds(range: NumberRange, numbers: &mut BTreeSet<Number>) {
    numbers.insert(range.first());
    numbers.extend(range.last().offset(1));
}

/// The numbers of a length that begin so.
fn beginning_with(prefix: &str, length: u8) -> Option<NumberRange> {
    let free = usize::from(length).checked_sub(prefix.len())?;
    let end = |digit: &str| format!("{prefix}{}", digit.repeat(free)).parse::<Number>().ok();
    NumberRange::new(end("0")?, end("9")?).ok()
}

/// Whether calls come in over a trunk to a tenant, and what answers them is all known.
fn is_open(context: &Context<'_>, trunk: &ResourceId, tenant: &Name) -> bool {
    let enabled = context.trunk_of(trunk).is_some_and(|trunk| trunk.enabled)
        && context.set.tenant(None, tenant).is_none_or(|tenant| tenant.enabled);
    let unknown = [Kind::InboundRule, Kind::OutboundRule]
        .iter()
        .any(|kind| context.declared.may_have(*kind, Some(tenant)));
    enabled && !unknown
}

/// Whether a rule answers calls of everybody.
fn counts(rule: &InboundRule) -> bool {
    rule.enabled && rule.caller.is_empty() && rule.usage.intersects(Usage::Call)
}

/// The destinations that a rule may come to.
fn looked_at(rule: &InboundRule) -> impl Iterator<Item = (DestinationField, Destination)> {
    let timed = rule.schedule.is_some();
    let all = rule.destinations().map(|(field, one)| (field, one.into_owned()));
    all.filter(move |(field, _)| match field {
        DestinationField::OutOfHours | DestinationField::Holiday => timed,
        DestinationField::Destination | DestinationField::Advanced(_) => true,
    })
}

/// Whether a rule sends calls on, ever.
pub(super) fn forwards(rule: &InboundRule) -> bool {
    let sends_on = |one: &Destination| matches!(one, Destination::Number(_) | Destination::Keep(_));
    rule.destinations().any(|(_, one)| sends_on(&one))
}

fn keeps(rule: &InboundRule) -> bool {
    rule.destinations().any(|(_, one)| matches!(*one, Destination::Keep(_)))
}

/// A number as outbound rules see it (domain.md section 5); `None` where that is not settled.
fn processed(tenant: &Tenant, dialled: &str) -> Option<String> {
    let e164 = &tenant.e164;
    let Some(bare) = dialled.strip_prefix('+').filter(|_| e164.enabled) else {
        return Some(dialled.to_owned());
    };
    let own = tenant.country_code.as_deref().and_then(|code| bare.strip_prefix(code));
    let Some(national) = own else {
        return Some(format!("{}{}{bare}", e164.prefix, e164.international_code));
    };
    if !e164.remove_duplicate_countries {
        return None;
    }
    let area = tenant.area_code.as_deref().filter(|_| e164.remove_duplicate_area_codes);
    let rest = area.and_then(|area| national.strip_prefix(area)).unwrap_or(national);
    Some(format!("{}{}{rest}", e164.prefix, e164.national_code))
}
