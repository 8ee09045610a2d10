//! What outbound rules take, as sets: beginnings of numbers, lengths and callers. Compared, never
//! tried number by number.

use std::collections::{BTreeMap, BTreeSet};

use super::forwards::forwards;
use crate::model::value::{DidSet, Name, NumberRange};
use crate::model::{InboundRule, Kind, OutboundRule, ResourceId};
use crate::validate::context::Context;
use crate::validate::section::Section;

/// Longest number that can be dialled.
const MAX_DIGITS: u8 = 64;

/// Lengths of numbers, bit by bit.
pub(super) type Lengths = u128;

/// Every length that a number can have.
pub(super) const ALL_LENGTHS: Lengths = (1 << (MAX_DIGITS + 1)) - 2;

/// The bit of one length; none of a length that no number has.
pub(super) fn bit(length: usize) -> Lengths {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    1_u128.checked_shl(length).unwrap_or(0) & ALL_LENGTHS
}

/// The lengths of the numbers that begin so. A `+` stands in front only, and something follows it.
pub(super) fn lengths_from(prefix: &str) -> Lengths {
    if prefix.get(1..).unwrap_or_default().contains('+') {
        return 0;
    }
    let least = (prefix.len() + usize::from(prefix == "+")).max(1);
    let shorter = bit(least).checked_sub(1).unwrap_or(Lengths::MAX);
    ALL_LENGTHS & !shorter
}

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

    /// How many ranges there are to compare.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::All => 1,
            Self::Only(some) => some.len(),
        }
    }

    /// What is left of these without the others; `None` when nothing is.
    pub(super) fn without(&self, other: &Self) -> Option<Self> {
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
    pub(super) lengths: Lengths,
    pub(super) callers: Callers,
}

impl Dialled<'_> {
    /// Whether the rule takes a number, whoever calls.
    pub(super) fn takes(&self, number: &str) -> bool {
        self.lengths & bit(number.len()) != 0
            && self.prefixes.iter().any(|prefix| number.starts_with(prefix))
    }

    /// Whether no number at all has one of its beginnings and one of its lengths, or nobody may call.
    pub(super) fn takes_nothing(&self) -> bool {
        let fits = |prefix: &&str| self.lengths & lengths_from(prefix) != 0;
        !self.prefixes.iter().any(fits) || self.has_no_caller()
    }

    /// Whether nobody may call.
    pub(super) fn has_no_caller(&self) -> bool {
        self.callers == Callers::Only(Vec::new())
    }

    /// Whether some call fits both rules, of whose prefixes these are nested.
    pub(super) fn overlaps(&self, other: &Self, (one, two): (&str, &str)) -> bool {
        let longer = if one.len() >= two.len() { one } else { two };
        self.lengths & other.lengths & lengths_from(longer) != 0
            && self.callers.meet(&other.callers)
    }
}

/// A tenant's rules for calls of nobody's extension, by their prefixes: which of them comes first
/// costs as many look-ups as the number has digits, however many rules there are.
#[derive(Debug, Default)]
pub(super) struct FirstTaker<'c, 'a> {
    by_prefix: BTreeMap<&'a str, Vec<(usize, &'c Dialled<'a>)>>,
}

impl<'c, 'a> FirstTaker<'c, 'a> {
    /// From rules in the order they are tried.
    pub(super) fn new(rules: &'c [Dialled<'a>]) -> Self {
        let mut by_prefix: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let all = rules.iter().enumerate().filter(|(_, rule)| rule.callers == Callers::All);
        for (at, rule) in all {
            for prefix in &rule.prefixes {
                by_prefix.entry(prefix).or_default().push((at, rule));
            }
        }
        Self { by_prefix }
    }

    /// The first rule that takes a number.
    pub(super) fn of(&self, number: &str) -> Option<&'c Dialled<'a>> {
        let length = bit(number.len());
        let beginnings = (0..=number.len()).filter_map(|end| number.get(..end));
        let lists = beginnings.filter_map(|beginning| self.by_prefix.get(beginning));
        let first =
            lists.filter_map(|list| list.iter().find(|(_, rule)| rule.lengths & length != 0));
        first.min_by_key(|(at, _)| *at).map(|(_, rule)| *rule)
    }

    /// Every prefix that a rule asks for.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &'a str> {
        self.by_prefix.keys().copied()
    }
}

