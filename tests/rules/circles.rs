//! Calls that go round in circles, against following every call at every hour.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use trunkline::diag::Code;
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::validate::validate;

const HEAD: &str = "apiVersion: trunkline.dev/v1\n";

const TENANTS: [char; 2] = ['a', 'b'];

/// Two trunks of one provider and one of another.
const PROVIDERS: [char; 3] = ['p', 'p', 'q'];

/// The tenant's emergency number, and what it never calls.
const URGENT: &str = "11";
const BLOCKED: &str = "13";

/// Where a rule sends a call.
#[derive(Debug, Clone)]
enum To {
    Extension,
    Keep,
    Number(String),
}

impl To {
    fn text(&self) -> String {
        match self {
            Self::Extension => "extension: 1".to_owned(),
            Self::Keep => "keep: true".to_owned(),
            Self::Number(number) => format!("number: '{number}'"),
        }
    }
}

/// Hours: whether mornings and afternoons of each weekday are open, and the 5th of January a holiday:
/// never, in 2027 (a Tuesday), or every year.
#[derive(Debug, Clone)]
struct Hours {
    open: Vec<(bool, bool)>,
    holiday: u8,
}

/// When something happens: the weekday (1 to 7), the half of the day, and whether it is the 5th of
/// January, of 2027 or of another year.
#[derive(Debug, Clone, Copy)]
struct Moment {
    weekday: usize,
    afternoon: bool,
    special: Option<bool>,
}

impl Hours {
    /// `None` on a holiday.
    fn is_open(&self, at: Moment) -> Option<bool> {
        let holiday = match self.holiday {
            0 => false,
            1 => at.special == Some(true),
            _ => at.special.is_some(),
        };
        let (morning, afternoon) = self.open[at.weekday - 1];
        (!holiday).then_some(if at.afternoon { afternoon } else { morning })
    }

    fn text(&self) -> String {
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let mut text = "weekly: {".to_owned();
        for (day, open) in days.iter().zip(&self.open) {
            let hours = match open {
                (true, true) => "open",
                (true, false) => "['00:00-12:00']",
                (false, true) => "['12:00-24:00']",
                (false, false) => continue,
            };
            write!(text, "{day}: {hours}, ").unwrap();
        }
        text.push('}');
        if self.holiday > 0 {
            let every = self.holiday == 2;
            write!(
                text,
                ", holidays: [{{name: x, from: 2027-01-05, to: 2027-01-05, everyYear: {every}}}]"
            )
            .unwrap();
        }
        text
    }
}

#[derive(Debug, Clone)]
struct Inbound {
    tenant: usize,
    trunk: usize,
    did: Option<(u16, u16)>,
    schedule: Option<usize>,
    to: To,
    out: Option<To>,
    holiday: Option<To>,
    /// Weekdays with a destination of their own.
    advanced: Option<(Vec<usize>, To)>,
}

fn schedule(at: Option<usize>) -> String {
    at.map_or(String::new(), |at| format!(", schedule: s{at}"))
}

impl Inbound {
    fn spec(&self) -> String {
        let range = |(first, last): (u16, u16)| format!("{first}-{last}");
        let did = self.did.map_or_else(|| "'*'".to_owned(), range);
        let (to, schedule) = (self.to.text(), schedule(self.schedule));
        let mut spec =
            format!("trunk: t{}, did: {did}, destination: {{{to}}}{schedule}", self.trunk);
        for (field, to) in [("outOfHours", &self.out), ("holiday", &self.holiday)] {
            if let Some(to) = to {
                write!(spec, ", {field}: {{{}}}", to.text()).unwrap();
            }
        }
        if let Some((days, to)) = &self.advanced {
            write!(spec, ", advanced: [{{when: {{weekdays: {days:?}}}, {}}}]", to.text()).unwrap();
        }
        spec
    }

    fn holds(&self, number: u16) -> bool {
        self.did.is_none_or(|(first, last)| (first..=last).contains(&number))
    }

    fn meets(&self, other: &Self) -> bool {
        let dids = match (self.did, other.did) {
            (None, None) => true,
            (Some((a, b)), Some((c, d))) => a <= d && c <= b,
            _ => false,
        };
        dids && (self.tenant, self.trunk) == (other.tenant, other.trunk)
    }

