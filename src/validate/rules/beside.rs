//! How many other places diagnostics have. `--only`, JSON and SARIF know a diagnostic by
//! all of its places, so that nothing is left out but where there are more than anybody reads.

use std::cell::Cell;
use std::collections::BTreeSet;

use crate::diag::{Diagnostic, MAX_RELATED};
use crate::model::ResourceId;
use crate::validate::context::{Context, PoolItem};

/// Other places of all diagnostics of rules where they may grow with the square of a repository.
const MAX_IN_ALL: usize = 100_000;

/// What each diagnostic has all the same: as many as a person is shown.
const MIN_OF_ONE: usize = 10;

/// The room that is left in one check.
#[derive(Debug)]
pub(in crate::validate) struct Room(Cell<usize>);

impl Room {
    /// All of it.
    pub(in crate::validate) fn new() -> Self {
        Self(Cell::new(MAX_IN_ALL))
    }

    /// How many of some other places a diagnostic gets.
    pub(super) fn of(&self, places: usize) -> usize {
        let given = places.min(MAX_RELATED).min(self.0.get().max(MIN_OF_ONE));
        self.0.set(self.0.get().saturating_sub(given));
        given
    }
}

/// The pools of some items, each once.
pub(super) fn pools_of<'a>(items: &[PoolItem<'a>]) -> Vec<&'a ResourceId> {
    let mut seen = BTreeSet::new();
    items.iter().map(|item| item.pool).filter(|pool| seen.insert(*pool)).collect()
}

/// A diagnostic of a number that none of some pools has, with their places.
pub(super) fn with_pools(
    context: &Context<'_>,
    told: Diagnostic,
    pools: &[&ResourceId],
) -> Diagnostic {
    let words = if pools.len() == 1 { "the pool" } else { "one of its pools" };
    pools
        .iter()
        .take(context.room.of(pools.len()))
        .fold(told, |told, pool| told.related(context.span(pool, "/spec/numbers"), words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_bounded_and_each_diagnostic_has_some() {
        let room = Room::new();
        assert_eq!(room.of(3), 3);
        assert_eq!(room.of(5000), 1000);
        let rest = (0..1000).map(|_| room.of(1000)).sum::<usize>();
        assert!(rest < MAX_IN_ALL + 1000 * MIN_OF_ONE);
        assert_eq!(room.of(1000), MIN_OF_ONE);
    }
}
