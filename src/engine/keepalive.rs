//! OPTIONS towards every target of the trunks: one probe in flight each, a verdict with hysteresis
//! (G32). A trunk is down when all its targets are. A reload
//! that leaves a trunk's far end alone leaves its schedule and its verdict alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::context::{Context, Due, Owner};
use super::event::Event;
use super::live::TrunkLive;
use super::write;
use crate::model::value::Name;
use crate::model::{KeepAlive, ResourceId, TrunkHealth};
use crate::transaction::{Class, ClientKey, TimerKey};

/// What is probed, and how often: as long as this is the same, nothing begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Aim {
    transport: Name,
    address: SocketAddr,
    uri: String,
    interval: Duration,
}

#[derive(Debug)]
struct Probe {
    id: ResourceId,
    aim: Aim,
    live: Arc<TrunkLive>,
    /// How its answers are judged; may change without beginning anew.
    rules: KeepAlive,
    timer: Option<TimerKey>,
    in_flight: Option<ClientKey>,
    failures: u32,
    successes: u32,
    /// What it says of its own target.
    health: TrunkHealth,
}

/// A target of a trunk.
type Aimed = (ResourceId, SocketAddr);

/// The probes by a number that is never used again, so that a late answer finds nothing.
#[derive(Debug, Default)]
pub(super) struct Keepalive {
    probes: BTreeMap<u32, Probe>,
    next: u32,
}

impl Keepalive {
    /// After a generation came into force: probes for what is new or changed, none for what is gone.
    pub(super) fn reconcile(&mut self, ctx: &mut Context) {
        let mut wanted = wanted(ctx);
        let kept =
            |probe: &Probe| wanted.get(&probe.aimed()).is_some_and(|one| one.aim == probe.aim);
        let gone: Vec<u32> = self
            .probes
            .iter()
            .filter_map(|(number, probe)| (!kept(probe)).then_some(*number))
            .collect();
        let mut changed = BTreeMap::new();
        for number in gone {
            let Some(probe) = self.probes.remove(&number) else { continue };
            probe.timer.into_iter().for_each(|timer| ctx.timers.cancel(timer));
            ctx.peers.remove(probe.aim.address);
            ctx.down.remove(&probe.aimed());
            changed.insert(probe.id, probe.live);
        }
        for probe in self.probes.values_mut() {
            if let Some(Wanted { rules, .. }) = wanted.remove(&probe.aimed()) {
                probe.rules = rules;
            }
        }
        for ((id, _), Wanted { aim, live, rules }) in wanted {
            let number = self.next;
            self.next = self.next.wrapping_add(1);
            // A start phase spread over the interval: a thousand new trunks are no burst.
            let span = u64::try_from(aim.interval.as_millis()).unwrap_or(u64::MAX);
            let begin = ctx.now + Duration::from_millis(ctx.chance.below(span));
            let timer = Some(ctx.timers.insert(begin, Due::Probe(number)));
            // So that its answers are admitted, from whatever port.
            ctx.peers.add(aim.address);
            changed.insert(id.clone(), live.clone());
            let probe = Probe {
                id,
                aim,
                live,
                rules,
                timer,
                in_flight: None,
                failures: 0,
                successes: 0,
                health: TrunkHealth::Unknown,
            };
            self.probes.insert(number, probe);
        }
        // Of another far end nothing is known yet.
        let healths = self.healths();
        for (id, live) in &changed {
            live.set_health(healths.get(id).copied().unwrap_or(TrunkHealth::Unknown));
        }
    }

    /// The health of every trunk that is probed: up as soon as one target is, down when all are.
    fn healths(&self) -> BTreeMap<&ResourceId, TrunkHealth> {
        let mut healths = BTreeMap::new();
        for probe in self.probes.values() {
            let health = healths.entry(&probe.id).or_insert(probe.health);
            *health = match (*health, probe.health) {
                (TrunkHealth::Up, _) | (_, TrunkHealth::Up) => TrunkHealth::Up,
                (TrunkHealth::Down, TrunkHealth::Down) => TrunkHealth::Down,
                (TrunkHealth::Unknown, _) | (_, TrunkHealth::Unknown) => TrunkHealth::Unknown,
            };
        }
        healths
    }

