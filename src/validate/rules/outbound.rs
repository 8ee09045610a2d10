//! Rules about outbound rules.

use std::collections::BTreeMap;

use super::dead::told_of;
use super::dialling::Dialled;
use super::inbound::foreign_trunk;
use crate::diag::{Code, Diagnostic};
use crate::model::value::Name;
use crate::model::{Kind, OutboundRoute, ResourceId};
use crate::validate::context::{Context, TrunkName};
use crate::validate::section::Section;

/// A route over a trunk that the tenant neither owns nor has a pool on.
pub(super) fn tl506_foreign_trunk<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, rule) in section.outbound_rules() {
        for (index, route) in rule.routes.iter().enumerate() {
            let field = format!("/spec/routes/{index}/trunk");
            found.extend(foreign_trunk(context, id, &route.trunk, &field));
        }
    }
}

/// Rules of one priority told for one tenant; of further ones the number.
const MAX_PAIRS: usize = 100;

/// Comparisons among the rules of one tenant.
const MAX_COMPARED: usize = 5_000_000;

/// Two rules of one priority that a call may both fit: only their names decide.
pub(super) fn tl509_equal_priority<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let dead = told_of(found, Code::TL508);
    for rules in [false, true].map(|emergency| section.dialled(context, emergency)) {
        let mut left = MAX_COMPARED;
        let groups = rules.chunk_by(|one, two| one.rule.priority == two.rule.priority);
        let pairs = groups.flat_map(|group| rivals(group, &mut left));
        // Of a rule that takes no call, that is told.
        let is_alive = |rule: &Dialled<'_>| dead.is_empty() || !dead.contains(&rule.id.to_string());
        let mut pairs = pairs.filter(|(rule, _)| is_alive(rule));
        let told = pairs.by_ref().take(MAX_PAIRS);
        found.extend(told.map(|(rule, other)| match other {
            Some(other) => equal(context, (rule, other)),
            None => not_compared(context, rule),
        }));
        let rest: Vec<_> = pairs.collect();
        let Some((rule, _)) = rest.first() else { continue };
        let message = format!(
            "{} more rules, this one first, take calls of others with their priority",
            rest.len()
        );
        let told = context.diagnostic(Code::TL509, rule.id, "/spec/priority", message);
        found.push(told.help("give rules that share calls different priorities"));
    }
}

/// Of rules of one priority, each that shares a call with an earlier one, and the first that it
/// shares one with; the last has none where too many comparisons would be needed to go on. Only
/// rules with nested prefixes are compared.
fn rivals<'r, 'a>(
    group: &'r [Dialled<'a>],
    left: &mut usize,
) -> Vec<(&'r Dialled<'a>, Option<&'r Dialled<'a>>)> {
    let mut found = Vec::new();
    let mut earlier: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, rule) in group.iter().enumerate() {
        let mut first: Option<usize> = None;
        for prefix in &rule.prefixes {
            let shorter =
                (0..prefix.len()).filter_map(|end| earlier.get_key_value(prefix.get(..end)?));
            let longer = earlier.range(*prefix..).take_while(|(key, _)| key.starts_with(prefix));
            for (key, others) in shorter.chain(longer) {
                let before = others.iter().take_while(|other| first.is_none_or(|at| **other < at));
                let met = before.copied().find(|other| {
                    *left = left.saturating_sub(1);
                    group.get(*other).is_some_and(|it| it.overlaps(rule, (key, prefix)))
                });
                first = met.or(first);
            }
        }
        if *left == 0 && group.len() > 1 {
            found.push((rule, None));
            return found;
        }
        found.extend(first.map(|other| (rule, group.get(other))));
        for prefix in &rule.prefixes {
            earlier.entry(prefix).or_default().push(index);
        }
    }
    found
}

fn not_compared(context: &Context<'_>, rule: &Dialled<'_>) -> Diagnostic {
    let priority = rule.rule.priority;
    let message = format!(
        "this rule and those behind it are not compared with the others of priority {priority}: they are too many"
    );
    context
        .diagnostic(Code::TL509, rule.id, "/spec/priority", message)
        .help("give the rules different priorities")
}

fn equal(context: &Context<'_>, (rule, other): (&Dialled<'_>, &Dialled<'_>)) -> Diagnostic {
    let message = format!(
        "rule `{}` has the priority {} too, and takes calls of this one: only the names decide",
        other.id.name, rule.rule.priority
    );
    context
        .diagnostic(Code::TL509, rule.id, "/spec/priority", message)
        .related(context.span(other.id, "/spec/priority"), format!("{} stands here", other.id))
        .help("give them different priorities: the lower one is tried first")
}

/// Emergency numbers that no rule carries out.
pub(super) fn tl512_emergency<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, tenant) in section.sound.tenants().filter(|(_, one)| one.enabled) {
        if context.declared.may_have(Kind::OutboundRule, Some(&id.name)) {
            continue;
        }
        // Numbers that fail for one reason are one mistake.
        let mut unreachable: BTreeMap<Option<&ResourceId>, Vec<usize>> = BTreeMap::new();
        for (index, number) in tenant.emergency_numbers.iter().enumerate() {
            let rules = [true, false].map(|emergency| section.dialled(context, emergency));
            let first = rules.into_iter().flatten().find(|rule| rule.takes(number));
            let carries = |route: &OutboundRoute| is_open(context, &id.name, route, number);
            if !first.is_some_and(|rule| rule.rule.routes.iter().any(carries)) {
                unreachable.entry(first.map(|rule| rule.id)).or_default().push(index);
            }
        }
        for (rule, at) in unreachable {
            let numbers = at.iter().filter_map(|index| tenant.emergency_numbers.get(*index));
            let numbers: Vec<_> = numbers.map(|number| format!("`{number}`")).collect();
            let (numbers, many) = (numbers.join(", "), numbers.len() > 1);
            let message = match (rule, many) {
                (None, false) => format!("no outbound rule takes the emergency number {numbers}"),
                (None, true) => format!("no outbound rule takes the emergency numbers {numbers}"),
                (Some(rule), false) => {
                    format!(
                        "{numbers} is taken by rule `{}`, which has no open route for it",
                        rule.name
                    )
                }
                (Some(rule), true) => {
                    format!(
                        "{numbers} are taken by rule `{}`, which has no open route for them",
                        rule.name
                    )
                }
            };
            let first = at.first().copied().unwrap_or_default();
            let field = format!("/spec/emergencyNumbers/{first}");
            let follows = rule.is_none() && context.has_lost(Kind::OutboundRule, &id.name);
            let mut told = context.diagnostic(Code::TL512, id, &field, message).follows(follows);
            if let Some(rule) = rule {
                told = told.related(context.span(rule, "/spec/routes"), "the rule's routes");
            }
            found.push(told.help(
                "add an OutboundRule with `emergency: true` and a route over an enabled trunk",
            ));
        }
    }
}

/// Whether a call to a number can leave by a route.
pub(super) fn is_open(
    context: &Context<'_>,
    tenant: &Name,
    route: &OutboundRoute,
    number: &str,
) -> bool {
    let trunk = match context.trunk(Some(tenant), &route.trunk) {
        TrunkName::Is(_, trunk) => trunk,
        // What is wrong with it is told, and that is one mistake.
        TrunkName::Refused | TrunkName::OfTenant | TrunkName::Nothing => return true,
    };
    let left = number.len() > usize::from(route.strip);
    route.enabled && left && trunk.enabled
}