/// A tenant's rules in the order they are tried: those for emergencies, or the others.
pub(in crate::validate) fn of_tenant<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    emergency: bool,
) -> Vec<Dialled<'a>> {
    let Some(tenant) = section.tenant.filter(|one| context.has_tenant(one)) else {
        return Vec::new();
    };
    let rules = section.sound.outbound_rules().filter(|(_, one)| one.emergency == emergency);
    let rules: Vec<_> = rules.collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let mut groups: BTreeMap<&str, Vec<NumberRange>> = BTreeMap::new();
    let mut everybody: Vec<NumberRange> = Vec::new();
    for (_, extension) in section.sound.extensions() {
        everybody.push(extension.numbers);
        if let Some(group) = &extension.group {
            groups.entry(group).or_default().push(extension.numbers);
        }
    }
    // A refused extension may be any of the callers.
    let unknown = context.declared.may_have(Kind::Extension, Some(tenant));
    // Without extensions nothing is known of who calls.
    let open = everybody.is_empty() || unknown || has_other_callers(context, section, tenant);
    let anybody = match open {
        true => Callers::All,
        false => Callers::Only(DidSet::new(everybody.clone()).merged()),
    };
    let dialled = rules.into_iter().filter_map(|(id, rule)| {
        let conditional = rule.matches.extensions.is_some() || !rule.matches.groups.is_empty();
        if unknown && conditional {
            return None;
        }
        let callers = callers(rule, &everybody, &groups).unwrap_or_else(|| anybody.clone());
        let prefixes = rule.matches.prefixes.iter().map(String::as_str);
        let mut prefixes: BTreeSet<&str> = prefixes.collect();
        if prefixes.is_empty() {
            prefixes.insert("");
        }
        let lengths = rule.matches.lengths.iter().fold(0, |all, one| all | bit((*one).into()));
        let lengths = if lengths == 0 { ALL_LENGTHS } else { lengths };
        Some(Dialled { id, rule, prefixes, lengths, callers })
    });
    let mut dialled: Vec<_> = dialled.collect();
    // Stable: equal priorities stay in the order of names.
    dialled.sort_by_key(|one| one.rule.priority);
    dialled
}

/// Whether not only extensions of the tenant call: its inbound rules send calls on, or may, or it has
/// a PBX, which shows whom it likes.
fn has_other_callers<'a>(context: &Context<'a>, section: &Section<'a>, tenant: &Name) -> bool {
    let sends = |rule: &InboundRule| rule.enabled && forwards(rule);
    section.sound.inbound_rules().any(|(_, rule)| sends(rule))
        || section.sound.extensions().any(|(_, one)| one.contact.is_some())
        || context.declared.may_have(Kind::InboundRule, Some(tenant))
}

/// Whom a rule asks for; `None` if it asks for nobody.
fn callers(
    rule: &OutboundRule,
    everybody: &[NumberRange],
    groups: &BTreeMap<&str, Vec<NumberRange>>,
) -> Option<Callers> {
    let wanted = &rule.matches.groups;
    if rule.matches.extensions.is_none() && wanted.is_empty() {
        return None;
    }
    let members: Vec<NumberRange> = if wanted.is_empty() {
        everybody.to_vec()
    } else {
        let lists = wanted.iter().filter_map(|name| groups.get(name.as_str()));
        lists.flatten().copied().collect()
    };
    let members = DidSet::new(members).merged();
    let Some(listed) = &rule.matches.extensions else { return Some(Callers::Only(members)) };
    let listed = listed.merged();
    let both =
        members.iter().flat_map(|one| listed.iter().filter_map(|two| one.intersection(*two)));
    Some(Callers::Only(both.collect()))
}
