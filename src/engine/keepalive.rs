//! OPTIONS towards the trunks: one probe in flight each, a verdict with hysteresis (G32). A reload
//! that leaves a trunk's far end alone leaves its schedule and its verdict alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::context::{Context, Due, Owner};
use super::event::Event;
use super::live::TrunkLive;
use super::{FAIL_AFTER, RECOVER_AFTER, write};
use crate::model::value::Name;
use crate::model::{ResourceId, TrunkHealth};
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
    timer: Option<TimerKey>,
    in_flight: Option<ClientKey>,
    failures: u32,
    successes: u32,
}

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
        let kept = |probe: &Probe| wanted.get(&probe.id).is_some_and(|(aim, _)| *aim == probe.aim);
        let gone: Vec<u32> = self
            .probes
            .iter()
            .filter_map(|(number, probe)| (!kept(probe)).then_some(*number))
            .collect();
        for number in gone {
            let Some(probe) = self.probes.remove(&number) else { continue };
            probe.timer.into_iter().for_each(|timer| ctx.timers.cancel(timer));
            ctx.peers.remove(probe.aim.address);
            // Of another far end nothing is known yet.
            probe.live.set_health(TrunkHealth::Unknown);
        }
        self.probes.values().for_each(|probe| {
            wanted.remove(&probe.id);
        });
        for (id, (aim, live)) in wanted {
            let number = self.next;
            self.next = self.next.wrapping_add(1);
            // A start phase spread over the interval: a thousand new trunks are no burst.
            let span = u64::try_from(aim.interval.as_millis()).unwrap_or(u64::MAX);
            let begin = ctx.now + Duration::from_millis(ctx.chance.below(span));
            let timer = Some(ctx.timers.insert(begin, Due::Probe(number)));
            // So that its answers are admitted, from whatever port.
            ctx.peers.add(aim.address);
            let probe = Probe { id, aim, live, timer, in_flight: None, failures: 0, successes: 0 };
            self.probes.insert(number, probe);
        }
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
        let answers = code.is_some_and(|code| !matches!(code, 408 | 500 | 502 | 503 | 504));
        let before = probe.live.health();
        let verdict = if answers {
            (probe.failures, probe.successes) = (0, probe.successes.saturating_add(1));
            (before != TrunkHealth::Down || probe.successes >= RECOVER_AFTER)
                .then_some(TrunkHealth::Up)
        } else {
            (probe.failures, probe.successes) = (probe.failures.saturating_add(1), 0);
            (probe.failures >= FAIL_AFTER).then_some(TrunkHealth::Down)
        };
        if let Some(verdict) = verdict.filter(|verdict| *verdict != before) {
            probe.live.set_health(verdict);
            ctx.events.push_back(Event::Health(probe.id.clone(), verdict));
        }
    }
}

fn wanted(ctx: &Context) -> BTreeMap<ResourceId, (Aim, Arc<TrunkLive>)> {
    let generation = &ctx.generation;
    let aims = generation.table.trunks().filter_map(|(index, entry)| {
        let spec = &entry.spec;
        if !spec.enabled || !spec.keep_alive.enabled {
            return None;
        }
        let transport = generation.table.transport(entry.transport?)?.id.name.clone();
        let address = entry.address?;
        let uri = format!("sip:{}", spec.host_port());
        let interval = Duration::from_secs(u64::from(spec.keep_alive.interval.0).max(1));
        let live = generation.trunk(index)?.clone();
        Some((entry.id.clone(), (Aim { transport, address, uri, interval }, live)))
    });
    aims.collect()
}
