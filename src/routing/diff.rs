//! The behaviour diff: which numbers change their route between two tables.
//!
//! Inbound, the numbers of a trunk fall into stretches on which both tables answer with one formula
//! (a refusal, a fixed target, or a target that moves with the number); the stretches are found
//! from the ends of pools, rules and extensions, never by trying numbers one by one. Outbound, the
//! numbers of a tenant fall into the regions between its prefixes.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::value::{DidMatch, Number, NumberRange};
use crate::model::{Destination, ResourceId};

use super::decision::{Attempt, Decision, Direction, Outcome, Refusal, Target};
use super::table::{Table, TrunkEntry, TrunkIndex};

/// One stretch of numbers whose route changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    /// Which way.
    pub direction: Direction,
    /// The tenant's name: the new owner's where the number moves.
    pub tenant: Option<String>,
    /// The trunk that inbound calls come from, as a resource.
    pub trunk: Option<String>,
    /// First number; for an outbound region its prefix with `*`.
    pub from: String,
    /// Last number, included.
    pub to: String,
    /// The route before, in words.
    pub before: String,
    /// The route after, in words.
    pub after: String,
    /// A number of the stretch that shows the change.
    pub witness: String,
}

/// Every route that changes, inbound by trunk and number, then outbound by tenant and prefix.
pub fn behaviour(before: &Table, after: &Table) -> Vec<RouteChange> {
    let mut changes = Vec::new();
    let trunks = before.trunks().chain(after.trunks()).map(|(_, trunk)| trunk.id.clone());
    for trunk in trunks.collect::<BTreeSet<_>>() {
        inbound(before, after, &trunk, &mut changes);
    }
    let tenants = before.tenants().chain(after.tenants()).map(|(_, tenant)| tenant.id.clone());
    for tenant in tenants.collect::<BTreeSet<_>>() {
        outbound(before, after, &tenant, &mut changes);
    }
    changes
}

/// A number in no pool of a trunk: the same as no trunk, or all numbers of the world would change
/// with each new one.
const NOT_ROUTED: &str = "not routed";

/// What one table does on a stretch: the answers at its two ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Side {
    tenant: Option<String>,
    /// The user part at the first and the last number; equal when the target does not move.
    users: (String, String),
    /// Everything else of the answer.
    rest: String,
}

impl Side {
    fn at(table: &Table, trunk: Option<TrunkIndex>, number: Number) -> Self {
        let Some(trunk) = trunk else {
            return Self { tenant: None, users: Default::default(), rest: NOT_ROUTED.to_owned() };
        };
        let decision = table.route_inbound(trunk, &number.to_string(), "", &mut ());
        let tenant = decision.tenant.and_then(|index| table.tenant(index));
        let tenant = tenant.map(|entry| entry.id.name.to_string());
        let (user, rest) = match decision.outcome {
            Outcome::Refuse(Refusal::NoPool) => (String::new(), NOT_ROUTED.to_owned()),
            Outcome::Refuse(refusal) => {
                let text = format!("refused {} {}", refusal.code_to_trunk(), refusal.reason());
                (String::new(), text)
            }
            Outcome::Deliver(attempts) => {
                let first = attempts.into_iter().next();
                first.map_or_else(Default::default, |attempt| (attempt.user, attempt.host))
            }
        };
        Self { tenant, users: (user.clone(), user), rest }
    }

    fn moves(&self) -> bool {
        self.users.0 != self.users.1
    }

    /// This stretch (of `size` numbers) and the next one as one, if one formula serves both.
    fn join(&self, size: u64, next: &Self, next_size: u64) -> Option<Self> {
        if self.tenant != next.tenant || self.rest != next.rest {
            return None;
        }
        let fixed = !self.moves() && !next.moves() && self.users == next.users;
        let number = |text: &str| text.parse::<Number>().ok();
        let slope = || {
            let (first, last) = (number(&self.users.0)?, number(&self.users.1)?);
            let (second, end) = (number(&next.users.0)?, number(&next.users.1)?);
            let whole = first.offset(size - 1)? == last && second.offset(next_size - 1)? == end;
            (whole && last.offset(1)? == second).then_some(())
        };
        let joined = Self { users: (self.users.0.clone(), next.users.1.clone()), ..self.clone() };
        (fixed || slope().is_some()).then_some(joined)
    }

    fn text(&self, with_tenant: bool) -> String {
        let target = match &self.users {
            (first, _) if first.is_empty() => self.rest.clone(),
            (first, last) if first == last => format!("sip:{first}@{}", self.rest),
            (first, last) => format!("sip:{first}@{} … sip:{last}@{}", self.rest, self.rest),
        };
        match &self.tenant {
            Some(tenant) if with_tenant => format!("{tenant}: {target}"),
            _ => target,
        }
    }
}

