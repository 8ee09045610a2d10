//! Circles of a directed graph.

use std::collections::{BTreeMap, VecDeque};

/// What a node is not in: no search has met it.
const NEW: usize = usize::MAX;

/// The nodes that lie on circles together, each group sorted: the strongly connected components in
/// which some edge stays (Tarjan's algorithm, without recursion). `next` names the ends of a node's
/// edges.
pub(super) fn components(nodes: &[usize], next: impl Fn(usize) -> Vec<usize>) -> Vec<Vec<usize>> {
    let place: BTreeMap<usize, usize> =
        nodes.iter().enumerate().map(|(at, one)| (*one, at)).collect();
    let edges: Vec<Vec<usize>> = nodes
        .iter()
        .map(|one| next(*one).iter().filter_map(|to| place.get(to).copied()).collect())
        .collect();
    let mut search = Search {
        edges: &edges,
        order: vec![NEW; nodes.len()],
        low: vec![NEW; nodes.len()],
        open: vec![false; nodes.len()],
        stack: Vec::new(),
        met: 0,
        found: Vec::new(),
    };
    for root in 0..nodes.len() {
        search.from(root);
    }
    let named = |group: Vec<usize>| {
        let mut group: Vec<usize> =
            group.into_iter().filter_map(|at| nodes.get(at).copied()).collect();
        group.sort_unstable();
        group
    };
    search.found.into_iter().map(named).collect()
}

struct Search<'e> {
    edges: &'e [Vec<usize>],
    order: Vec<usize>,
    low: Vec<usize>,
    /// Whether a node is on the stack.
    open: Vec<bool>,
    stack: Vec<usize>,
    met: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn from(&mut self, root: usize) {
        if self.order.get(root).is_none_or(|order| *order != NEW) {
            return;
        }
        // Each with how many of its edges have been followed.
        let mut way = vec![(root, 0_usize)];
        self.enter(root);
        while let Some((node, followed)) = way.last_mut() {
            let node = *node;
            let to = self.edges.get(node).and_then(|edges| edges.get(*followed)).copied();
            *followed += 1;
            match to {
                Some(to) if at(&self.order, to) == NEW => {
                    self.enter(to);
                    way.push((to, 0));
                }
                Some(to) => {
                    if self.open.get(to).copied().unwrap_or_default() {
                        self.lower(node, at(&self.order, to));
                    }
                }
                None => {
                    way.pop();
                    if let Some((before, _)) = way.last() {
                        self.lower(*before, at(&self.low, node));
                    }
                    self.close(node);
                }
            }
        }
    }

    fn enter(&mut self, node: usize) {
        for list in [&mut self.order, &mut self.low] {
            list.get_mut(node).into_iter().for_each(|one| *one = self.met);
        }
        self.met += 1;
        self.open.get_mut(node).into_iter().for_each(|one| *one = true);
        self.stack.push(node);
    }

    fn lower(&mut self, node: usize, to: usize) {
        self.low.get_mut(node).into_iter().for_each(|low| *low = to.min(*low));
    }

    /// Takes a component from the stack, if the node is its first.
    fn close(&mut self, node: usize) {
        if at(&self.low, node) != at(&self.order, node) {
            return;
        }
        let begin = self.stack.iter().rposition(|one| *one == node).unwrap_or_default();
        let group = self.stack.split_off(begin);
        for one in &group {
            self.open.get_mut(*one).into_iter().for_each(|open| *open = false);
        }
        let itself = self.edges.get(node).is_some_and(|edges| edges.contains(&node));
        if group.len() > 1 || itself {
            self.found.push(group);
        }
    }
}

fn at(list: &[usize], index: usize) -> usize {
    list.get(index).copied().unwrap_or(NEW)
}

/// The shortest way from one node to another, both included.
pub(super) fn shortest(
    from: usize,
    to: usize,
    next: impl Fn(usize) -> Vec<usize>,
) -> Option<Vec<usize>> {
    let mut before = BTreeMap::from([(from, from)]);
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if node == to {
            let mut way = vec![node];
            let mut at = node;
            while at != from {
                at = *before.get(&at)?;
                way.push(at);
            }
            way.reverse();
            return Some(way);
        }
        for other in next(node) {
            before.entry(other).or_insert_with(|| {
                queue.push_back(other);
                node
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(of: &'static [&'static [usize]]) -> impl Fn(usize) -> Vec<usize> {
        |node| of[node].to_vec()
    }

    #[test]
    fn nodes_on_one_circle_are_together() {
        let graph: &[&[usize]] = &[&[1], &[2, 3], &[0], &[4], &[4], &[3]];
        let nodes: Vec<usize> = (0..graph.len()).collect();
        let mut found = components(&nodes, edges(graph));
        found.sort();
        assert_eq!(found, [vec![0, 1, 2], vec![4]]);
        // Edges that leave the nodes asked for count for nothing.
        assert_eq!(components(&[1, 2, 3], edges(graph)), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn the_shortest_way_is_taken() {
        let graph: &[&[usize]] = &[&[1, 2], &[3], &[1], &[0]];
        assert_eq!(shortest(0, 3, edges(graph)), Some(vec![0, 1, 3]));
        assert_eq!(shortest(2, 2, edges(graph)), Some(vec![2]));
        assert_eq!(shortest(0, 9, edges(&[&[1], &[]])), None);
    }
}
