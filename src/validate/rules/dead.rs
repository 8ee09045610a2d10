//! Outbound rules that carry no call: nobody can make one that they take, others take them first, or
//! no route is left for them.

use std::collections::BTreeSet;

use super::covered::{Before, Earlier, Verdict};
use super::dialling::Dialled;
use crate::diag::{Code, Diagnostic};
use crate::manifest::suggest::nearest;
use crate::model::{Kind, ResourceId};
use crate::validate::context::Context;
use crate::validate::section::Section;

/// Outbound rules that take no call, or none that earlier ones and the tenant's lists leave.
pub(super) fn tl508_dead_outbound<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let spec = section.sound.tenants().next().map(|(_, spec)| spec);
    let emergency = spec.map(|one| one.emergency_numbers.as_slice()).unwrap_or_default();
    let mut urgent = Earlier::default();
    section.dialled(context, true).iter().for_each(|one| urgent.push(one));
    let mut earlier = Earlier::of(spec);
    let rules = section.dialled(context, false);
    for (index, rule) in rules.iter().enumerate() {
        if rule.takes_nothing() {
            found.push(nothing(context, section, rule));
            continue;
        }
        let mut used = BTreeSet::new();
        // Emergency calls pass the lists, and go to the emergency rules first.
        let is_left = emergency.iter().filter(|number| rule.takes(number)).any(|number| {
            let left = urgent.leaves(number, &rule.callers, &mut used);
            left.is_some_and(|left| earlier.leaves(number, &left, &mut used).is_some())
        });
        match if is_left { Verdict::Alive } else { earlier.judge(rule) } {
            Verdict::Alive => {}
            Verdict::Dead(mut by) => {
                by.extend(used);
                found.push(dead(context, rule, &by));
            }
            Verdict::Unknown => {
                found.push(unknown(context, rule, rules.len() - index));
                break;
            }
        }
        earlier.push(rule);
    }
}

/// The resources that a code was told of.
pub(super) fn told_of(found: &[Diagnostic], code: Code) -> BTreeSet<String> {
    let told = found.iter().filter(|one| one.code == code);
    told.filter_map(|one| one.resource.clone()).collect()
}

fn nothing<'a>(context: &Context<'a>, section: &Section<'a>, rule: &Dialled<'_>) -> Diagnostic {
    let known = section.groups();
    let wanted = &rule.rule.matches.groups;
    let lost = wanted.iter().next().filter(|_| {
        rule.has_no_caller() && !wanted.iter().any(|group| known.contains(group.as_str()))
    });
    // The group may be that of an extension that is missed elsewhere.
    let follows = section.misses_extension(context);
    let Some(group) = lost else {
        let message = "this rule takes no call: no number and caller meet all its conditions";
        let told = context.diagnostic(Code::TL508, rule.id, "/spec/match", message);
        return told.follows(follows && rule.has_no_caller()).help(
            "a number is at least as long as its prefix, and callers are extensions of the tenant",
        );
    };
    let message = format!("this rule takes no call: no extension is in the group `{group}`");
    let help = match nearest(group, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write `group: {group}` in the Extensions that are meant"),
    };
    let told = context.diagnostic(Code::TL508, rule.id, "/spec/match/groups", message);
    told.follows(follows).help(help)
}

