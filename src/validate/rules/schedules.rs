//! Schedules: who names them, and whether they make sense.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic};
use crate::model::value::Name;
use crate::model::{Holiday, Kind, ResourceId};
use crate::validate::context::Context;
use crate::validate::missing::Absences;
use crate::validate::section::Section;

/// Every place of an owner's that names a schedule.
fn names<'c, 'a>(
    context: &'c Context<'a>,
    section: &Section<'a>,
) -> impl Iterator<Item = (&'a ResourceId, &'a Name)> + use<'c, 'a> {
    let tenants = section.tenants().map(|(id, one)| (id, one.schedule.as_ref()));
    let inbound = section.inbound_rules().map(|(id, one)| (id, one.schedule.as_ref()));
    let outbound = section.outbound_rules().map(|(id, one)| (id, one.schedule.as_ref()));
    let all = tenants.chain(inbound).chain(outbound);
    let all = all.filter_map(|(id, name)| Some((id, name?)));
    all.filter(|(id, _)| context.knows(id, &["/spec/schedule"]))
}

/// A schedule that does not exist (TL201), or only in another tenant (TL203).
pub(super) fn tl201_schedules<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(owner) = section.tenant.filter(|owner| context.has_tenant(owner)) else { return };
    let mut absent = Absences::new();
    for (id, name) in names(context, section) {
        let id_of = || ResourceId::owned(Kind::Schedule, owner.clone(), name.clone());
        if section.sound.has(Kind::Schedule, name) || context.declared.may_be(&id_of()) {
            continue;
        }
        let told = match context.anybodys_schedule(name) {
            None => {
                let message = format!("there is no Schedule `{name}`");
                context.diagnostic(Code::TL201, id, "/spec/schedule", message)
            }
            Some((other, false)) => {
                // Whose it is cannot be told where that tenant does not exist, which is told.
                let is_lost = other.tenant.as_ref().is_some_and(|one| !context.has_tenant(one));
                let message = format!("schedule `{name}` is another tenant's: {other}");
                let told = context.diagnostic(Code::TL203, id, "/spec/schedule", message);
                let place = context.span(other, "/metadata/name");
                told.follows(is_lost).related(place, "the schedule is declared here")
            }
            // Where every tenant has one of that name, nobody means another's.
            Some((_, true)) => {
                let message = format!(
                    "schedule `{name}` is only other tenants': this one has none of that name"
                );
                context.diagnostic(Code::TL203, id, "/spec/schedule", message)
            }
        };
        let told = told.follows(context.has_lost(Kind::Schedule, owner));
        let declare = format!("declare the Schedule `{name}` of this tenant");
        absent.add((), name, told, &declare);
    }
    let used = OnceCell::new();
    let is_used = |name: &Name| {
        let named = || names(context, section).map(|(_, name)| name);
        used.get_or_init(|| named().collect::<BTreeSet<_>>()).contains(name)
    };
    let known = |(), unused: bool| {
        let own = section.sound.schedules().map(|(id, _)| &id.name);
        own.filter(move |name| !unused || !is_used(name)).map(Name::as_str)
    };
    absent.tell(false, known, (&context.compared, found));
}

/// Whether a holiday covers every day of a year.
fn lasts_a_year(holiday: &Holiday) -> bool {
    let year = holiday.from.0.checked_add(jiff::Span::new().years(1));
    // What the calendar ends before is later than any.
    year.is_ok_and(|next| next <= holiday.to.0)
}

/// Holidays that end before they begin, or never.
pub(super) fn tl106_holidays<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, schedule) in section.schedules() {
        for (index, holiday) in schedule.holidays.iter().enumerate() {
            let is_endless = holiday.every_year && lasts_a_year(holiday);
            if holiday.from <= holiday.to && !is_endless {
                continue;
            }
            let field = format!("/spec/holidays/{index}/to");
            if !context.knows(id, &[&field, &format!("/spec/holidays/{index}/from")]) {
                continue;
            }
            if is_endless {
                let message = format!(
                    "the holiday of every year lasts from {} to {}: it never ends",
                    holiday.from, holiday.to
                );
                let help = "`to` is the last day of one of them, less than a year after `from`";
                found.push(context.diagnostic(Code::TL106, id, &field, message).help(help));
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
