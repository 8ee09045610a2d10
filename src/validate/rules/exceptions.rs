//! The exceptions of inbound rules (`advanced`): which of them can never come to be.

use super::dead::told_of;
use crate::diag::{Code, Diagnostic};
use crate::model::value::TimeRange;
use crate::model::{ResourceId, When};
use crate::validate::context::Context;
use crate::validate::section::Section;

/// Days of each month, in a leap year.
const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Exceptions that never hold, that hold always, or that earlier ones cover (TL508).
pub(super) fn tl508_dead_exceptions<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    // What takes no call at all is told by that alone.
    let dead = told_of(found, Code::TL508);
    for (id, rule) in section.sound.inbound_rules() {
        if !dead.is_empty() && dead.contains(&id.to_string()) {
            continue;
        }
        for (index, exception) in rule.advanced.iter().enumerate() {
            let when = &exception.when;
            let earlier = rule.advanced.iter().take(index).position(|it| covers(&it.when, when));
            let always_holds = is_always(when);
            if is_impossible(when) {
                found.push(impossible(context, id, index));
            } else if let Some(other) = earlier.filter(|_| !always_holds) {
                found.push(covered(context, id, index, other));
            }
            if always_holds {
                // Everything behind it is one mistake, and this one is told.
                found.push(always(context, id, index));
                break;
            }
        }
    }
}

fn impossible(context: &Context<'_>, id: &ResourceId, index: usize) -> Diagnostic {
    let message = "this exception never holds: none of its months has such a day";
    let field = format!("/spec/advanced/{index}/when");
    let told = context.diagnostic(Code::TL508, id, &field, message);
    told.help("correct `days` or `months`: all conditions of one exception must hold")
}

fn covered(context: &Context<'_>, id: &ResourceId, index: usize, other: usize) -> Diagnostic {
    let message = "this exception is never reached: an earlier one holds whenever it does";
    let field = |index: usize| format!("/spec/advanced/{index}/when");
    context
        .diagnostic(Code::TL508, id, &field(index), message)
        .related(context.span(id, &field(other)), "this one comes first")
        .help("put the narrower one first, or remove it")
}

fn always(context: &Context<'_>, id: &ResourceId, index: usize) -> Diagnostic {
    let message = "this exception always holds: nothing behind it, nor the rule's own destination, is ever reached";
    let field = format!("/spec/advanced/{index}/when");
    let told = context.diagnostic(Code::TL508, id, &field, message);
    told.help("give it a condition, or make it the rule's `destination`")
}

fn is_always(when: &When) -> bool {
    let all =
        |list: &[u8], count: u8| list.is_empty() || (1..=count).all(|one| list.contains(&one));
    when.years.is_empty()
        && all(&when.months, 12)
        && all(&when.days, 31)
        && all(&when.weekdays, 7)
        && when.times.is_empty()
}

/// Whether no day of the calendar is in its months.
fn is_impossible(when: &When) -> bool {
    if when.months.is_empty() || when.days.is_empty() {
        return false;
    }
    let is_leap = |year: u16| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let leap = when.years.is_empty() || when.years.iter().any(|year| is_leap(*year));
    let last = |month: u8| match month {
        2 if !leap => 28,
        month => DAYS.get(usize::from(month).saturating_sub(1)).copied().unwrap_or(31),
    };
    !when.months.iter().any(|month| when.days.iter().any(|day| *day <= last(*month)))
}

/// Whether one condition holds whenever the other does.
fn covers(wide: &When, narrow: &When) -> bool {
    within(&narrow.years, &wide.years)
        && within(&narrow.months, &wide.months)
        && within(&narrow.days, &wide.days)
        && within(&narrow.weekdays, &wide.weekdays)
        && (wide.times.is_empty()
            || (!narrow.times.is_empty()
                && narrow.times.iter().all(|time| is_in(*time, &wide.times))))
}

/// Whether what a list allows is allowed by another one; an empty list allows everything.
fn within<T: PartialEq>(narrow: &[T], wide: &[T]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|one| wide.contains(one)))
}

/// Whether a time lies in some others, joined where they meet.
fn is_in(time: TimeRange, others: &[TimeRange]) -> bool {
    let mut sorted = others.to_vec();
    sorted.sort_unstable();
    let mut reached = time.from();
    for other in sorted.iter().filter(|other| other.to() > time.from()) {
        if other.from() > reached {
            return false;
        }
        reached = reached.max(other.to());
        if reached >= time.to() {
            return true;
        }
    }
    false
}
