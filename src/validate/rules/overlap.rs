//! Overlaps of number ranges, found by a sweep: ranges are compared, never expanded.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::value::{Number, NumberRange};

/// For each item that shares numbers with one that begins before it: the item, the other, and what
/// they share. One pair per item, in O(n log n).
pub(super) fn with_an_earlier_one<T: Copy + Ord>(
    items: &[(NumberRange, T)],
) -> Vec<(T, T, NumberRange)> {
    let mut sorted = items.to_vec();
    sorted.sort_unstable();
    let mut pairs = Vec::new();
    let mut furthest: Option<(NumberRange, T)> = None;
    for (range, item) in sorted {
        if let Some((other_range, other)) = furthest
            && let Some(shared) = range.intersection(other_range)
        {
            // The later name is blamed, whichever begins first.
            pairs.push((item.max(other), item.min(other), shared));
        }
        if furthest.is_none_or(|(other, _)| other.last() < range.last()) {
            furthest = Some((range, item));
        }
    }
    pairs
}

/// What a sweep met.
#[derive(Debug)]
pub(super) struct Met<O, T> {
    /// Pairs of owners whose items share numbers, each with the two items met first.
    pub pairs: BTreeMap<(O, O), (T, T)>,
    /// The item from which on nothing is compared any more; `None`: these are all.
    pub stopped: Option<T>,
}

/// What one sweep may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Pairs found.
    pub pairs: usize,
    /// Items compared.
    pub steps: usize,
}

/// Items at work in a sweep: of each owner, by its party, the one that reaches furthest, as the
/// earlier ones can only overlap less.
type Active<P, O, T> = BTreeMap<P, BTreeMap<O, (NumberRange, T)>>;

/// Pairs of owners of different parties whose items share numbers, as many as the bounds allow.
/// `related` says which owners may not share. O(n log n) plus the overlaps met.
pub(super) fn between_owners<P: Copy + Ord, O: Copy + Ord, T: Copy>(
    items: &mut [(NumberRange, (P, O), T)],
    related: impl Fn((P, O), (P, O)) -> bool,
    bounds: Bounds,
) -> Met<(P, O), T> {
    items.sort_by_key(|(range, owner, _)| (*range, *owner));
    let mut pairs = BTreeMap::new();
    let mut active: Active<P, O, T> = BTreeMap::new();
    let mut ends: BTreeSet<(Number, (P, O))> = BTreeSet::new();
    let mut steps = 0_usize;
    for (range, owner, item) in items.iter().copied() {
        while let Some((last, gone)) = ends.first().copied().filter(|end| end.0 < range.first()) {
            ends.remove(&(last, gone));
            leave(&mut active, gone);
        }
        let others = active.iter().filter(|(party, _)| **party != owner.0);
        let others =
            others.flat_map(|(party, of)| of.iter().map(|(other, met)| ((*party, *other), met.1)));
        for (other, other_item) in others {
            steps = steps.saturating_add(1);
            let key = (owner.min(other), owner.max(other));
            if pairs.contains_key(&key) || !related(owner, other) {
                continue;
            }
            if pairs.len() >= bounds.pairs {
                return Met { pairs, stopped: Some(item) };
            }
            let ordered = if owner < other { (item, other_item) } else { (other_item, item) };
            pairs.insert(key, ordered);
        }
        if steps > bounds.steps {
            return Met { pairs, stopped: Some(item) };
        }
        let of = active.entry(owner.0).or_default();
        if let Some((before, _)) = of.get(&owner.1) {
            if before.last() >= range.last() {
                continue;
            }
            ends.remove(&(before.last(), owner));
        }
        of.insert(owner.1, (range, item));
        ends.insert((range.last(), owner));
    }
    Met { pairs, stopped: None }
}

/// Takes an owner out of those at work; a party without any is none.
fn leave<P: Copy + Ord, O: Copy + Ord, T>(active: &mut Active<P, O, T>, (party, owner): (P, O)) {
    let Some(of) = active.get_mut(&party) else { return };
    of.remove(&owner);
    if of.is_empty() {
        active.remove(&party);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> NumberRange {
        text.parse().unwrap()
    }

    #[test]
    fn a_long_range_is_met_by_every_later_one() {
        let items =
            [(range("100-900"), 1), (range("200"), 2), (range("300-310"), 3), (range("950"), 4)];
        let pairs = with_an_earlier_one(&items);
        assert_eq!(pairs, [(2, 1, range("200")), (3, 1, range("300-310"))]);
    }

    #[test]
    fn numbers_of_other_lengths_do_not_overlap() {
        assert_eq!(with_an_earlier_one(&[(range("100-900"), 1), (range("0200"), 2)]), []);
    }

    #[test]
    fn owners_meet_once_and_only_when_related() {
        let mut items = [
            (range("100-200"), (1, 'x'), "a"),
            (range("150-160"), (2, 'x'), "b"),
            (range("155"), (3, 'x'), "c"),
            (range("158-300"), (2, 'x'), "d"),
            (range("159"), (2, 'y'), "e"),
        ];
        let bounds = |pairs, steps| Bounds { pairs, steps };
        let met = between_owners(&mut items, |_, _| true, bounds(10, 100));
        let of_one = |other| ((1, 'x'), other);
        let pairs = [of_one((2, 'x')), of_one((2, 'y')), of_one((3, 'x')), ((2, 'x'), (3, 'x'))];
        assert_eq!(met.pairs.into_keys().collect::<Vec<_>>(), pairs);
        assert_eq!(met.stopped, None);
        assert!(between_owners(&mut items, |_, _| false, bounds(10, 100)).pairs.is_empty());
        assert_eq!(between_owners(&mut items, |_, _| true, bounds(4, 100)).stopped, None);
        let met = between_owners(&mut items, |_, _| true, bounds(3, 100));
        assert_eq!((met.pairs.len(), met.stopped), (3, Some("e")));
        let met = between_owners(&mut items, |_, _| false, bounds(3, 2));
        assert_eq!((met.pairs.len(), met.stopped), (0, Some("c")));
    }

    #[test]
    fn the_sweep_agrees_with_comparing_everything() {
        let mut seed = 7_u64;
        let mut next = |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % bound
        };
        for _ in 0..300 {
            let items: Vec<_> = (0..12)
                .map(|_| {
                    let first = next(90);
                    let last = (first + next(9)).min(99);
                    (range(&format!("{first:02}-{last:02}")), (next(3), next(2)), ())
                })
                .collect();
            let swept = {
                let bounds = Bounds { pairs: 100, steps: 10_000 };
                between_owners(&mut items.clone(), |_, _| true, bounds).pairs
            };
            let owners: BTreeSet<_> = items.iter().map(|item| item.1).collect();
            for a in &owners {
                for b in owners.iter().filter(|b| *b > a) {
                    let of = |owner| items.iter().filter(move |item| item.1 == owner);
                    let brute = a.0 != b.0
                        && of(*a).any(|x| of(*b).any(|y| x.0.intersection(y.0).is_some()));
                    assert_eq!(swept.contains_key(&(*a, *b)), brute, "{items:?}");
                }
            }
        }
    }
}
