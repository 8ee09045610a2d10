//! Calls that would go round in a circle: out over a trunk, and back in at a number of ours.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::circles;
use super::forwards::{Arrival, Forwards, Inbound, Return, forwards};
use super::hours::{Clock, moments};
use crate::diag::{Code, Diagnostic, MAX_RELATED};
use crate::model::{DestinationField, OutboundRule, ResourceId};
use crate::validate::context::Context;

/// Calls that are followed; as many bounds has no plan of numbers.
const MAX_ARRIVALS: usize = 1_000_000;

/// Circles told in one run; of the others the number of rules.
const MAX_TOLD: usize = 100;

/// Answers of clocks asked for about one group of rules.
const MAX_ASKED: usize = 4_000_000;

/// Where a call goes while some rules are in some of their hours.
#[derive(Debug)]
struct Edge<'a> {
    to: usize,
    rule: Inbound<'a>,
    field: DestinationField,
    /// The outbound rule, and the index of its route.
    by: (&'a ResourceId, usize),
    /// What has to be so, by the rules' clocks.
    when: Vec<(usize, DestinationField)>,
}

/// Every forwarded call, from where it comes in to where it comes in again.
#[derive(Debug)]
struct Graph<'a> {
    arrivals: Vec<Arrival<'a>>,
    edges: Vec<Vec<Edge<'a>>>,
    clocks: Vec<Clock<'a>>,
    /// Whether all are followed.
    all: bool,
}

/// What is known of the time at which a circle is closed.
#[derive(Debug, Clone, Copy)]
enum Hours<'g> {
    Always,
    /// At this moment, by the answers of some clocks then.
    At(Timestamp, &'g BTreeMap<usize, DestinationField>),
    /// Only if the hours of its rules meet: there are too many to compare.
    Unknown,
}

impl Hours<'_> {
    fn hold(self, edge: &Edge<'_>) -> bool {
        match self {
            Self::Always => edge.when.is_empty(),
            Self::At(_, states) => {
                edge.when.iter().all(|(clock, field)| states.get(clock) == Some(field))
            }
            Self::Unknown => true,
        }
    }
}

impl<'a> Graph<'a> {
    fn new(context: &Context<'a>) -> Self {
        let plan = Forwards::new(context);
        let mut graph =
            Self { arrivals: Vec::new(), edges: Vec::new(), clocks: Vec::new(), all: true };
        let mut clocks = Clocks { context, known: BTreeMap::new() };
        let mut known: BTreeMap<Arrival<'_>, usize> = BTreeMap::new();
        for start in plan.starts() {
            graph.index(start, &mut known);
            while let Some(from) = graph.arrivals.get(graph.edges.len()).copied() {
                let returns = plan.returns(from);
                let edges = returns.into_iter().filter_map(|one| {
                    let when = clocks.conditions(&one, &mut graph.clocks)?;
                    let to = graph.index(one.to, &mut known)?;
                    let by = (one.outbound.id, one.route);
                    Some(Edge { to, rule: one.rule, field: one.field, by, when })
                });
                let edges = edges.collect();
                graph.edges.push(edges);
            }
        }
        graph
    }

    fn index(
        &mut self,
        arrival: Arrival<'a>,
        known: &mut BTreeMap<Arrival<'a>, usize>,
    ) -> Option<usize> {
        if let Some(index) = known.get(&arrival) {
            return Some(*index);
        }
        if self.arrivals.len() >= MAX_ARRIVALS {
            self.all = false;
            return None;
        }
        known.insert(arrival, self.arrivals.len());
        self.arrivals.push(arrival);
        Some(self.arrivals.len() - 1)
    }

    fn from(&self, node: usize) -> &[Edge<'a>] {
        self.edges.get(node).map(Vec::as_slice).unwrap_or_default()
    }

    fn next(&self, node: usize, hours: Hours<'_>) -> Vec<usize> {
        self.from(node).iter().filter(|edge| hours.hold(edge)).map(|edge| edge.to).collect()
    }

    fn number(&self, node: usize) -> String {
        self.arrivals.get(node).map(|(_, _, number)| number.to_string()).unwrap_or_default()
    }

    /// The edges that stay inside a component.
    fn inside<'g>(&'g self, component: &'g [usize]) -> impl Iterator<Item = (usize, &'g Edge<'a>)> {
        let edges = component.iter().flat_map(|node| self.from(*node).iter().map(|e| (*node, e)));
        edges.filter(|(_, edge)| component.binary_search(&edge.to).is_ok())
    }
}

/// The clocks of rules, each made once; of a rule without hours there is none.
struct Clocks<'c, 'a> {
    context: &'c Context<'a>,
    known: BTreeMap<&'a ResourceId, Option<usize>>,
}

