//! Numbers that are not there are told once where one item may have held them.

use std::collections::BTreeMap;

use super::context::listed;
use super::missing::fold;
use crate::diag::Diagnostic;
use crate::model::value::{Coverage, Number, NumberRange};

/// Numbers from one to the next that one item may have had: a block of them has a hundred.
const MAX_APART: u64 = 101;

/// Numbers that are named and that their owner does not have.
#[derive(Debug, Clone)]
pub(super) struct Gap<K> {
    owner: K,
    /// The first and the last of them.
    hull: (Number, Number),
    /// Where they are told.
    at: usize,
    missing: Vec<NumberRange>,
}

impl<K: Copy + Ord> Gap<K> {
    /// Numbers, in order, that the diagnostic at this index is about; `None` where it is not told.
    pub(super) fn new(
        owner: K,
        (at, told): (usize, &Diagnostic),
        missing: Vec<NumberRange>,
    ) -> Option<Self> {
        let ends = missing.first().zip(missing.last())?;
        let hull = (ends.0.first(), ends.1.last());
        (told.span.is_some() && !told.follows).then_some(Self { owner, hull, at, missing })
    }

    /// Whether it is every number of a range.
    pub(super) fn is_all_of(&self, range: NumberRange) -> bool {
        self.missing == [range]
    }

    /// Where they are told.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whose the numbers would be.
    pub(super) fn owner(&self) -> K {
        self.owner
    }

    /// Whether one item with the numbers of both may be missing: they are not far from each other, and
    /// none that is there is between them.
    fn may_be_one_with(&self, next: &Self, own: Option<&Coverage>) -> bool {
        if self.owner != next.owner || self.hull.1.digits() != next.hull.0.digits() {
            return false;
        }
        let between = NumberRange::new(self.hull.1, next.hull.0).ok();
        let is_free = |range: NumberRange| {
            range.size() <= MAX_APART && own.is_none_or(|all| all.uncovered(range) == [range])
        };
        // Without a range between them they overlap.
        between.is_none_or(is_free)
    }
}

/// Tells those once that one item of their owner may have held; `own` is what an owner has.
pub(super) fn once<'c, K: Copy + Ord>(
    found: &mut [Diagnostic],
    mut all: Vec<Gap<K>>,
    own: impl Fn(K) -> Option<&'c Coverage>,
) {
    all.sort_by_key(|one| (one.owner, one.hull.0.digits(), one.hull));
    let names: BTreeMap<usize, String> =
        all.iter().map(|one| (one.at, listed(&one.missing))).collect();
    let mut groups: Vec<(Gap<K>, Vec<usize>)> = Vec::new();
    for one in all {
        match groups.last_mut() {
            Some((last, group)) if last.may_be_one_with(&one, own(one.owner)) => {
                last.hull.1 = last.hull.1.max(one.hull.1);
                group.push(one.at);
            }
            _ => groups.push((one.clone(), vec![one.at])),
        }
    }
    for (_, group) in groups {
        fold(found, group, |at| {
            format!("names {}", names.get(&at).map(String::as_str).unwrap_or_default())
        });
    }
}