fn dead(context: &Context<'_>, rule: &Dialled<'_>, by: &BTreeSet<Before<'_>>) -> Diagnostic {
    let rules = by.iter().filter_map(|one| match one {
        Before::Rule(_, id) => Some(*id),
        Before::Lists | Before::Processing | Before::Emergency => None,
    });
    let rules: Vec<&ResourceId> = rules.collect();
    let names: Vec<_> = rules.iter().map(|id| format!("`{}`", id.name)).collect();
    let (lists, processing) = (by.contains(&Before::Lists), by.contains(&Before::Processing));
    let tenant_does = match (lists, processing) {
        (true, false) => Some("the tenant blocks"),
        (false, true) => Some("the tenant's `e164` changes"),
        (true, true) => Some("the tenant blocks, or changes by `e164`,"),
        (false, false) => None,
    };
    let message = match (tenant_does, names.as_slice()) {
        (Some(does), []) => format!("this rule takes no call: {does} every number of it"),
        (None, _) => {
            format!("this rule takes no call: earlier ones take them all: {}", names.join(", "))
        }
        (Some(does), [_, ..]) => format!(
            "this rule takes no call: {does} some numbers of it, and earlier ones take the others: {}",
            names.join(", ")
        ),
    };
    let told = context.diagnostic(Code::TL508, rule.id, "/spec/match", message);
    let mut told = rules.iter().take(context.room.of(rules.len())).fold(told, |told, id| {
        told.related(context.span(id, "/spec/match"), format!("{} comes first", id.name))
    });
    let place = rule.id.tenant.as_ref().map(|one| ResourceId::system(Kind::Tenant, one.clone()));
    let spec = rule.id.tenant.as_ref().and_then(|tenant| context.set.tenant(None, tenant));
    let written = |list: &[String]| lists && !list.is_empty();
    let fields = [
        ("/spec/blockedPrefixes", spec.is_some_and(|one| written(&one.blocked_prefixes))),
        ("/spec/blockedNumbers", spec.is_some_and(|one| written(&one.blocked_numbers))),
        ("/spec/e164", processing),
    ];
    for (field, _) in fields.iter().filter(|(_, counts)| *counts) {
        let span = place.as_ref().and_then(|place| context.span(place, field));
        told = told.related(span, "what the tenant does first");
    }
    told.help(match (tenant_does, rules.is_empty()) {
        (Some(_), true) => "remove the rule, or let the Tenant call these numbers",
        _ => "give it a lower `priority`, narrow the earlier ones, or remove it",
    })
}

fn unknown(context: &Context<'_>, rule: &Dialled<'_>, rules: usize) -> Diagnostic {
    let message = format!(
        "whether the last {rules} rules of the tenant take calls, this one first, is not known: the rules before them are too many to compare"
    );
    let told = context.diagnostic(Code::TL508, rule.id, "/spec/match", message);
    told.help("use fewer rules, with prefixes that differ early")
}

/// Routes that carry nothing: all of a rule are switched off, or one strips every number away.
pub(super) fn tl508_dead_routes<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    // What takes no call at all is told by that alone.
    let dead = told_of(found, Code::TL508);
    for (id, rule) in section.sound.outbound_rules() {
        if !dead.is_empty() && dead.contains(&id.to_string()) {
            continue;
        }
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

/// Emergency rules that take no emergency number, or none that earlier ones leave.
pub(super) fn tl508_dead_emergency<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let Some((id, tenant)) = section.sound.tenants().next() else { return };
    let mut earlier = Earlier::default();
    for rule in section.dialled(context, true) {
        let numbers = tenant.emergency_numbers.iter();
        let own: Vec<_> = numbers.filter(|number| rule.takes(number)).collect();
        let mut used = BTreeSet::new();
        let mut left = own.iter().map(|one| earlier.leaves(one, &rule.callers, &mut used));
        if own.is_empty() {
            found.push(no_such_number(context, id, rule));
        } else if rule.has_no_caller() {
            found.push(nothing(context, section, rule));
        } else if left.all(|left| left.is_none()) {
            found.push(dead(context, rule, &used));
        }
        earlier.push(rule);
    }
}

fn no_such_number(context: &Context<'_>, tenant: &ResourceId, rule: &Dialled<'_>) -> Diagnostic {
    let message = "this emergency rule takes no call: the tenant has no such emergency number";
    context
        .diagnostic(Code::TL508, rule.id, "/spec/match", message)
        .related(context.key_span(tenant, "/spec/emergencyNumbers"), "the tenant's numbers")
        .help("add the number to `emergencyNumbers` of the Tenant, or correct the rule")
}
