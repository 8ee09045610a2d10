//! "The same provider": which trunks lead to one company.

use std::collections::BTreeMap;

use crate::model::value::Cidr;
use crate::model::{ResourceId, ResourceSet, Trunk};

/// The trunks in groups such that two of the same provider are always in one group (the converse
/// need not hold: ask [`Trunk::same_provider`]). Groups and their members are in the order of the set.
pub(super) fn groups(set: &ResourceSet) -> Vec<Vec<(&ResourceId, &Trunk)>> {
    let trunks: Vec<_> = set.trunks().collect();
    let mut union = Union::new(trunks.len());
    let mut by_provider = BTreeMap::new();
    let mut by_host = BTreeMap::new();
    let mut by_brand = BTreeMap::new();
    let mut networks = Vec::new();
    for (index, (_, trunk)) in trunks.iter().enumerate() {
        if let Some(provider) = &trunk.provider {
            union.join(index, *by_provider.entry(provider).or_insert(index));
        }
        if !trunk.brand.is_generic() {
            union.join(index, *by_brand.entry(trunk.brand.key()).or_insert(index));
        }
        if let Some(host) = trunk.host() {
            union.join(index, *by_host.entry(host).or_insert(index));
        }
        networks.extend(trunk.source_addresses().map(|network| (network, index)));
    }
    // Ranges of addresses are nested or apart: sorted by beginning, then by length, the ones that
    // hold the current one form a stack.
    networks.sort_unstable_by_key(|(network, index)| {
        (network.network().is_ipv4(), network.network(), network.bits(), *index)
    });
    let mut holders: Vec<(Cidr, usize)> = Vec::new();
    for (network, index) in networks {
        while holders.last().is_some_and(|(holder, _)| !holder.intersects(network)) {
            holders.pop();
        }
        if let Some((_, holder)) = holders.last() {
            union.join(index, *holder);
        }
        holders.push((network, index));
    }
    let mut groups: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (index, trunk) in trunks.into_iter().enumerate() {
        groups.entry(union.root(index)).or_default().push(trunk);
    }
    groups.into_values().collect()
}

/// Disjoint sets of indices; the root of a set is its least member.
struct Union {
    parents: Vec<usize>,
}

impl Union {
    fn new(size: usize) -> Self {
        Self { parents: (0..size).collect() }
    }

    fn root(&mut self, index: usize) -> usize {
        let mut root = index;
        while let Some(parent) = self.parents.get(root).copied().filter(|parent| *parent != root) {
            root = parent;
        }
        // Shortens the way for the next time.
        let mut at = index;
        while let Some(parent) = self.parents.get_mut(at).filter(|parent| **parent != root) {
            at = std::mem::replace(parent, root);
        }
        root
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(parent) = self.parents.get_mut(a.max(b)) {
            *parent = a.min(b);
        }
    }
}
