//! What outbound rules take, as sets: beginnings of numbers, lengths and callers. Compared, never
//! tried number by number.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::value::{DidSet, Name, NumberRange};
use crate::model::{Kind, OutboundRule, ResourceId};
use crate::validate::context::{Context, Map};

/// Longest number that can be dialled.
const MAX_DIGITS: u8 = 64;

/// Steps of one comparison; a plan that needs more is not judged.
const MAX_STEPS: usize = 20_000;

/// Who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::validate) enum Callers {
    /// Everybody, also a forwarded call.
    All,
    /// These extensions, as sorted ranges apart from each other.
    Only(Vec<NumberRange>),
}

impl Callers {
    fn meet(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) => true,
            (Self::All, Self::Only(some)) | (Self::Only(some), Self::All) => !some.is_empty(),
            (Self::Only(one), Self::Only(two)) => {
                let meets = |a: &NumberRange| two.iter().any(|b| a.intersection(*b).is_some());
                one.iter().any(meets)
            }
        }
    }

    /// What is left of these without the others; `None` when nothing is.
    fn without(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (_, Self::All) => None,
            // Whoever is no extension is in no list of extensions.
            (Self::All, Self::Only(_)) => Some(Self::All),
            (Self::Only(one), Self::Only(two)) => {
                let taken = DidSet::new(two.clone()).coverage();
                let rest: Vec<_> = one.iter().flat_map(|range| taken.uncovered(*range)).collect();
                (!rest.is_empty()).then_some(Self::Only(rest))
            }
        }
    }
}

/// One rule as sets.
#[derive(Debug, Clone)]
pub(in crate::validate) struct Dialled<'a> {
    pub(super) id: &'a ResourceId,
    pub(super) rule: &'a OutboundRule,
    /// Beginnings that a number can have; one empty beginning when the rule asks for none.
    pub(super) prefixes: BTreeSet<&'a str>,
    pub(super) callers: Callers,
}

impl Dialled<'_> {
    fn has_length(&self, length: u8) -> bool {
        let lengths = &self.rule.matches.lengths;
        lengths.is_empty() || lengths.contains(&length)
    }

    /// Whether the rule takes a number, whoever calls.
    pub(super) fn takes(&self, number: &str) -> bool {
        let length = u8::try_from(number.len()).unwrap_or(u8::MAX);
        self.has_length(length) && self.prefixes.iter().any(|prefix| number.starts_with(prefix))
    }

    /// Whether no number at all has one of its beginnings and one of its lengths.
    pub(super) fn takes_nothing(&self) -> bool {
        let fits = |prefix: &&str| (1..=MAX_DIGITS).any(|length| self.fits(prefix, length));
        !self.prefixes.iter().any(fits) || self.callers == Callers::Only(Vec::new())
    }

    fn fits(&self, prefix: &str, length: u8) -> bool {
        let room = prefix.len() <= usize::from(length);
        // A `+` stands in front only, and something follows it.
        let sound = !prefix.get(1..).unwrap_or_default().contains('+');
        let bare_plus = prefix == "+" && length == 1;
        room && sound && !bare_plus && self.has_length(length)
    }

    /// Whether some call fits both rules.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        if !self.callers.meet(&other.callers) {
            return false;
        }
        self.prefixes.iter().any(|one| {
            other.prefixes.iter().any(|two| {
                let longer = if one.len() >= two.len() { one } else { two };
                let nested = one.starts_with(two) || two.starts_with(one);
                let common = |length| self.fits(longer, length) && other.has_length(length);
                nested && (1..=MAX_DIGITS).any(common)
            })
        })
    }
}