impl<'a> Clocks<'_, 'a> {
    /// What has to be so for a call to come in again; `None`: what the hours are is not known.
    fn conditions(
        &mut self,
        one: &Return<'_, 'a>,
        clocks: &mut Vec<Clock<'a>>,
    ) -> Option<Vec<(usize, DestinationField)>> {
        let context = self.context;
        let mut when = Vec::new();
        let (id, rule) = one.rule;
        if rule.schedule.is_some() || !rule.advanced.is_empty() {
            let index = self.index(id, clocks, || Clock::inbound(context, id, rule))?;
            when.push((index, one.field));
        }
        let outbound: &'a OutboundRule = one.outbound.rule;
        // Emergency calls pass all hours.
        if outbound.schedule.is_some() && !outbound.emergency {
            let id = one.outbound.id;
            let index = self.index(id, clocks, || Clock::outbound(context, id, outbound))?;
            when.push((index, DestinationField::Destination));
        }
        Some(when)
    }

    fn index(
        &mut self,
        id: &'a ResourceId,
        clocks: &mut Vec<Clock<'a>>,
        clock: impl FnOnce() -> Option<Clock<'a>>,
    ) -> Option<usize> {
        *self.known.entry(id).or_insert_with(|| {
            clocks.push(clock()?);
            Some(clocks.len() - 1)
        })
    }
}

/// Forwarded calls that come back to a number that they were at before.
pub(super) fn tl511_circles(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut rules = context.sections().flat_map(|section| section.sound.inbound_rules());
    if !rules.any(|(_, rule)| rule.enabled && forwards(rule)) {
        return;
    }
    let graph = Graph::new(context);
    let (told, more) = (BTreeSet::new(), BTreeSet::new());
    let mut circles = Circles { context, graph: &graph, told, count: 0, found, more };
    let nodes: Vec<usize> = (0..graph.arrivals.len()).collect();
    let ends = |node: usize| graph.from(node).iter().map(|edge| edge.to).collect();
    for component in circles::components(&nodes, ends) {
        circles.tell_always(&component);
        circles.tell_at_times(&component);
    }
    circles.tell_rest();
}

/// The circles that are told. Each rule that is on one is in one that is told.
struct Circles<'c, 'g, 'a> {
    context: &'c Context<'a>,
    graph: &'g Graph<'a>,
    told: BTreeSet<&'a ResourceId>,
    count: usize,
    found: &'c mut Vec<Diagnostic>,
    /// Rules in circles beyond those that are told.
    more: BTreeSet<&'a ResourceId>,
}

impl<'a> Circles<'_, '_, 'a> {
    fn tell_always(&mut self, component: &[usize]) {
        self.tell(component, Hours::Always);
    }

