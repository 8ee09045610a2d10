//! What outbound rules take, as sets: beginnings of numbers, lengths and callers. Compared, never
//! tried number by number.

use std::collections::{BTreeMap, BTreeSet};

use super::forwards::forwards;
use crate::model::value::{DidSet, Name, NumberRange};
use crate::model::{InboundRule, Kind, OutboundRule, ResourceId};
use crate::validate::context::{Context, Map};

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

/// The rules of every tenant in the order they are tried, apart from the emergency ones.
pub(in crate::validate) fn of_tenants<'a>(
    context: &Context<'a>,
    emergency: bool,
) -> BTreeMap<&'a Name, Vec<Dialled<'a>>> {
    let mut rules: BTreeMap<&Name, Vec<Dialled<'_>>> = BTreeMap::new();
    let of_them = || context.set.outbound_rules().filter(|(_, one)| one.emergency == emergency);
    if of_them().next().is_none() {
        return rules;
    }
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
    let others = with_other_callers(context);
    for (id, rule) in of_them() {
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
        let mut callers = callers(rule, all, groups.get(tenant));
        // Without extensions nothing is known of who calls.
        if callers == Callers::All && !all.is_empty() && !unknown && !others.contains(tenant) {
            callers = Callers::Only(DidSet::new(all.to_vec()).merged());
        }
        let prefixes = rule.matches.prefixes.iter().map(String::as_str);
        let mut prefixes: BTreeSet<&str> = prefixes.collect();
        if prefixes.is_empty() {
            prefixes.insert("");
        }
        let lengths = rule.matches.lengths.iter().fold(0, |all, one| all | bit((*one).into()));
        let lengths = if lengths == 0 { ALL_LENGTHS } else { lengths };
        rules.entry(tenant).or_default().push(Dialled { id, rule, prefixes, lengths, callers });
    }
    for list in rules.values_mut() {
        // Stable: equal priorities stay in the order of names.
        list.sort_by_key(|one| one.rule.priority);
    }
    rules
}

/// The tenants for which not only their extensions call: whose inbound rules send calls on, or may,
/// and those with a PBX, which shows whom it likes.
fn with_other_callers<'a>(context: &Context<'a>) -> BTreeSet<&'a Name> {
    let sends = |rule: &InboundRule| rule.enabled && forwards(rule);
    let rules = context.set.inbound_rules().filter(|(_, rule)| sends(rule)).map(|(id, _)| id);
    let pbxs = context.set.extensions().filter(|(_, one)| one.contact.is_some()).map(|(id, _)| id);
    let tenants = context.set.tenants().map(|(id, _)| &id.name);
    let unknown = tenants.filter(|name| context.declared.may_have(Kind::InboundRule, Some(name)));
    rules.chain(pbxs).filter_map(|id| id.tenant.as_ref()).chain(unknown).collect()
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