/// The rules of every tenant in the order they are tried, apart from the emergency ones.
pub(in crate::validate) fn of_tenants<'a>(
    context: &Context<'a>,
    emergency: bool,
) -> BTreeMap<&'a Name, Vec<Dialled<'a>>> {
    let mut groups: Map<&Name, BTreeMap<&str, Vec<NumberRange>>> = Map::default();
    let mut everybody: Map<&Name, Vec<NumberRange>> = Map::default();
    for (id, extension) in context.set.extensions() {
        let Some(tenant) = &id.tenant else { continue };
        everybody.entry(tenant).or_default().push(extension.numbers);
        if let Some(group) = &extension.group {
            let groups = groups.entry(tenant).or_default();
            groups.entry(group).or_default().push(extension.numbers);
        }
    }
    let mut rules: BTreeMap<&Name, Vec<Dialled<'_>>> = BTreeMap::new();
    for (id, rule) in context.set.outbound_rules().filter(|(_, one)| one.emergency == emergency) {
        let Some(tenant) = id.tenant.as_ref().filter(|one| context.has_tenant(one)) else {
            continue;
        };
        // A refused extension may be any of the callers.
        let unknown = context.declared.may_have(Kind::Extension, Some(tenant));
        let conditional = rule.matches.extensions.is_some() || !rule.matches.groups.is_empty();
        if unknown && conditional {
            continue;
        }
        let all = everybody.get(tenant).map(Vec::as_slice).unwrap_or_default();
        let callers = callers(rule, all, groups.get(tenant));
        let prefixes = rule.matches.prefixes.iter().map(String::as_str);
        let mut prefixes: BTreeSet<&str> = prefixes.collect();
        if prefixes.is_empty() {
            prefixes.insert("");
        }
        rules.entry(tenant).or_default().push(Dialled { id, rule, prefixes, callers });
    }
    for list in rules.values_mut() {
        // Stable: equal priorities stay in the order of names.
        list.sort_by_key(|one| one.rule.priority);
    }
    rules
}

fn callers(
    rule: &OutboundRule,
    everybody: &[NumberRange],
    groups: Option<&BTreeMap<&str, Vec<NumberRange>>>,
) -> Callers {
    let wanted = &rule.matches.groups;
    if rule.matches.extensions.is_none() && wanted.is_empty() {
        return Callers::All;
    }
    let members: Vec<NumberRange> = match (wanted.is_empty(), groups) {
        (true, _) => everybody.to_vec(),
        (false, None) => Vec::new(),
        (false, Some(groups)) => {
            let lists = wanted.iter().filter_map(|name| groups.get(name.as_str()));
            lists.flatten().copied().collect()
        }
    };
    let members = DidSet::new(members).merged();
    let Some(listed) = &rule.matches.extensions else { return Callers::Only(members) };
    let listed = listed.merged();
    let both =
        members.iter().flat_map(|one| listed.iter().filter_map(|two| one.intersection(*two)));
    Callers::Only(both.collect())
}

/// Whether the rules before one take every call that it takes: the ones that do, in order. `None`:
/// some call is left, or it would cost too much to know.
pub(super) fn covered_by<'a>(
    one: &Dialled<'_>,
    before: &'a [Dialled<'a>],
) -> Option<Vec<&'a ResourceId>> {
    let met: Vec<&Dialled<'_>> = before.iter().filter(|other| other.overlaps(one)).collect();
    if met.is_empty() {
        return None;
    }
    let mut used = BTreeSet::new();
    let mut steps = 0;
    for length in (1..=MAX_DIGITS).filter(|length| one.has_length(*length)) {
        for prefix in one.prefixes.iter().filter(|prefix| one.fits(prefix, length)) {
            let mut walk = Walk { met: &met, length, used: &mut used, steps: &mut steps };
            if !walk.is_covered(&mut (*prefix).to_owned(), &one.callers) {
                return None;
            }
        }
    }
    let order = met.iter().enumerate().filter(|(index, _)| used.contains(index));
    Some(order.map(|(_, other)| other.id).collect())
}

/// One walk through the numbers of one length, by their beginnings.
struct Walk<'w> {
    met: &'w [&'w Dialled<'w>],
    length: u8,
    used: &'w mut BTreeSet<usize>,
    steps: &'w mut usize,
}

impl Walk<'_> {
    /// Whether every number of the length with this beginning is taken from every caller.
    fn is_covered(&mut self, prefix: &mut String, callers: &Callers) -> bool {
        *self.steps += 1;
        if *self.steps > MAX_STEPS {
            return false;
        }
        let mut left = callers.clone();
        let mut deeper = false;
        for (index, other) in
            self.met.iter().enumerate().filter(|(_, it)| it.has_length(self.length))
        {
            if other.prefixes.iter().any(|one| prefix.starts_with(one)) {
                self.used.insert(index);
                match left.without(&other.callers) {
                    None => return true,
                    Some(rest) => left = rest,
                }
            } else {
                deeper |= other.prefixes.iter().any(|one| one.starts_with(prefix.as_str()));
            }
        }
        if !deeper || prefix.len() >= usize::from(self.length) {
            return false;
        }
        let first = prefix.is_empty() && self.length > 1;
        let symbols = "0123456789*#".chars().chain(first.then_some('+'));
        for symbol in symbols {
            prefix.push(symbol);
            let covered = self.is_covered(prefix, &left);
            prefix.pop();
            if !covered {
                return false;
            }
        }
        true
    }
}
