//! Whether every extension can call for help.

use std::collections::BTreeMap;

use super::dialling::{Callers, Dialled};
use super::outbound::is_open;
use crate::diag::{Code, Diagnostic};
use crate::model::value::{DidSet, Name, NumberRange};
use crate::model::{Kind, Tenant};
use crate::validate::context::{Context, listed};
use crate::validate::section::Section;

/// Emergency numbers that some extensions reach and others do not: a rule may ask who calls. What
/// nobody reaches is told by itself.
pub(super) fn tl512_callers<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, tenant) in section.sound.tenants().filter(|(_, one)| one.enabled) {
        let is_unknown = |kind| context.declared.may_have(kind, Some(&id.name));
        if is_unknown(Kind::OutboundRule) || is_unknown(Kind::Extension) {
            continue;
        }
        for (left, at) in left_out(context, section, (&id.name, tenant)) {
            let numbers = at.iter().filter_map(|index| tenant.emergency_numbers.get(*index));
            let numbers: Vec<_> = numbers.map(|number| format!("`{number}`")).collect();
            let numbers = numbers.join(", ");
            let who = listed(&left);
            let message = format!("no outbound rule takes {numbers} from extension {who}");
            let field = format!("/spec/emergencyNumbers/{}", at.first().copied().unwrap_or(0));
            let mut told = context.diagnostic(Code::TL512, id, &field, message);
            let left = DidSet::new(left).coverage();
            let is_one = |numbers: NumberRange| left.uncovered(numbers) != [numbers];
            let all = section.sound.extensions().filter(|(_, one)| is_one(one.numbers));
            let all: Vec<_> = all.collect();
            for (extension, _) in all.iter().take(context.room.of(all.len())) {
                told = told
                    .related(context.span(extension, "/spec/numbers"), "it calls nobody for help");
            }
            found.push(told.help(
                "add an OutboundRule with `emergency: true` that asks for no `groups` or `extensions`",
            ));
        }
    }
}

/// Who cannot call which emergency numbers, by their places.
fn left_out<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    (name, tenant): (&Name, &Tenant),
) -> BTreeMap<Vec<NumberRange>, Vec<usize>> {
    let everybody: Vec<_> = section.sound.extensions().map(|(_, one)| one.numbers).collect();
    let everybody = DidSet::new(everybody).merged();
    let mut found: BTreeMap<Vec<NumberRange>, Vec<usize>> = BTreeMap::new();
    for (index, number) in tenant.emergency_numbers.iter().enumerate() {
        let rules = [true, false].map(|emergency| section.dialled(context, emergency));
        let carries = |rule: &&Dialled<'_>| {
            let routes = &rule.rule.routes;
            rule.takes(number) && routes.iter().any(|route| is_open(context, name, route, number))
        };
        let mut served = Vec::new();
        let mut is_open_to_all = false;
        for rule in rules.into_iter().flatten().filter(carries) {
            match &rule.callers {
                Callers::Only(some) => served.extend(some),
                Callers::All => {
                    is_open_to_all = true;
                    break;
                }
            }
        }
        if is_open_to_all {
            continue;
        }
        let served = DidSet::new(served).coverage();
        let unserved: Vec<_> =
            everybody.iter().flat_map(|range| served.uncovered(*range)).collect();
        if !unserved.is_empty() && unserved != everybody {
            found.entry(unserved).or_default().push(index);
        }
    }
    found
}
