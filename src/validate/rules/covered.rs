//! Whether outbound rules leave any call to one that comes after them: a walk down the beginnings
//! of numbers, which goes no deeper than somebody's prefix and stops at the first number left.

use std::collections::{BTreeMap, BTreeSet};

use super::dialling::{Callers, Dialled, Lengths, bit, lengths_from};
use crate::model::{ResourceId, Tenant};

/// Steps about the rules of one tenant; 800 rules of ten prefixes each need a tenth of it.
pub(super) const MAX_STEPS: usize = 5_000_000;

/// What comes before a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Before<'a> {
    /// The tenant's lists of what is not called.
    Lists,
    /// The number processing, after which no number begins with `+`.
    Processing,
    /// Emergency numbers, which are judged by themselves.
    Emergency,
    /// An earlier rule, by its place in the order.
    Rule(usize, &'a ResourceId),
}

/// What is taken from later rules under one prefix.
#[derive(Debug, Clone, Copy)]
struct Taken<'c, 'a> {
    by: Before<'a>,
    /// `None`: whoever calls.
    callers: Option<&'c Callers>,
    lengths: Lengths,
}

/// Everything that comes before the next rule of a tenant, by prefixes.
#[derive(Debug, Default)]
pub(super) struct Earlier<'c, 'a> {
    by_prefix: BTreeMap<&'c str, Vec<Taken<'c, 'a>>>,
    rules: Vec<&'c Dialled<'a>>,
    steps: usize,
}

/// Calls that are left: of these callers, with numbers of these lengths.
#[derive(Debug, Clone)]
struct Left {
    callers: Callers,
    lengths: Lengths,
}

/// What the rules before one come to.
#[derive(Debug)]
pub(super) enum Verdict<'a> {
    /// Some call is left.
    Alive,
    /// None is: these take them.
    Dead(BTreeSet<Before<'a>>),
    /// It would take too many steps to know.
    Unknown,
}

/// More steps would be needed than one tenant may cost.
struct TooMany;

impl<'c, 'a> Earlier<'c, 'a> {
    /// Before the first ordinary rule of a tenant.
    pub(super) fn of(tenant: Option<&'c Tenant>) -> Self {
        let mut earlier = Self::default();
        let Some(tenant) = tenant else { return earlier };
        let mut add = |prefix: &'c str, by, lengths| {
            let taken = Taken { by, callers: None, lengths };
            earlier.by_prefix.entry(prefix).or_default().push(taken);
        };
        // Emergency numbers first: they pass the lists.
        for number in &tenant.emergency_numbers {
            add(number, Before::Emergency, bit(number.len()));
        }
        if tenant.e164.enabled {
            add("+", Before::Processing, lengths_from("+"));
        }
        for prefix in &tenant.blocked_prefixes {
            add(prefix, Before::Lists, lengths_from(prefix));
        }
        for number in &tenant.blocked_numbers {
            add(number, Before::Lists, bit(number.len()));
        }
        earlier
    }

    /// Adds the next rule.
    pub(super) fn push(&mut self, rule: &'c Dialled<'a>) {
        let by = Before::Rule(self.rules.len(), rule.id);
        for prefix in &rule.prefixes {
            let taken = Taken { by, callers: Some(&rule.callers), lengths: rule.lengths };
            self.by_prefix.entry(prefix).or_default().push(taken);
        }
        self.rules.push(rule);
    }

    /// Whether what comes before it leaves a rule any call.
    pub(super) fn judge(&mut self, rule: &Dialled<'_>) -> Verdict<'a> {
        let mut used = BTreeSet::new();
        let mut walk = Walk { by_prefix: &self.by_prefix, used: &mut used, steps: &mut self.steps };
        for prefix in &rule.prefixes {
            let left = Left { callers: rule.callers.clone(), lengths: rule.lengths };
            match walk.beginning_with(prefix, left) {
                Ok(true) => {}
                Ok(false) => return Verdict::Alive,
                Err(TooMany) => return Verdict::Unknown,
            }
        }
        Verdict::Dead(used)
    }

    /// Whether the rules so far leave somebody a number; the ones that do not are noted.
    pub(super) fn leaves(
        &self,
        number: &str,
        callers: &Callers,
        used: &mut BTreeSet<Before<'a>>,
    ) -> Option<Callers> {
        let mut left = callers.clone();
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.takes(number)) {
            match left.without(&rule.callers) {
                Some(rest) if rest == left => {}
                rest => {
                    used.insert(Before::Rule(at, rule.id));
                    left = rest?;
                }
            }
        }
        Some(left)
    }
}

struct Walk<'w, 'c, 'a> {
    by_prefix: &'w BTreeMap<&'c str, Vec<Taken<'c, 'a>>>,
    used: &'w mut BTreeSet<Before<'a>>,
    steps: &'w mut usize,
}

impl Walk<'_, '_, '_> {
    /// Whether everything with this beginning is taken.
    fn beginning_with(&mut self, prefix: &str, left: Left) -> Result<bool, TooMany> {
        let mut left = vec![left];
        for end in 0..prefix.len() {
            let shorter = prefix.get(..end).unwrap_or_default();
            self.take(shorter, lengths_from(prefix), &mut left)?;
        }
        self.is_covered(&mut prefix.to_owned(), left)
    }

    fn is_covered(&mut self, prefix: &mut String, mut left: Vec<Left>) -> Result<bool, TooMany> {
        self.take(prefix, lengths_from(prefix), &mut left)?;
        if left.is_empty() {
            return Ok(true);
        }
        // The number that has no more digits.
        let ends_here = bit(prefix.len());
        let mut deeper = self.by_prefix.range(prefix.as_str()..);
        let deeper = deeper.find(|(key, _)| **key != prefix.as_str());
        let deeper = deeper.is_some_and(|(key, _)| key.starts_with(prefix.as_str()));
        if !deeper || left.iter().any(|one| one.lengths & ends_here != 0) {
            return Ok(false);
        }
        let first = prefix.is_empty();
        for symbol in "0123456789*#".chars().chain(first.then_some('+')) {
            prefix.push(symbol);
            let covered = self.is_covered(prefix, left.clone());
            prefix.pop();
            if !covered? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes what is taken under one prefix, of the lengths that still count.
    fn take(&mut self, prefix: &str, fits: Lengths, left: &mut Vec<Left>) -> Result<(), TooMany> {
        for one in left.iter_mut() {
            one.lengths &= fits;
        }
        left.retain(|one| one.lengths != 0);
        *self.steps += 1;
        for taken in self.by_prefix.get(prefix).into_iter().flatten() {
            let sizes = left.iter().map(|one| one.callers.size());
            *self.steps += 1 + sizes.sum::<usize>();
            if *self.steps > MAX_STEPS {
                return Err(TooMany);
            }
            if left.is_empty() {
                break;
            }
            let mut rest = Vec::with_capacity(left.len());
            for one in left.drain(..) {
                let both = one.lengths & taken.lengths;
                if both == 0 {
                    rest.push(one);
                    continue;
                }
                let callers = taken.callers.and_then(|callers| one.callers.without(callers));
                if callers.as_ref() == Some(&one.callers) {
                    rest.push(one);
                    continue;
                }
                self.used.insert(taken.by);
                rest.extend(callers.map(|callers| Left { callers, lengths: both }));
                let others = one.lengths & !taken.lengths;
                if others != 0 {
                    rest.push(Left { callers: one.callers, lengths: others });
                }
            }
            *left = rest;
        }
        if *self.steps > MAX_STEPS { Err(TooMany) } else { Ok(()) }
    }
}