    /// Time for a probe.
    pub(super) fn on_time(&mut self, ctx: &mut Context, number: u32) {
        let Some(probe) = self.probes.get_mut(&number) else { return };
        let next = ctx.now + probe.aim.interval;
        probe.timer = Some(ctx.timers.insert(next, Due::Probe(number)));
        if probe.in_flight.is_some() {
            return;
        }
        let Some(transport) = ctx.listeners.number(&probe.aim.transport) else { return };
        let flow = ctx.listeners.flow(transport, probe.aim.address);
        let flow = ctx.towards_trunk_named(flow, &probe.id);
        let owner = Owner::Probe(number);
        if let Ok(key) = ctx.transactions.open_client(Class::Other, flow, owner, &mut ctx.chance) {
            probe.in_flight = Some(key);
            let packet = write::probe(ctx, flow, &probe.aim.uri, key);
            ctx.transactions.start_client(key, packet, ctx.now);
        }
    }

    /// The outcome of a probe: its final code, or none.
    pub(super) fn on_result(&mut self, ctx: &mut Context, number: u32, code: Option<u16>) {
        if code.is_some_and(|code| code < 200) {
            return;
        }
        let Some(probe) = self.probes.get_mut(&number) else { return };
        probe.in_flight = None;
        let down = |code: u16| probe.rules.down_codes.iter().any(|range| range.contains(code));
        let answers = code.is_some_and(|code| !down(code));
        let before = probe.health;
        let verdict = if answers {
            (probe.failures, probe.successes) = (0, probe.successes.saturating_add(1));
            (before != TrunkHealth::Down || probe.successes >= probe.rules.recover_after)
                .then_some(TrunkHealth::Up)
        } else {
            (probe.failures, probe.successes) = (probe.failures.saturating_add(1), 0);
            (probe.failures >= probe.rules.fail_after).then_some(TrunkHealth::Down)
        };
        let Some(verdict) = verdict.filter(|verdict| *verdict != before) else { return };
        probe.health = verdict;
        if verdict == TrunkHealth::Down {
            ctx.down.insert(probe.aimed());
        } else {
            ctx.down.remove(&probe.aimed());
        }
        let (id, live) = (probe.id.clone(), probe.live.clone());
        let verdict = self.healths().get(&id).copied().unwrap_or(verdict);
        if verdict != live.health() {
            live.set_health(verdict);
            ctx.events.push_back(Event::Health(id, verdict));
        }
    }
}

impl Probe {
    fn aimed(&self) -> Aimed {
        (self.id.clone(), self.aim.address)
    }
}

/// What is to be probed for a trunk.
struct Wanted {
    aim: Aim,
    live: Arc<TrunkLive>,
    rules: KeepAlive,
}

fn wanted(ctx: &Context) -> BTreeMap<Aimed, Wanted> {
    let table = &ctx.generation.table;
    let probed =
        table.trunks().filter(|(_, entry)| entry.spec.enabled && entry.spec.keep_alive.enabled);
    let targets = probed.flat_map(|(index, entry)| {
        ctx.targets(index, entry).into_iter().map(move |address| (index, entry, address))
    });
    let aims = targets.filter_map(|(index, entry, address)| {
        let spec = &entry.spec;
        let transport = table.transport(entry.transport?)?.id.name.clone();
        let uri = format!("sip:{}", spec.host_port());
        let interval = Duration::from_secs(u64::from(spec.keep_alive.interval.0).max(1));
        let live = ctx.generation.trunk(index)?.clone();
        let (aim, rules) = (Aim { transport, address, uri, interval }, spec.keep_alive.clone());
        Some(((entry.id.clone(), address), Wanted { aim, live, rules }))
    });
    aims.collect()
}