    fn now<'p>(&'p self, plan: &'p Plan, at: Moment) -> Option<&'p To> {
        if let Some((days, to)) = &self.advanced
            && days.contains(&at.weekday)
        {
            return Some(to);
        }
        let Some(schedule) = self.schedule else { return Some(&self.to) };
        match plan.schedules[schedule].is_open(at) {
            Some(true) => Some(&self.to),
            Some(false) => self.out.as_ref(),
            None => self.holiday.as_ref().or(self.out.as_ref()),
        }
    }
}

#[derive(Debug, Clone)]
struct Outbound {
    tenant: usize,
    prefixes: Vec<&'static str>,
    lengths: Vec<usize>,
    schedule: Option<usize>,
    emergency: bool,
    /// Trunk, strip, prepend, and whether it is enabled.
    routes: Vec<(usize, usize, &'static str, bool)>,
}

impl Outbound {
    fn spec(&self) -> String {
        let prefixes: Vec<_> = self.prefixes.iter().map(|one| format!("'{one}'")).collect();
        let mut conditions = Vec::new();
        if !prefixes.is_empty() {
            conditions.push(format!("prefixes: [{}]", prefixes.join(", ")));
        }
        if !self.lengths.is_empty() {
            conditions.push(format!("lengths: {:?}", self.lengths));
        }
        let routes = self.routes.iter().map(|(trunk, strip, prepend, enabled)| {
            format!("{{trunk: t{trunk}, strip: {strip}, prepend: '{prepend}', enabled: {enabled}}}")
        });
        let (conditions, routes) = (conditions.join(", "), routes.collect::<Vec<_>>().join(", "));
        let schedule = schedule(self.schedule);
        let emergency = self.emergency;
        format!("match: {{{conditions}}}, emergency: {emergency}, routes: [{routes}]{schedule}")
    }

    fn takes(&self, number: &str) -> bool {
        let starts =
            self.prefixes.is_empty() || self.prefixes.iter().any(|one| number.starts_with(one));
        starts && (self.lengths.is_empty() || self.lengths.contains(&number.len()))
    }
}

#[derive(Debug, Clone)]
struct Plan {
    /// Tenant, trunk, first and last number.
    pools: Vec<(usize, usize, u16, u16)>,
    schedules: Vec<Hours>,
    inbound: Vec<Inbound>,
    outbound: Vec<Outbound>,
}

/// A call: trunk, tenant, number.
type Call = (usize, usize, u16);

impl Plan {
    fn text(&self) -> String {
        let mut text = format!(
            "{HEAD}kind: Transport\nmetadata: {{name: udp}}\nspec: {{protocol: udp, port: 5060}}\n"
        );
        let mut add = |kind: &str, name: String, tenant: Option<usize>, spec: String| {
            let tenant = tenant.map_or(String::new(), |one| format!(", tenant: {}", TENANTS[one]));
            writeln!(
                text,
                "---\n{HEAD}kind: {kind}\nmetadata: {{name: {name}{tenant}}}\nspec: {{{spec}}}"
            )
            .unwrap();
        };
        for (at, tenant) in TENANTS.iter().enumerate() {
            add(
                "Tenant",
                tenant.to_string(),
                None,
                format!(
                    "sipDomain: {tenant}.example.net, emergencyNumbers: ['{URGENT}'], blockedPrefixes: ['{BLOCKED}']"
                ),
            );
            for (index, hours) in self.schedules.iter().enumerate() {
                add("Schedule", format!("s{index}"), Some(at), hours.text());
            }
        }
        for (at, provider) in PROVIDERS.iter().enumerate() {
            add(
                "Trunk",
                format!("t{at}"),
                None,
                format!("type: ip, provider: {provider}, host: 203.0.113.{}", at + 1),
            );
        }
        for (at, (tenant, trunk, first, last)) in self.pools.iter().enumerate() {
            add(
                "DidPool",
                format!("p{at}"),
                Some(*tenant),
                format!("trunk: t{trunk}, numbers: [{first}-{last}]"),
            );
        }
        for (at, rule) in self.inbound.iter().enumerate() {
            add("InboundRule", format!("i{at}"), Some(rule.tenant), rule.spec());
        }
        for (at, rule) in self.outbound.iter().enumerate() {
            let spec = format!("priority: {at}, {}", rule.spec());
            add("OutboundRule", format!("o{at}"), Some(rule.tenant), spec);
        }
        text
    }