/// A stretch that changes.
struct Stretch {
    range: NumberRange,
    before: Side,
    after: Side,
}

fn inbound(before: &Table, after: &Table, id: &ResourceId, changes: &mut Vec<RouteChange>) {
    let sides = [(before, before.trunk_of(id)), (after, after.trunk_of(id))];
    let mut starts = BTreeSet::new();
    for (table, trunk) in sides {
        let entry = trunk.and_then(|index| table.trunk(index));
        entry.into_iter().for_each(|entry| add_starts(table, entry, &mut starts));
    }
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut queue: Vec<NumberRange> = elementary(&starts);
    queue.reverse();
    // Each stretch is split at most three times: off its ends and at one crossing inside.
    while let Some(range) = queue.pop() {
        let ends = |(table, trunk): (&Table, Option<TrunkIndex>)| {
            let first = Side::at(table, trunk, range.first());
            let last = Side::at(table, trunk, range.last());
            (first, last)
        };
        let (old, new) = (ends(sides[0]), ends(sides[1]));
        if old == new {
            continue;
        }
        if let Some(parts) = split(range, &old, &new) {
            queue.extend(parts.into_iter().rev());
            continue;
        }
        let whole =
            |(first, last): (Side, Side)| Side { users: (first.users.0, last.users.0), ..first };
        push(&mut stretches, Stretch { range, before: whole(old), after: whole(new) });
    }
    changes.extend(stretches.into_iter().map(|stretch| inbound_change(id, stretch)));
}

/// Where a stretch has to be cut so that each part changes wholly or not at all: next to an end
/// where both sides agree, or around the one number where a fixed and a moving target meet.
fn split(range: NumberRange, old: &(Side, Side), new: &(Side, Side)) -> Option<Vec<NumberRange>> {
    let (first, last) = (range.first(), range.last());
    if first == last {
        return None;
    }
    let number = |text: &str| text.parse::<Number>().ok();
    let crossing = || {
        let (fixed, moving) = if old.0.users == old.1.users { (old, new) } else { (new, old) };
        let distance =
            number(&fixed.0.users.0)?.value().checked_sub(number(&moving.0.users.0)?.value())?;
        let moves = fixed.0.users == fixed.1.users && moving.0.users != moving.1.users;
        let same = fixed.0.rest == moving.0.rest && fixed.0.tenant == moving.0.tenant;
        first.offset(distance).filter(|at| moves && same && first < *at && *at < last)
    };
    let at = if old.0 == new.0 {
        first
    } else if old.1 == new.1 {
        last
    } else {
        crossing()?
    };
    let part = |from: Option<Number>, to: Option<Number>| NumberRange::new(from?, to?).ok();
    let left = part(Some(first), at.previous()).filter(|_| first < at);
    let right = part(at.offset(1), Some(last)).filter(|_| at < last);
    Some([left, Some(NumberRange::single(at)), right].into_iter().flatten().collect())
}

fn push(stretches: &mut Vec<Stretch>, next: Stretch) {
    if let Some(previous) = stretches.last_mut()
        && previous.range.last().offset(1) == Some(next.range.first())
    {
        let (size, next_size) = (previous.range.size(), next.range.size());
        let before = previous.before.join(size, &next.before, next_size);
        let after = previous.after.join(size, &next.after, next_size);
        let range = NumberRange::new(previous.range.first(), next.range.last());
        if let (Some(before), Some(after), Ok(range)) = (before, after, range) {
            *previous = Stretch { range, before, after };
            return;
        }
    }
    stretches.push(next);
}

fn inbound_change(trunk: &ResourceId, stretch: Stretch) -> RouteChange {
    let moved = stretch.before.tenant.is_some()
        && stretch.after.tenant.is_some()
        && stretch.before.tenant != stretch.after.tenant;
    RouteChange {
        direction: Direction::Inbound,
        before: stretch.before.text(moved),
        after: stretch.after.text(moved),
        tenant: stretch.after.tenant.or(stretch.before.tenant),
        trunk: Some(trunk.to_string()),
        from: stretch.range.first().to_string(),
        to: stretch.range.last().to_string(),
        witness: stretch.range.first().to_string(),
    }
}

