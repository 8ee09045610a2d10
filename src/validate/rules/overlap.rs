//! Overlaps of number ranges, found by a sweep: ranges are compared, never expanded.

use std::collections::BTreeMap;

use crate::model::value::NumberRange;

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

/// Pairs of owners whose items share numbers, each with the two items met first, at most `limit`
/// of them. `related` says which owners may not share. O(n log n) plus the overlaps met.
pub(super) fn between_owners<O: Copy + Ord, T: Copy>(
    items: &mut [(NumberRange, O, T)],
    related: impl Fn(O, O) -> bool,
    limit: usize,
) -> BTreeMap<(O, O), (T, T)> {
    items.sort_by_key(|(range, owner, _)| (*range, *owner));
    let mut pairs = BTreeMap::new();
    // Of each owner, the item that reaches furthest; the earlier ones can only overlap less.
    let mut active: BTreeMap<O, (NumberRange, T)> = BTreeMap::new();
    for (range, owner, item) in items.iter().copied() {
        active.retain(|_, (other, _)| range.first() <= other.last());
        for (other, (_, other_item)) in active.iter().filter(|(other, _)| **other != owner) {
            let key = (owner.min(*other), owner.max(*other));
            if pairs.len() < limit && !pairs.contains_key(&key) && related(owner, *other) {
                let ordered =
                    if owner < *other { (item, *other_item) } else { (*other_item, item) };
                pairs.insert(key, ordered);
            }
        }
        if pairs.len() >= limit {
            break;
        }
        let reach = active.entry(owner).or_insert((range, item));
        if reach.0.last() < range.last() {
            *reach = (range, item);
        }
    }
    pairs
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
            (range("100-200"), 1, "a"),
            (range("150-160"), 2, "b"),
            (range("155"), 3, "c"),
            (range("158-300"), 2, "d"),
        ];
        let pairs = between_owners(&mut items, |_, _| true, 10);
        assert_eq!(pairs.keys().collect::<Vec<_>>(), [&(1, 2), &(1, 3), &(2, 3)]);
        assert!(between_owners(&mut items, |_, _| false, 10).is_empty());
        assert_eq!(between_owners(&mut items, |_, _| true, 1).len(), 1);
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
                    (range(&format!("{first:02}-{last:02}")), next(4), ())
                })
                .collect();
            let swept = between_owners(&mut items.clone(), |_, _| true, 100);
            for a in 0..4 {
                for b in a + 1..4 {
                    let of = |owner| items.iter().filter(move |item| item.1 == owner);
                    let brute = of(a).any(|x| of(b).any(|y| x.0.intersection(y.0).is_some()));
                    assert_eq!(swept.contains_key(&(a, b)), brute, "{items:?}");
                }
            }
        }
    }
}
