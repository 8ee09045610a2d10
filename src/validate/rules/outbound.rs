//! Rules about outbound rules.

use std::collections::BTreeMap;

use super::dialling::{self, Dialled};
use super::inbound::foreign_trunk;
use crate::diag::{Code, Diagnostic};
use crate::model::value::Name;
use crate::model::{OutboundRoute, ResourceId};
use crate::validate::context::{Context, TrunkName};

/// A route over a trunk that the tenant neither owns nor has a pool on.
pub(super) fn tl506_foreign_trunk(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, rule) in context.outbound_rules() {
        for (index, route) in rule.routes.iter().enumerate() {
            let field = format!("/spec/routes/{index}/trunk");
            found.extend(foreign_trunk(context, id, &route.trunk, &field));
        }
    }
}

/// The places of rules told as being in the way.
const MAX_RELATED: usize = 3;

/// Outbound rules that take no call, or none that earlier ones leave.
pub(super) fn tl508_dead_outbound(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for rules in context.dialled(false).values() {
        for (index, rule) in rules.iter().enumerate() {
            if rule.takes_nothing() {
                let message =
                    "this rule takes no call: no number and caller meet all its conditions";
                found.push(
                    context
                        .diagnostic(Code::TL508, rule.id, "/spec/match", message)
                        .help("a number is at least as long as its prefix, and callers are extensions of the tenant"),
                );
                continue;
            }
            let before = rules.get(..index).unwrap_or_default();
            if let Some(others) = dialling::covered_by(rule, before) {
                found.push(dead(context, rule, &others));
            }
        }
    }
    tell_dead_emergency(context, found);
}

fn dead(context: &Context<'_>, rule: &Dialled<'_>, others: &[&ResourceId]) -> Diagnostic {
    let names: Vec<_> = others.iter().map(|id| format!("`{}`", id.name)).collect();
    let message =
        format!("this rule takes no call: earlier ones take them all: {}", names.join(", "));
    let told = context.diagnostic(Code::TL508, rule.id, "/spec/match", message);
    let told = others.iter().take(MAX_RELATED).fold(told, |told, id| {
        told.related(context.span(id, "/spec/match"), format!("{} comes first", id.name))
    });
    told.help("give it a lower `priority`, narrow the earlier ones, or remove it")
}

/// Routes that carry nothing: all of a rule are switched off, or one strips every number away.
pub(super) fn tl508_dead_routes(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, rule) in context.set.outbound_rules() {
        if rule.routes.iter().all(|route| !route.enabled) {
            let message = "no call leaves by this rule: all its routes are disabled";
            let told = context.diagnostic(Code::TL508, id, "/spec/routes", message);
            found.push(told.help(
                "enable one of them, or remove the rule: it keeps its calls from later ones",
            ));
            continue;
        }
        let Some(longest) = rule.matches.lengths.last() else { continue };
        for (index, route) in rule.routes.iter().enumerate() {
            if !route.enabled || route.strip < *longest {
                continue;
            }
            let field = format!("/spec/routes/{index}/strip");
            let message = format!(
                "this route is never taken: it strips {} digits, and no number has more than {longest}",
                route.strip
            );
            let told = context.diagnostic(Code::TL508, id, &field, message);
            let told = told.related(context.span(id, "/spec/match/lengths"), "the lengths");
            found.push(told.help("strip fewer digits"));
        }
    }
}

fn tell_dead_emergency(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (tenant, rules) in context.dialled(true) {
        let Some(numbers) = context.set.tenant(None, tenant).map(|one| &one.emergency_numbers)
        else {
            continue;
        };
        for rule in rules.iter().filter(|rule| !numbers.iter().any(|number| rule.takes(number))) {
            let message =
                "this emergency rule takes no call: the tenant has no such emergency number";
            let place = ResourceId::system(crate::model::Kind::Tenant, (*tenant).clone());
            found.push(
                context
                    .diagnostic(Code::TL508, rule.id, "/spec/match", message)
                    .related(
                        context.key_span(&place, "/spec/emergencyNumbers"),
                        "the tenant's numbers",
                    )
                    .help(
                        "add the number to `emergencyNumbers` of the Tenant, or correct the rule",
                    ),
            );
        }
    }
}

/// Rules of one priority told for one tenant.
const MAX_PAIRS: usize = 100;

/// Two rules of one priority that a call may both fit: only their names decide.
pub(super) fn tl509_equal_priority(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for emergency in [false, true] {
        for rules in context.dialled(emergency).values() {
            let groups = rules.chunk_by(|one, two| one.rule.priority == two.rule.priority);
            found.extend(groups.flat_map(rivals).take(MAX_PAIRS).map(|pair| equal(context, pair)));
        }
    }
}

/// Of rules of one priority, each that shares a call with an earlier one, and that one.
fn rivals<'r, 'a>(
    group: &'r [Dialled<'a>],
) -> impl Iterator<Item = (&'r Dialled<'a>, &'r Dialled<'a>)> {
    group.iter().enumerate().filter_map(|(index, rule)| {
        let mut earlier = group.iter().take(index);
        earlier.find(|other| other.overlaps(rule)).map(|other| (rule, other))
    })
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
pub(super) fn tl512_emergency(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let (urgent, ordinary) = (context.dialled(true), context.dialled(false));
    for (id, tenant) in context.set.tenants().filter(|(_, one)| one.enabled) {
        if context.declared.may_have(crate::model::Kind::OutboundRule, Some(&id.name)) {
            continue;
        }
        // Numbers that fail for one reason are one mistake.
        let mut unreachable: BTreeMap<Option<&ResourceId>, Vec<usize>> = BTreeMap::new();
        for (index, number) in tenant.emergency_numbers.iter().enumerate() {
            let rules = [urgent, ordinary].into_iter().filter_map(|all| all.get(&id.name));
            let first = rules.flatten().find(|rule| rule.takes(number));
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
            let mut told = context.diagnostic(Code::TL512, id, &field, message);
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
fn is_open(context: &Context<'_>, tenant: &Name, route: &OutboundRoute, number: &str) -> bool {
    let trunk = match context.trunk(Some(tenant), &route.trunk) {
        TrunkName::Is(_, trunk) => trunk,
        // What is wrong with it is told, and that is one mistake.
        TrunkName::Refused | TrunkName::OfTenant(_) | TrunkName::Nothing => return true,
    };
    let left = number.len() > usize::from(route.strip);
    route.enabled && left && trunk.enabled
}