/// Notes where the formula of a trunk's answers may change: at the ends of pools and rules, and
/// where a range destination passes from one extension to the next.
fn add_starts(table: &Table, trunk: &TrunkEntry, starts: &mut BTreeSet<Number>) {
    let mut add = |range: NumberRange| {
        starts.insert(range.first());
        starts.extend(range.last().offset(1));
    };
    trunk.pools.iter().for_each(|pool| add(pool.numbers));
    for (tenant, rules) in &trunk.inbound {
        for (range, rule) in &rules.ranges {
            add(*range);
            let rule = table.rule(*rule).and_then(|rule| rule.inbound.as_ref());
            let Some((DidMatch::Range(did), Destination::Extension(target))) = rule else {
                continue;
            };
            let extensions = table.tenant(*tenant).into_iter().flat_map(|entry| &entry.extensions);
            let inside = extensions.filter_map(|entry| entry.numbers.intersection(*target));
            let back = |number: Number| did.first().offset(number.value() - target.first().value());
            for part in inside.filter(|_| target.size() > 1) {
                let ends = (back(part.first()), back(part.last()));
                if let (Some(first), Some(last)) = ends {
                    NumberRange::new(first, last).into_iter().for_each(&mut add);
                }
            }
        }
    }
}

/// The ranges between neighbouring starts, each within one length.
fn elementary(starts: &BTreeSet<Number>) -> Vec<NumberRange> {
    let next = starts.iter().skip(1).copied().map(Some).chain([None]);
    let ranges = starts.iter().zip(next).filter_map(|(first, next)| {
        let same_length = next.filter(|next| next.digits() == first.digits());
        let end = same_length.and_then(Number::previous).or_else(|| last_of_length(*first))?;
        NumberRange::new(*first, end).ok()
    });
    ranges.collect()
}

fn last_of_length(number: Number) -> Option<Number> {
    let distance = 10_u64.checked_pow(number.digits().into())?.checked_sub(number.value() + 1)?;
    number.offset(distance)
}

fn outbound(before: &Table, after: &Table, id: &ResourceId, changes: &mut Vec<RouteChange>) {
    let prefixes: BTreeSet<&str> = [before, after]
        .into_iter()
        .filter_map(|table| table.tenant(table.tenant_named(&id.name)?))
        .flat_map(|tenant| tenant.outbound.iter().flat_map(|rule| &rule.prefixes))
        .map(String::as_str)
        .collect();
    for prefix in &prefixes {
        let witness = witness(prefix, &prefixes);
        let (old, new) = (attempts(before, id, &witness), attempts(after, id, &witness));
        if old != new {
            changes.push(RouteChange {
                direction: Direction::Outbound,
                tenant: Some(id.name.to_string()),
                trunk: None,
                from: format!("{prefix}*"),
                to: format!("{prefix}*"),
                before: old,
                after: new,
                witness,
            });
        }
    }
}

/// A number that begins with `prefix` and with no longer one of `prefixes`, if there is any;
/// otherwise the prefix itself.
fn witness(prefix: &str, prefixes: &BTreeSet<&str>) -> String {
    let longer = |start: &str| {
        prefixes.range(start..).next().is_some_and(|listed| listed.starts_with(start))
    };
    let mut start = prefix.to_owned();
    // A prefix has at most 64 characters, so the search ends.
    while start.len() < 64 {
        let mut next = ('0'..='9').map(|digit| format!("{start}{digit}"));
        if let Some(free) = next.find(|next| !longer(next)) {
            return format!("{free}5550100");
        }
        let mut inner = ('0'..='9').map(|digit| format!("{start}{digit}"));
        let Some(open) = inner.find(|next| !prefixes.contains(next.as_str())) else { break };
        start = open;
    }
    prefix.to_owned()
}

fn attempts(table: &Table, tenant: &ResourceId, dialled: &str) -> String {
    let Some(index) = table.tenant_named(&tenant.name) else { return "no such tenant".to_owned() };
    let Decision { outcome, .. } = table.route_outbound(index, dialled, &mut ());
    match outcome {
        Outcome::Refuse(refusal) => {
            format!("refused {} {}", refusal.code_to_tenant(), refusal.reason())
        }
        Outcome::Deliver(attempts) => {
            let texts: Vec<_> = attempts.iter().map(|attempt| route_text(table, attempt)).collect();
            texts.join(", then ")
        }
    }
}

fn route_text(table: &Table, attempt: &Attempt) -> String {
    let trunk = match &attempt.target {
        Target::Trunk(index) => table.trunk(*index).map(|trunk| trunk.id.to_string()),
        Target::Contact => None,
    };
    let trunk = trunk.unwrap_or_default();
    format!("{trunk} as {} at {}", attempt.user, attempt.next_hop)
}

/// How many numbers change, by direction; outbound counts regions.
pub fn count(changes: &[RouteChange]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for change in changes {
        let size = match (change.from.parse::<Number>(), change.to.parse::<Number>()) {
            (Ok(from), Ok(to)) => NumberRange::new(from, to).map_or(1, NumberRange::size),
            _ => 1,
        };
        *counts.entry(change.direction.as_str()).or_default() += size;
    }
    counts
}