    fn answer(&self, (trunk, tenant, number): Call) -> Option<usize> {
        let mut own = self
            .inbound
            .iter()
            .enumerate()
            .filter(|(_, rule)| (rule.trunk, rule.tenant) == (trunk, tenant));
        let exact = own.clone().find(|(_, rule)| rule.did.is_some() && rule.holds(number));
        exact.or_else(|| own.find(|(_, rule)| rule.did.is_none())).map(|(at, _)| at)
    }

    /// Where a call comes in again at a moment.
    fn next(&self, call: Call, at: Moment) -> Vec<Call> {
        let Some(rule) = self.answer(call) else { return Vec::new() };
        let dialled = match self.inbound[rule].now(self, at) {
            Some(To::Keep) => call.2.to_string(),
            Some(To::Number(number)) => number.clone(),
            Some(To::Extension) | None => return Vec::new(),
        };
        let own = |emergency: bool| {
            self.outbound.iter().find(|one| {
                one.tenant == call.1 && one.emergency == emergency && one.takes(&dialled)
            })
        };
        let taken = if dialled == URGENT { own(true).or_else(|| own(false)) } else { own(false) };
        let blocked = dialled.starts_with(BLOCKED);
        let Some(taken) = taken.filter(|_| !blocked) else { return Vec::new() };
        let closed =
            taken.schedule.is_some_and(|one| self.schedules[one].is_open(at) != Some(true));
        if closed && !taken.emergency {
            return Vec::new();
        }
        let mut calls = Vec::new();
        for (trunk, strip, prepend, _) in taken.routes.iter().filter(|route| route.3) {
            let Some(rest) = dialled.get(*strip..).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            let sent = format!("{prepend}{rest}");
            let bare = sent.strip_prefix('+').or_else(|| sent.strip_prefix("00")).unwrap_or(&sent);
            // What begins with 0 is in no pool.
            let Some(number) = bare.parse::<u16>().ok().filter(|_| !bare.starts_with(['0', '+']))
            else {
                continue;
            };
            for (tenant, on, first, last) in &self.pools {
                if PROVIDERS[*on] == PROVIDERS[*trunk] && (*first..=*last).contains(&number) {
                    calls.push((*on, *tenant, number));
                }
            }
        }
        calls
    }

    /// The rules that send a call round in a circle at some moment.
    fn rules_in_circles(&self) -> BTreeSet<usize> {
        let mut rules = BTreeSet::new();
        let mut calls: BTreeSet<Call> = BTreeSet::new();
        for (tenant, trunk, first, last) in &self.pools {
            calls.extend((*first..=*last).map(|number| (*trunk, *tenant, number)));
        }
        for at in every_moment() {
            let next: BTreeMap<Call, Vec<Call>> =
                calls.iter().map(|call| (*call, self.next(*call, at))).collect();
            for call in &calls {
                if comes_back(*call, &next) {
                    rules.extend(self.answer(*call));
                }
            }
        }
        rules
    }
}

fn comes_back(call: Call, next: &BTreeMap<Call, Vec<Call>>) -> bool {
    let mut seen = BTreeSet::new();
    let mut ahead = next[&call].clone();
    while let Some(one) = ahead.pop() {
        if seen.insert(one) {
            ahead.extend(&next[&one]);
        }
    }
    seen.contains(&call)
}

fn every_moment() -> Vec<Moment> {
    let mut all = Vec::new();
    for weekday in 1..=7 {
        for afternoon in [false, true] {
            let special = [None, Some(false), Some(true)].into_iter();
            let real = special.filter(|special| *special != Some(true) || weekday == 2);
            all.extend(real.map(|special| Moment { weekday, afternoon, special }));
        }
    }
    all
}

fn range() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        (1_u16..9, 0_u16..3).prop_map(|(first, more)| (first, (first + more).min(9))),
        (10_u16..30, 0_u16..12).prop_map(|(first, more)| (first, first + more)),
        (100_u16..130, 0_u16..12).prop_map(|(first, more)| (first, first + more)),
    ]
}

fn to() -> impl Strategy<Value = To> {
    let number = (prop::sample::select(vec!["", "+", "00", "0"]), range());
    prop_oneof![
        2 => Just(To::Extension),
        3 => Just(To::Keep),
        4 => number.prop_map(|(front, (first, _))| To::Number(format!("{front}{first}"))),
    ]
}

