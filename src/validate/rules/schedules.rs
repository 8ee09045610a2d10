//! Schedules: who names them, and whether they make sense.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic};
use crate::model::value::Name;
use crate::model::{Kind, ResourceId};
use crate::validate::context::Context;
use crate::validate::missing::Absences;

/// The tenant whose names a resource may use: a Tenant uses its own.
pub(super) fn owner(id: &ResourceId) -> Option<&Name> {
    if id.kind == Kind::Tenant { Some(&id.name) } else { id.tenant.as_ref() }
}

/// Every place that names a schedule.
fn names<'a>(context: &Context<'a>) -> impl Iterator<Item = (&'a ResourceId, &'a Name)> {
    let tenants = context.tenants().map(|(id, one)| (id, one.schedule.as_ref()));
    let inbound = context.inbound_rules().map(|(id, one)| (id, one.schedule.as_ref()));
    let outbound = context.outbound_rules().map(|(id, one)| (id, one.schedule.as_ref()));
    let all = tenants.chain(inbound).chain(outbound);
    let all = all.filter_map(|(id, name)| Some((id, name?)));
    all.filter(|(id, _)| context.knows(id, &["/spec/schedule"]))
}

/// A schedule that does not exist (TL201), or only in another tenant (TL203).
pub(super) fn tl201_schedules(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut absent = Absences::new();
    for (id, name) in names(context) {
        let Some(owner) = owner(id).filter(|owner| context.has_tenant(owner)) else { continue };
        let schedule = ResourceId::owned(Kind::Schedule, owner.clone(), name.clone());
        if context.set.contains(&schedule) || context.declared.may_be(&schedule) {
            continue;
        }
        let mut others = context.set.schedules().filter(|(other, _)| other.name == *name);
        if let Some((other, _)) = others.next() {
            // Whose it is cannot be told where that tenant does not exist, which is told.
            let is_lost = other.tenant.as_ref().is_some_and(|one| !context.has_tenant(one));
            let message = format!("schedule `{name}` is another tenant's: {other}");
            found.push(
                context
                    .diagnostic(Code::TL203, id, "/spec/schedule", message)
                    .follows(is_lost)
                    .related(context.span(other, "/metadata/name"), "the schedule is declared here")
                    .help("declare a Schedule of this tenant: tenants share none"),
            );
            continue;
        }
        let message = format!("there is no Schedule `{name}`");
        let told = context.diagnostic(Code::TL201, id, "/spec/schedule", message);
        let told = told.follows(context.has_lost(Kind::Schedule, owner));
        let declare = format!("declare the Schedule `{name}` of this tenant");
        absent.add(owner, name, told, &declare);
    }
    let used = OnceCell::new();
    let is_used = |owner: &Name, name: &Name| {
        let named = || names(context).filter_map(|(id, name)| Some((self::owner(id)?, name)));
        used.get_or_init(|| named().collect::<BTreeSet<_>>()).contains(&(owner, name))
    };
    let known = |owner, unused: bool| {
        let own = context.set.owned(Kind::Schedule, owner).map(|(id, _)| &id.name);
        own.filter(move |name| !unused || !is_used(owner, name)).map(Name::as_str)
    };
    absent.tell(false, known, found);
}

/// Holidays that end before they begin.
pub(super) fn tl106_holidays(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, schedule) in context.schedules() {
        for (index, holiday) in schedule.holidays.iter().enumerate() {
            if holiday.from <= holiday.to {
                continue;
            }
            let field = format!("/spec/holidays/{index}/to");
            if !context.knows(id, &[&field, &format!("/spec/holidays/{index}/from")]) {
                continue;
            }
            let message =
                format!("the holiday ends on {} and begins on {}", holiday.to, holiday.from);
            let over_new_year = holiday.from.0.month() == 12 && holiday.to.0.month() == 1;
            let next = holiday.to.0.checked_add(jiff::Span::new().years(1)).ok();
            let help = match next.filter(|_| over_new_year) {
                Some(_) if holiday.every_year => {
                    "split it at the end of the year: one up to 31 December, one from 1 January on"
                        .to_owned()
                }
                Some(next) => format!("write `to: {next}`, the last day in the new year"),
                None => "`to` is the last day, the same as `from` for a single one".to_owned(),
            };
            found.push(context.diagnostic(Code::TL106, id, &field, message).help(help));
        }
    }
}
