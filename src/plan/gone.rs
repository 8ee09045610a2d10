//! What a change takes away, asked for by what is needed. Built once for a change, whatever number
//! of needs is asked about: names are looked up, numbers are met in a tree of intervals.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::value::{DidSet, Name, Number, NumberRange};
use crate::model::{Kind, Protocol, ResourceId, ResourceSet, Transport};

use super::uses::Need;

/// What is live and no longer desired.
#[derive(Debug)]
pub(super) struct Gone<'a> {
    live: &'a ResourceSet,
    desired: &'a ResourceSet,
    /// Numbers of pools by tenant and trunk.
    pools: BTreeMap<(&'a Name, &'a Name), Numbers<'a>>,
    /// Numbers of extensions by tenant.
    extensions: BTreeMap<&'a Name, Numbers<'a>>,
}

/// What would have met a need.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// What this change takes away, or cuts down.
    pub(super) things: BTreeSet<ResourceId>,
    /// Whether the need would be met if the things stayed as they are.
    pub(super) is_all: bool,
}

impl Missed {
    fn one(id: ResourceId) -> Self {
        Self { things: BTreeSet::from([id]), is_all: true }
    }
}

impl<'a> Gone<'a> {
    pub(super) fn new(live: &'a ResourceSet, desired: &'a ResourceSet) -> Self {
        let mut gone = Self { live, desired, pools: BTreeMap::new(), extensions: BTreeMap::new() };
        for (id, pool) in live.did_pools() {
            let Some(tenant) = &id.tenant else { continue };
            let left = desired.did_pool(id.tenant.as_ref(), &id.name);
            let left = left.filter(|left| left.trunk == pool.trunk).map(|left| &left.numbers);
            let numbers = gone.pools.entry((tenant, &pool.trunk)).or_default();
            numbers.lose(id, &pool.numbers, left);
        }
        for (id, pool) in desired.did_pools() {
            let numbers =
                id.tenant.as_ref().and_then(|tenant| gone.pools.get_mut(&(tenant, &pool.trunk)));
            numbers.into_iter().for_each(|one| one.kept.extend(pool.numbers.items()));
        }
        for (id, extension) in live.extensions() {
            let Some(tenant) = &id.tenant else { continue };
            let set = |range| DidSet::new(vec![range]);
            let left = desired.extension(id.tenant.as_ref(), &id.name);
            let left = left.map(|left| set(left.numbers));
            let numbers = gone.extensions.entry(tenant).or_default();
            numbers.lose(id, &set(extension.numbers), left.as_ref());
        }
        for (id, extension) in desired.extensions() {
            let numbers = id.tenant.as_ref().and_then(|tenant| gone.extensions.get_mut(tenant));
            numbers.into_iter().for_each(|one| one.kept.push(extension.numbers));
        }
        let all = gone.pools.values_mut().chain(gone.extensions.values_mut());
        all.for_each(Numbers::settle);
        gone
    }

    /// What this change takes away of what a need asks for; nothing where it is met otherwise, or
    /// was never live.
    pub(super) fn of(&self, owner: Option<&Name>, need: Need<'_>) -> Missed {
        match need {
            Need::Tenant(name) => self.named([ResourceId::system(Kind::Tenant, name.clone())]),
            Need::Transport(name) => {
                self.named([ResourceId::system(Kind::Transport, name.clone())])
            }
            Need::Trunk(name) => {
                let own =
                    owner.map(|owner| ResourceId::owned(Kind::Trunk, owner.clone(), name.clone()));
                let system = ResourceId::system(Kind::Trunk, name.clone());
                self.named(own.into_iter().chain([system]))
            }
            Need::Schedule(name) => self.named(
                owner.map(|owner| ResourceId::owned(Kind::Schedule, owner.clone(), name.clone())),
            ),
            Need::Rule(kind, name) => {
                self.named(owner.map(|owner| ResourceId::owned(kind, owner.clone(), name.clone())))
            }
            Need::Listener(protocol) => self.listener(protocol),
            Need::Extensions(range) => {
                let numbers = owner.and_then(|owner| self.extensions.get(owner));
                numbers.map(|numbers| numbers.missed(range)).unwrap_or_default()
            }
            Need::Numbers(trunk, range) => {
                let numbers = owner.and_then(|owner| self.pools.get(&(owner, trunk)));
                let missed = numbers.map(|numbers| match range {
                    Some(range) => numbers.missed(range),
                    None => numbers.first(),
                });
                missed.unwrap_or_default()
            }
        }
    }