fn inbound(timed: bool) -> impl Strategy<Value = Inbound> {
    let often = 0.6;
    let schedule = prop::option::weighted(often, 0..2_usize);
    let place = (0..2_usize, 0..3_usize, prop::option::weighted(0.7, range()));
    let days = prop::collection::vec(1..8_usize, 1..4);
    let others = (
        prop::option::weighted(often, to()),
        prop::option::weighted(often / 2.0, to()),
        prop::option::weighted(often / 2.0, (days, to())),
    );
    (place, schedule, to(), others).prop_map(move |((tenant, trunk, did), schedule, to, others)| {
        let (out, holiday, advanced) = if timed { others } else { (None, None, None) };
        let schedule = schedule.filter(|_| timed);
        Inbound { tenant, trunk, did, schedule, to, out, holiday, advanced }
    })
}

fn outbound(timed: bool) -> impl Strategy<Value = Outbound> {
    let often = 0.2;
    let prefix = prop::sample::select(vec!["1", "2", "10", "12", "3", "+", "0", "00", "+1", "4"]);
    let prepend = prop::sample::select(vec!["", "", "", "1", "2", "+", "00", "10", "0", "3"]);
    let route = (0..3_usize, 0..3_usize, prepend, prop::bool::weighted(0.9));
    (
        0..2_usize,
        prop::collection::vec(prefix, 0..3),
        prop::collection::vec(1..5_usize, 0..3),
        prop::option::weighted(often, 0..2_usize),
        prop::bool::weighted(0.15),
        prop::collection::vec(route, 1..3),
    )
        .prop_map(move |(tenant, prefixes, lengths, schedule, emergency, routes)| {
            let schedule = schedule.filter(|_| timed);
            let all = prefixes.is_empty() && lengths.is_empty();
            let lengths = if all { vec![1, 2, 3] } else { lengths };
            Outbound { tenant, prefixes, lengths, schedule, emergency, routes }
        })
}

fn plan(timed: bool) -> impl Strategy<Value = Plan> {
    let pool = (0..2_usize, 0..3_usize, range());
    let pool = pool.prop_map(|(tenant, trunk, (first, last))| (tenant, trunk, first, last));
    let open = prop::collection::vec((any::<bool>(), any::<bool>()), 7);
    let hours = (open, 0..3_u8).prop_map(|(open, holiday)| Hours { open, holiday });
    (
        prop::collection::vec(pool, 2..7),
        prop::collection::vec(hours, 2),
        prop::collection::vec(inbound(timed), 1..6),
        prop::collection::vec(outbound(timed), 1..6),
    )
        .prop_map(|(pools, schedules, all, outbound)| {
            let mut inbound: Vec<Inbound> = Vec::new();
            for rule in all {
                if !inbound.iter().any(|other| other.meets(&rule)) {
                    inbound.push(rule);
                }
            }
            Plan { pools, schedules, inbound, outbound }
        })
}

/// The inbound rules that are told to be in circles.
fn told(text: &str) -> BTreeSet<usize> {
    let content = Content::Text(Arc::from(text));
    let file = SourceFile { path: "a.yaml".to_owned(), content };
    let checked = validate(&SourceTree { files: vec![file], rooted: false });
    let mut rules = BTreeSet::new();
    for one in &checked.diagnostics {
        assert!(
            !one.code.as_str().starts_with("TL10") || one.code == Code::TL108,
            "{}\n{text}",
            one.message
        );
        if one.code != Code::TL511 {
            continue;
        }
        let others = one.related.iter().map(|other| other.message.split(' ').next().unwrap());
        let names = others.chain(one.resource.as_deref());
        let names = names.filter_map(|name| name.strip_prefix("InboundRule/"));
        rules.extend(names.map(|name| name[3..].parse::<usize>().unwrap()));
    }
    rules
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn circles_are_found_exactly(plan in plan(false)) {
        let text = plan.text();
        prop_assert_eq!(told(&text), plan.rules_in_circles(), "{}", text);
    }

    #[test]
    fn circles_of_hours_are_found_exactly(plan in plan(true)) {
        let text = plan.text();
        prop_assert_eq!(told(&text), plan.rules_in_circles(), "{}", text);
    }
}