    /// Circles that are closed while several rules are in certain of their hours: every moment is
    /// looked at that shows something new.
    fn tell_at_times(&mut self, component: &[usize]) {
        let used: BTreeSet<usize> = self
            .graph
            .inside(component)
            .flat_map(|(_, edge)| edge.when.iter().map(|(clock, _)| *clock))
            .collect();
        if used.is_empty() || self.untold(component) == 0 {
            return;
        }
        let clocks: Vec<(usize, Clock<'a>)> = used
            .into_iter()
            .filter_map(|index| Some((index, self.graph.clocks.get(index)?.clone())))
            .collect();
        let own: Vec<Clock<'a>> = clocks.iter().map(|(_, clock)| clock.clone()).collect();
        let mut seen = BTreeSet::new();
        let mut asked = 0_usize;
        for moment in moments(&own, self.context.today.map(|day| day.0)) {
            asked = asked.saturating_add(clocks.len());
            if asked > MAX_ASKED {
                self.tell(component, Hours::Unknown);
                return;
            }
            let states: BTreeMap<usize, DestinationField> =
                clocks.iter().map(|(index, clock)| (*index, clock.at(moment))).collect();
            if !seen.insert(states.clone()) {
                continue;
            }
            self.tell(component, Hours::At(moment, &states));
            if self.untold(component) == 0 {
                return;
            }
        }
    }

    /// How many rules of a component are in no circle that is told.
    fn untold(&self, component: &[usize]) -> usize {
        let rules = self.graph.inside(component).map(|(_, edge)| edge.rule.0);
        rules.filter(|rule| !self.told.contains(rule)).count()
    }

    fn tell(&mut self, component: &[usize], hours: Hours<'_>) {
        let graph = self.graph;
        let next = |node: usize| graph.next(node, hours);
        for part in circles::components(component, next) {
            let edges = graph.inside(&part).filter(|(_, edge)| hours.hold(edge));
            for (from, edge) in edges {
                let (rule, _) = edge.rule;
                if self.told.contains(rule) {
                    continue;
                }
                if self.count >= MAX_TOLD {
                    self.more.insert(rule);
                    continue;
                }
                let Some(way) = circles::shortest(edge.to, from, next) else { continue };
                self.tell_one(&way, edge, hours);
            }
        }
    }

    /// One circle: the nodes on it, the last of which the given edge leaves for the first.
    fn tell_one(&mut self, way: &[usize], closing: &Edge<'a>, hours: Hours<'_>) {
        let graph = self.graph;
        let pairs = way.iter().zip(way.iter().skip(1));
        let edges = pairs.filter_map(|(from, to)| {
            let mut edges = graph.from(*from).iter();
            edges.find(|edge| edge.to == *to && hours.hold(edge))
        });
        let nodes = way.iter().copied();
        let mut steps: Vec<(usize, &Edge<'_>)> = nodes.zip(edges.chain([closing])).collect();
        // It is told at the first of its rules.
        let first = steps.iter().enumerate().min_by_key(|(at, (_, edge))| (edge.rule.0, *at));
        let first = first.map_or(0, |(at, _)| at);
        steps.rotate_left(first);
        self.told.extend(steps.iter().map(|(_, edge)| edge.rule.0));
        self.count += 1;
        self.found.push(self.round(&steps, hours));
    }

    fn round(&self, steps: &[(usize, &Edge<'a>)], hours: Hours<'_>) -> Diagnostic {
        let numbers: Vec<String> = steps.iter().map(|(node, _)| self.graph.number(*node)).collect();
        let (way, first) = (numbers.join(", "), numbers.first().map_or("", String::as_str));
        let of_rule = |edge: &Edge<'_>| edge.when.first().map(|(clock, _)| *clock);
        let clock = steps.iter().find_map(|(_, edge)| of_rule(edge));
        let clock = clock.and_then(|clock| self.graph.clocks.get(clock));
        let message = match hours {
            Hours::Always => {
                format!("a call to {first} would go round in a circle: {way} and again {first}")
            }
            Hours::At(moment, _) => {
                let at = clock.map(|clock| clock.shown(moment)).unwrap_or_default();
                format!(
                    "a call to {first} on {at} would go round in a circle: {way} and again {first}"
                )
            }
            Hours::Unknown => format!(
                "a call to {first} may go round in a circle, if the hours of its rules meet: {way} and again {first}"
            ),
        };
        let Some((_, edge)) = steps.first() else { return Diagnostic::new(Code::TL511, message) };
        let subject = edge.rule.0;
        let field = |edge: &Edge<'_>| edge.field.to_string();
        let mut told = self.context.diagnostic(Code::TL511, subject, &field(edge), message);
        let mut named = BTreeSet::from([subject]);
        for (_, edge) in
            steps.iter().filter(|(_, edge)| named.insert(edge.rule.0)).take(MAX_RELATED)
        {
            let place = self.context.span(edge.rule.0, &field(edge));
            told = told.related(place, format!("{} sends it on", edge.rule.0));
        }
        let mut named = BTreeSet::new();
        let routes = steps.iter().map(|(_, edge)| edge.by).filter(|by| named.insert(*by));
        for (rule, route) in routes.take(MAX_RELATED) {
            let place = self.context.span(rule, &format!("/spec/routes/{route}"));
            // That a later route closes the circle is easily overlooked.
            let when = if route > 0 { ", when those before it fail" } else { "" };
            told = told.related(place, format!("{rule} sends it out by this route{when}"));
        }
        told.help("send the call to an extension, or out over a trunk that does not own the number")
    }

    /// What is left out.
    fn tell_rest(&mut self) {
        let rest: Vec<_> = self.more.iter().filter(|rule| !self.told.contains(*rule)).collect();
        if let Some(first) = rest.first() {
            let message = format!(
                "calls of {} more rules go round in circles, this one's among them",
                rest.len()
            );
            let told = self.context.diagnostic(Code::TL511, first, "/spec/destination", message);
            self.found.push(told.help("mend those that are told, and look again"));
        }
        if !self.graph.all {
            let message = format!(
                "only the first {MAX_ARRIVALS} kinds of forwarded calls are followed: there may be circles among the rest"
            );
            let first = self.graph.arrivals.first().and_then(|_| self.graph.from(0).first());
            let mut told = Diagnostic::new(Code::TL511, message);
            if let Some(edge) = first {
                told = self.context.diagnostic(
                    Code::TL511,
                    edge.rule.0,
                    "/spec/destination",
                    told.message,
                );
            }
            self.found.push(told.help("let fewer rules hand numbers on to the outbound rules"));
        }
    }
}