    fn named(&self, ids: impl IntoIterator<Item = ResourceId>) -> Missed {
        let mut ids = ids.into_iter();
        let gone = ids.find(|id| self.live.contains(id) && !self.desired.contains(id));
        gone.map(Missed::one).unwrap_or_default()
    }

    fn listener(&self, protocol: Option<Protocol>) -> Missed {
        let fits = |one: &Transport| protocol.is_none_or(|protocol| protocol == one.protocol);
        if self.desired.transports().any(|(_, one)| fits(one)) {
            return Missed::default();
        }
        // None fits any more: each that did is gone, or is replaced by one of another protocol.
        let mut live = self.live.transports().filter(|(_, one)| fits(one));
        live.next().map(|(id, _)| Missed::one(id.clone())).unwrap_or_default()
    }
}

/// The numbers of one place: those that are there, and those that go with their owners.
#[derive(Debug, Default)]
struct Numbers<'a> {
    /// Merged once settled.
    kept: Vec<NumberRange>,
    lost: Vec<Lost<'a>>,
    /// What is lost, merged once settled.
    all_lost: Vec<NumberRange>,
}

/// A node of the tree of what is lost: the middle of its part of the list is the root of the part.
#[derive(Debug)]
struct Lost<'a> {
    range: NumberRange,
    of: &'a ResourceId,
    /// The furthest number of this part of the list.
    furthest: Number,
}

impl<'a> Numbers<'a> {
    fn lose(&mut self, of: &'a ResourceId, old: &DidSet, left: Option<&DidSet>) {
        if left == Some(old) {
            return;
        }
        let left = left.map(DidSet::merged).unwrap_or_default();
        let lost = old.merged().into_iter().flat_map(|range| gaps(&left, range));
        self.lost.extend(lost.map(|range| Lost { range, of, furthest: range.last() }));
    }

    fn settle(&mut self) {
        self.kept = DidSet::new(std::mem::take(&mut self.kept)).merged();
        self.lost.sort_by_key(|lost| (lost.range, lost.of));
        self.all_lost = DidSet::new(self.lost.iter().map(|lost| lost.range).collect()).merged();
        note_furthest(&mut self.lost);
    }

    /// Who held the numbers of a range that nobody holds any more.
    fn missed(&self, range: NumberRange) -> Missed {
        let missing = gaps(&self.kept, range);
        let mut things = BTreeSet::new();
        for gap in &missing {
            meet(&self.lost, *gap, &mut |lost| things.extend([lost.of.clone()]));
        }
        let is_all = missing.iter().all(|gap| gaps(&self.all_lost, *gap).is_empty());
        Missed { is_all: is_all && !things.is_empty(), things }
    }

    /// One who would do where any does and none is left.
    fn first(&self) -> Missed {
        if !self.kept.is_empty() {
            return Missed::default();
        }
        let first = self.lost.iter().map(|lost| lost.of).min();
        first.map(|id| Missed::one(id.clone())).unwrap_or_default()
    }
}

/// The parts of a range that merged ranges do not hold, in order.
fn gaps(merged: &[NumberRange], range: NumberRange) -> Vec<NumberRange> {
    let from = merged.partition_point(|item| item.last() < range.first());
    let to = merged.partition_point(|item| item.first() <= range.last());
    let near = merged.get(from..to).unwrap_or_default();
    DidSet::new(near.to_vec()).uncovered(range)
}

fn note_furthest(lost: &mut [Lost<'_>]) -> Option<Number> {
    let (before, rest) = lost.split_at_mut(lost.len() / 2);
    let (root, after) = rest.split_first_mut()?;
    let sides = [note_furthest(before), note_furthest(after)];
    root.furthest = sides.into_iter().flatten().fold(root.range.last(), Number::max);
    Some(root.furthest)
}

/// Calls `take` with everything that meets a range; costs what it finds and the depth of the tree.
fn meet<'l, 'a>(lost: &'l [Lost<'a>], range: NumberRange, take: &mut impl FnMut(&'l Lost<'a>)) {
    let Some((before, [root, after @ ..])) = lost.split_at_checked(lost.len() / 2) else { return };
    if root.furthest < range.first() {
        return;
    }
    meet(before, range, take);
    if root.range.first() <= range.last() {
        if root.range.intersection(range).is_some() {
            take(root);
        }
        meet(after, range, take);
    }
}
